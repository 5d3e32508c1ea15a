/* realloc.c - resizing and clearing.
 *
 * In place the header changes by one store, after the canary that goes with it
 * was written. A span changes its length behind RESIZE(keep): it shrinks size
 * first, map second, and grows map first, size second, so that whatever the
 * reaper finds, the size fits into `keep` chunks.
 */
#include "slab.h"

/* The block's size becomes `size`, within its capacity. */
static void block_resize(struct view *v, size_t p, size_t size, size_t capacity)
{
	size_t end = p + (capacity - size < CANARY_BYTES ? capacity : size + CANARY_BYTES);
	for (size_t at = p + size; at < end; at++)
		v->base[at] = (uint8_t)v->canary;
	uint64_t h = header_load(header_at(v, p)) & LABEL_BITS;
	uint64_t old = h & LABEL_SPAN ? LABEL_VALUE(h) : LABEL_SIZE(h);
	header_store(header_at(v, p), label_seal(v, p, h ^ old ^ size));
}

/* Try to give the span at head n chunks. */
static bool span_resize(struct view *v, uint32_t head, uint64_t word, size_t size, uint32_t n)
{
	size_t p = chunk_offset(v, head);
	uint32_t old_n = WORD_ARG(word), slot = view_slot(v);
	if (!old_n || old_n > map_room(v, head))
		return false; /* damaged */
	if (n <= old_n)
		block_resize(v, p, size, span_capacity(v, old_n));
	if (n == old_n)
		return true;
	uint64_t resize = map_change(v, head, word, KIND_RESIZE, slot, min32(n, old_n));
	if (!resize)
		return false;
	uint32_t now = n;
	if (n < old_n)
		span_cut(v, head, n, resize);
	else if (!span_stretch(v, head, old_n, n))
		now = old_n;
	else /* With more room behind the size there is more of a canary. */
		canary_set(v, p, v->found.size, span_capacity(v, n));
	map_change(v, head, resize, KIND_SPAN, 0, now);
	if (now > old_n)
		block_resize(v, p, size, span_capacity(v, n));
	return now == n;
}

/* Whether the live block at p could become `size` bytes where it is; if it is to
 * be `thrifty`, not where another place would be much smaller. */
static bool resize_in_place(struct view *v, size_t p, size_t size, bool thrifty)
{
	uint32_t k = pointer_head(v, p);
	uint64_t w = map_word(v, k);
	if (WORD_KIND(w) == KIND_SLAB) {
		size_t capacity = class_capacity(WORD_CLASS(w));
		/* Half empty or fuller than it can be: a smaller or larger class. */
		if (size > capacity || p + capacity > v->end ||
		    (thrifty && size < capacity / 2 && capacity > 64))
			return false;
		block_resize(v, p, size, capacity);
		return true;
	}
	if (WORD_KIND(w) != KIND_SPAN || (thrifty && size <= v->small_max / 2) ||
	    size > span_capacity(v, v->chunks_max))
		return false;
	return span_resize(v, k, w, size, chunks_for(v, size));
}

size_t heap_realloc(struct view *v, size_t p, size_t size, size_t align)
{
	if (!p)
		return heap_malloc_aligned(v, size, align);
	v->error = view_attached(v) ? heap_find(v, p) : LSHM_ERR_DETACHED;
	if (v->error)
		return 0;
	size_t old = v->found.size, address = p + ((size_t)v->skew << v->chunk_log2);
	bool aligned = !(address & (align - 1));
	if (aligned && resize_in_place(v, p, size, true))
		return p;
	size_t q = heap_malloc_aligned(v, size, align);
	if (!q) /* To shrink needs no memory. */
		return aligned && size <= old && resize_in_place(v, p, size, false) ? p : 0;
	bytes_copy(v->base + q, v->base + p, old < size ? old : size);
	heap_free(v, p);
	return q;
}

size_t heap_calloc(struct view *v, size_t count, size_t size, size_t align)
{
	if (size && count > (size_t)-1 / size) {
		v->error = LSHM_ERR_NOMEM;
		return 0;
	}
	size_t p = heap_malloc_aligned(v, count * size, align);
	if (p)
		bytes_clear(v->base + p, count * size);
	return p;
}
