/* fast.h - the plain cases of malloc and free, in place wherever they are
 * called. What is not plain is left to others.
 *
 * malloc: take the block of the class that was freed last, check the label that
 * is there, write the label LIVE. That store is the commit: before it nothing
 * happened, after it the block is live and found by every walk.
 * free: check that the pointer is a live block, write the label CACHED, keep it.
 */
#ifndef LSHM_FAST_H
#define LSHM_FAST_H

#include "slab.h"

/* A block of the class for `size` bytes, which fit, from those that we keep. 0:
 * there is none, or somebody wrote over its header; nothing was done. */
INLINE size_t block_take(struct view *v, struct class_list *list, size_t size)
{
	uint32_t n = list->count;
	if (unlikely(!n))
		return 0;
	size_t p = v->cache[list->first + n - 1];
	uint8_t *header = header_at(v, p);
	uint32_t pad = label_pad(v, p);
	if (unlikely(header_load(header) != label_blend(v->cached, pad, 0)))
		return 0;
	list->count = (uint8_t)(n - 1);
	canary_set(v, p, size, list->capacity);
	header_store(header, label_blend(v->own, pad, (uint32_t)size));
	return p;
}

/* A block of `size` bytes. 0: heap_malloc_aligned knows more; nothing was done. */
INLINE size_t malloc_plain(struct view *v, size_t size)
{
	if (unlikely(!view_attached(v) || size > v->small_max))
		return 0;
	return block_take(v, &v->list[class_of(size)], size);
}

/* Free the block at p. False: free_rest knows more; nothing was done. */
INLINE bool free_plain(struct view *v, size_t p)
{
	size_t chunk = p >> v->chunk_log2, within = p & v->chunk_mask;
	const struct map_part *part = map_near(v, chunk);
	size_t i = chunk - part->first;
	if (unlikely(!p || !view_attached(v) || i >= part->ready))
		return false;
	const struct entry *e = part->entry + i;
	uint64_t w = load_acquire(&e->word);
	struct class_list *list = &v->list[WORD_CLASS(w)];
	size_t capacity = list->capacity;
	uint32_t n = list->count;
	/* Head or tail is anybody's guess: no branch. */
	size_t back = WORD_ARG(w) & -(size_t)(WORD_KIND(w) == KIND_TAIL);
	if (unlikely(back > i || n == list->limit))
		return false;
	e -= back;
	within += back << v->chunk_log2;
	w = load_acquire(&e->word);
	if (unlikely(WORD_KIND(w) != KIND_SLAB || !slab_block(list, within) ||
	             within >> GRANULE_LOG2 >= load_acquire(&e->fresh) || p + capacity > v->end))
		return false;
	uint8_t *header = header_at(v, p);
	uint64_t h = header_load(header);
	size_t size = LABEL_SIZE(h);
	uint32_t pad = label_pad(v, p);
	size_t place = canary_place(size, capacity);
	uint64_t end = bytes_load64(v->base + p + place);
	if (unlikely(h != label_blend(*live_base(v, LABEL_THREAD(h)), pad, (uint32_t)size) ||
	             !canary_is(v, end, size, place)))
		return false;
	cache_note(v, list->first + n, p);
	if (!header_change(header, h, label_blend(v->cached, pad, 0), WORD_OWNER(w) == v->mine))
		return false;
	list->count = (uint8_t)(n + 1);
	return true;
}

#endif
