/* malloc.c - malloc and free as functions; slow.c has what is not plain. */
#include "fast.h"

size_t heap_malloc(struct view *v, size_t size)
{
	size_t p = malloc_plain(v, size);
	return likely(p) ? p : heap_malloc_aligned(v, size, GRANULE);
}

int heap_free(struct view *v, size_t p)
{
	return likely(free_plain(v, p)) ? 0 : free_rest(v, p);
}
