/* malloc.c - the paths that are taken all the time; slow.c has the others.
 *
 * malloc: pop the current slab's list, check the label that is there, write
 * the label LIVE. That store is the commit: before it nothing happened, after
 * it the block is live and found by every walk.
 * free: check that the pointer is a live block, write the label FREE, push.
 */
#include "slab.h"

/* --- allocating ------------------------------------------------------------- */

size_t heap_malloc(struct view *v, size_t size)
{
	if (likely(view_attached(v) && size <= v->small_max)) {
		size_t p = block_take(v, class_of(size), size);
		if (likely(p))
			return p;
	}
	return heap_malloc_aligned(v, size, GRANULE);
}

/* --- freeing ------------------------------------------------------------------ */

int heap_free(struct view *v, size_t p)
{
	uint32_t c = (uint32_t)(p >> v->chunk_log2);
	if (unlikely(!p))
		return 0;
	if (unlikely(!view_attached(v) || p % GRANULE || p >> v->chunk_log2 >= v->chunks))
		return free_slow(v, p);
	struct entry *e = map_at(v, c);
	uint64_t w = load_acquire(&e->word);
	if (WORD_KIND(w) == KIND_TAIL && WORD_ARG(w) <= c - v->piece_first) {
		c -= WORD_ARG(w);
		e -= WORD_ARG(w);
		w = load_relaxed(&e->word);
	}
	uint32_t class = SLAB_CLASS(w), stride = class_stride(class), x = slab_granule(v, c, p);
	struct class_list *list = &v->list[class];
	if (WORD_OWNER(w) != v->mine)
		return free_slow(v, p);
	size_t header = p - HEADER_SIZE, capacity = (size_t)stride * GRANULE - HEADER_SIZE;
	uint64_t h = header_load(v->base + header);
	uint32_t size = (uint32_t)h;
	if (unlikely(size > capacity || h != label_live(v, header, size) ||
	             x + stride > load_relaxed(&e->fresh) || x % stride ||
	             !canary_stands(v, p, size, capacity)))
		return free_slow(v, p);
	if (unlikely(list->slab != c)) {
		slab_put(v, c, w, header);
		return 0;
	}
	header_store(v->base + header, label_free(v, header, link_to(header, list->head)));
	list->head = header;
	return 0;
}
