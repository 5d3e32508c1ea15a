/* slow.c - what malloc and free do when it is not the plain case: headers that
 * somebody wrote over, spans, alignments, a cache that is empty or full, and
 * pointers that are none.
 */
#include "fast.h"

/* --- allocating --------------------------------------------------------------- */

/* A block of the class. One that we keep and whose header was written over is
 * dropped: nobody gets it any more. */
static size_t slab_malloc(struct view *v, uint32_t class, size_t size)
{
	struct class_list *list = &v->list[class];
	for (uint32_t tries = 0; tries < 2 * CACHE_MOST; tries++) {
		size_t p = block_take(v, list, size);
		if (p)
			return p;
		if (list->count) {
			list->count--;
		} else if (!slab_refill(v, class)) {
			v->error = LSHM_ERR_NOMEM;
			return 0;
		}
	}
	v->error = LSHM_ERR_DAMAGED;
	return 0;
}

static size_t span_malloc(struct view *v, size_t size, size_t align)
{
	size_t most = span_capacity(v, v->chunks_max);
	uint32_t n = chunks_for(v, size), head = 0;
	uint32_t chunks = max32((uint32_t)(align >> v->chunk_log2), 1);
	v->error = LSHM_ERR_NOMEM;
	if (size > most || align > most)
		return 0;
	for (uint32_t step = 1; !(head = span_claim(v, n, chunks, 0));) {
		step = heap_relieve(v, n, chunks, step);
		if (!step)
			return 0;
	}
	size_t p = chunk_offset(v, head);
	canary_set(v, p, size, span_capacity(v, n));
	header_store(header_at(v, p), label_seal(v, p, LABEL_MAKE(STATE_LIVE, size) | LABEL_SPAN));
	store_owned32(&map_at(v, head)->thread, v->thread);
	span_commit(v, head, KIND_SPAN, 0, n);
	return p;
}

/* A stride that holds the size rounded up to the alignment is a multiple of it,
 * and slabs and spans start at chunks. */
size_t heap_malloc_aligned(struct view *v, size_t size, size_t align)
{
	size_t padded = ((size + HEADER_SIZE + align - 1) & -align) - HEADER_SIZE;
	if (!view_attached(v)) {
		v->error = LSHM_ERR_DETACHED;
		return 0;
	}
	if (!(align >> v->chunk_log2 >> 1) && size <= v->small_max && padded <= v->small_max)
		return slab_malloc(v, class_of(padded), size);
	return span_malloc(v, size, align);
}

/* --- pointers -------------------------------------------------------------------- */

/* A pointer that is in no slab and no span's start. */
static int pointer_reason(struct view *v, size_t p, uint64_t word)
{
	uint32_t kind = WORD_KIND(word);
	if (kind == KIND_SPAN || kind == KIND_TAIL || kind == KIND_RESIZE)
		return LSHM_ERR_INTERIOR;
	uint32_t state = label_look(v, p);
	return state <= STATE_XFREE ? LSHM_ERR_FREED : LSHM_ERR_UNALLOCATED;
}

int block_look(struct view *v, size_t p, uint32_t k, uint64_t word)
{
	uint32_t kind = WORD_KIND(word), x = slab_granule(v, k, p);
	if (kind == KIND_SLAB) {
		uint32_t stride = word_stride(word), within = x % stride;
		if (x - within + stride > slab_fresh(v, k, word))
			return LSHM_ERR_UNALLOCATED;
		if (within)
			return LSHM_ERR_INTERIOR;
	} else if (x || (kind != KIND_SPAN && kind != KIND_RESIZE)) {
		return pointer_reason(v, p, word);
	}
	return block_look_at(v, p, k, word);
}

int block_look_at(struct view *v, size_t p, uint32_t k, uint64_t word)
{
	bool slab = WORD_KIND(word) == KIND_SLAB;
	size_t capacity =
		slab ? class_capacity(WORD_CLASS(word)) : span_capacity(v, span_length(v, k, word));
	/* Walkers look here too, at what others may be writing. */
	uint64_t h = header_peek(header_at(v, p));
	size_t size = slab ? LABEL_SIZE(h) : (size_t)LABEL_VALUE(h);
	if (!label_valid(v, p, h))
		return LSHM_ERR_DAMAGED;
	if (LABEL_STATE(h) != STATE_LIVE)
		return LSHM_ERR_FREED;
	if (size > capacity || p + capacity > v->end)
		return LSHM_ERR_DAMAGED;
	v->found.offset = p;
	v->found.size = size;
	v->found.footprint = capacity + HEADER_SIZE;
	v->found.thread = slab ? LABEL_THREAD(h) : load_relaxed(&map_at(v, k)->thread);
	size_t place = canary_place(size, capacity);
	uint64_t end = bytes_peek64(v->base + p + place);
	return canary_is(v, end, size, place) ? 0 : LSHM_ERR_OVERRUN;
}

int pointer_check(struct view *v, size_t p)
{
	/* Always: p may be known to us and the end of its block not yet. */
	view_refresh(v);
	size_t c = p >> v->chunk_log2;
	if (c >= v->chunks || map_usable(v, (uint32_t)c) != c)
		return LSHM_ERR_OUTSIDE;
	return p % GRANULE ? LSHM_ERR_MISALIGNED : 0;
}

int heap_find(struct view *v, size_t p)
{
	int error = pointer_check(v, p);
	if (error)
		return error;
	uint32_t k = pointer_head(v, p);
	return block_look(v, p, k, map_word(v, k));
}

/* --- freeing --------------------------------------------------------------------- */

int free_rest(struct view *v, size_t p)
{
	if (!p)
		return 0;
	int error = view_attached(v) ? pointer_check(v, p) : LSHM_ERR_DETACHED;
	if (error)
		return error;
	uint32_t k = pointer_head(v, p);
	uint64_t w = map_word(v, k), h = header_load(header_at(v, p));
	error = block_look(v, p, k, w);
	if (error)
		return error;
	/* The commit; it finds a racing double free too. */
	if (WORD_KIND(w) == KIND_SPAN)
		return span_release(v, k, w) ? 0 : LSHM_ERR_FREED;
	if (WORD_KIND(w) != KIND_SLAB)
		return LSHM_ERR_INTERIOR;
	*live_base(v, LABEL_THREAD(h)) = label_base(STATE_LIVE, LABEL_THREAD(h));
	struct class_list *list = &v->list[WORD_CLASS(w)];
	if (list->count == list->limit)
		cache_drain(v, list, list->limit / 2u);
	cache_note(v, list->first + list->count, p);
	if (!header_change(header_at(v, p), h, label_blend(v->cached, label_pad(v, p), 0),
	                   WORD_OWNER(w) == v->mine))
		return LSHM_ERR_FREED;
	list->count++;
	return 0;
}
