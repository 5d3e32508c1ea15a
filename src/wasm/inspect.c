/* inspect.c - what inspect.js calls: regions of the heap that this thread is
 * attached to. The view is the thread's own, of the same build; an answer is
 * left behind it, where index.js has its answers too.
 */
#include "map.h"
#include "regions.h"
#include "span.h"

_Static_assert(sizeof(struct region) == 48, "JavaScript reads struct region");
_Static_assert(sizeof(struct view) + sizeof(struct region) <= sizeof(((struct slot *)0)->workspace),
               "a view and a region fit into a slot");

struct region *region_scratch(struct view *v)
{
	return (struct region *)(void *)(v + 1);
}

double heap_committed(struct view *v)
{
	view_refresh(v);
	return (double)((uint64_t)v->chunks << v->chunk_log2);
}

double heap_maximum(const struct view *v)
{
	return (double)((uint64_t)v->chunks_max << v->chunk_log2);
}
