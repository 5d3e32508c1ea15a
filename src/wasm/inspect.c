/* inspect.c - what inspect.js calls: regions of the heap that this thread is
 * attached to. The view is the thread's own, of the same build; an answer is
 * left in the place of a check's report.
 */
#include "map.h"
#include "regions.h"
#include "span.h"

_Static_assert(sizeof(struct region) == 48, "JavaScript reads struct region");
_Static_assert(sizeof(struct region) <= sizeof(struct report), "a region fits into the report");

struct region *region_scratch(struct view *v)
{
	return (struct region *)(void *)&v->report;
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
