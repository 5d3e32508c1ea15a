/* slow.c - what malloc and free do when it is not the plain case: headers that
 * somebody wrote over, spans, alignments, frees in other threads' slabs, and
 * pointers that are none.
 */
#include "slab.h"

/* --- allocating --------------------------------------------------------------- */

/* The list did not lead to a free block: memory is out, or a header was written
 * over. Then the list is made from the labels; damaged ones are left out. */
size_t malloc_again(struct view *v, uint32_t class, size_t size)
{
	for (uint32_t tries = 0; tries < 3; tries++) {
		size_t p = block_take(v, class, size);
		if (p)
			return p;
		uint32_t k = v->list[class].slab;
		if (!k) {
			v->error = LSHM_ERR_NOMEM;
			return 0;
		}
		slab_rebuild(v, k, load_relaxed(map_word(v, k)));
	}
	v->error = LSHM_ERR_DAMAGED;
	return 0;
}

size_t span_malloc(struct view *v, size_t size, uint32_t align)
{
	v->error = LSHM_ERR_NOMEM;
	uint32_t n = (uint32_t)span_chunks(v, size), head = 0;
	if (span_chunks(v, size) > v->chunks_max)
		return 0;
	for (uint32_t step = 1; step; step = heap_relieve(v, n, align, step)) {
		head = span_claim(v, n, align);
		if (head)
			break;
	}
	if (!head)
		return 0;
	size_t payload = chunk_offset(v, head), header = payload - HEADER_SIZE;
	canary_set(v, payload, size, span_capacity(v, n));
	header_store(v->base + header,
	             label_seal(v, header, (uint32_t)size | LABEL_SPAN |
	                                   LABEL_MAKE(STATE_LIVE, 0, LABEL_TAG(v->live))));
	span_commit(v, head, KIND_SPAN, 0, n);
	return payload;
}

/* `align` is a power of two above 16. A stride that holds the size rounded up
 * to the alignment is a multiple of it, and slabs and spans start at chunks. */
size_t heap_malloc_aligned(struct view *v, size_t size, size_t align)
{
	size_t chunk = (size_t)1 << v->chunk_log2;
	size_t padded = ((size + HEADER_SIZE + align - 1) & ~(align - 1)) - HEADER_SIZE;
	if (!view_attached(v)) {
		v->error = LSHM_ERR_DETACHED;
		return 0;
	}
	v->error = LSHM_ERR_NOMEM;
	if (align <= chunk && size <= v->small_max && padded <= v->small_max)
		return malloc_again(v, class_of(padded), size);
	size_t chunks = align >> v->chunk_log2;
	return chunks >> 24 ? 0 : span_malloc(v, size, max32((uint32_t)chunks, 1));
}

/* --- pointers -------------------------------------------------------------------- */

/* A pointer that is in no slab and no span's start. */
static int pointer_reason(struct view *v, size_t p, uint64_t word)
{
	uint32_t kind = WORD_KIND(word);
	if (kind == KIND_SPAN || kind == KIND_TAIL || kind == KIND_RESIZE)
		return LSHM_ERR_INTERIOR;
	uint32_t state = label_look(v, p - HEADER_SIZE);
	return state <= STATE_XFREE ? LSHM_ERR_FREED : LSHM_ERR_UNALLOCATED;
}

int block_check(struct view *v, size_t p, uint32_t k, uint64_t word)
{
	size_t header = p - HEADER_SIZE, capacity;
	if (WORD_KIND(word) == KIND_SLAB) {
		uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
		uint32_t x = (uint32_t)((p - chunk_offset(v, k)) >> GRANULE_LOG2);
		uint32_t reciprocal = view_header(v)->reciprocal[class];
		if (x >= slab_fresh(v, k, word))
			return LSHM_ERR_UNALLOCATED;
		if (divide(x, reciprocal) * stride != x)
			return LSHM_ERR_INTERIOR;
		if (x + stride > slab_fresh(v, k, word))
			return LSHM_ERR_DAMAGED;
		capacity = (size_t)stride * GRANULE - HEADER_SIZE;
	} else if (WORD_KIND(word) == KIND_SPAN && p == chunk_offset(v, k)) {
		capacity = span_capacity(v, span_length(v, k, word));
	} else {
		return pointer_reason(v, p, word);
	}
	uint64_t h = header_load(v->base + header);
	if (!label_valid(v, header, h))
		return LSHM_ERR_DAMAGED;
	if (LABEL_STATE(h) != STATE_LIVE)
		return LSHM_ERR_FREED;
	size_t size = block_size(h, capacity);
	if (size > capacity)
		return LSHM_ERR_DAMAGED;
	return canary_stands(v, p, size, capacity) ? 0 : LSHM_ERR_OVERRUN;
}

/* Find the chunk whose word speaks for the one that p is in: p's own, or the
 * head of its slab. */
uint32_t pointer_head(struct view *v, size_t p)
{
	uint32_t c = (uint32_t)(p >> v->chunk_log2);
	uint64_t w = load_acquire(map_word(v, c));
	uint32_t back = WORD_ARG(w);
	return WORD_KIND(w) == KIND_TAIL && back <= c - v->piece_first ? c - back : c;
}

/* 0, or why p cannot even be looked up. */
int pointer_check(struct view *v, size_t p)
{
	/* Always: p may be known to us and the end of its block not yet. */
	view_refresh(v);
	if (p >> v->chunk_log2 >= v->chunks)
		return LSHM_ERR_OUTSIDE;
	uint32_t c = (uint32_t)(p >> v->chunk_log2);
	map_seek(v, c);
	if (c < piece_usable(v->slots_first, v->chunk_log2, v->piece_first, v->piece_count))
		return LSHM_ERR_OUTSIDE;
	return p % GRANULE ? LSHM_ERR_MISALIGNED : 0;
}

/* --- freeing --------------------------------------------------------------------- */

/* Free p in a slab that another thread owns, or a span. */
static int free_foreign(struct view *v, size_t p, uint32_t k, uint64_t word)
{
	int error = block_check(v, p, k, word);
	if (error)
		return error;
	if (WORD_KIND(word) == KIND_SPAN) {
		_Atomic uint64_t *w = map_word(v, k);
		/* The commit; it finds a racing double free too. */
		if (!cas64(w, word, word_next(word, KIND_XFREE, view_slot(v), 0)))
			return LSHM_ERR_FREED;
		span_release(v, k, view_slot(v));
		return 0;
	}
	uint8_t *header = v->base + (p - HEADER_SIZE);
	uint64_t h = header_load(header);
	/* In this order: a thread that dies in between leaves a hint too many,
	 * not a label that nobody looks for. */
	outbox_note(v, p, class_stride(SLAB_CLASS(word)) * GRANULE);
	return header_retire(header, h, label_flip(h)) ? 0 : LSHM_ERR_FREED;
}

/* All that is not a plain free in a slab of ours. */
int free_slow(struct view *v, size_t p)
{
	int error = view_attached(v) ? pointer_check(v, p) : LSHM_ERR_DETACHED;
	if (error)
		return error;
	for (uint32_t tries = 0; tries < 1000; tries++) {
		uint32_t k = pointer_head(v, p);
		uint64_t w = load_acquire(map_word(v, k));
		if (WORD_OWNER(w) == OWNER(KIND_SLAB, 0)) {
			/* Nobody owns it: whoever frees in it does. */
			error = block_check(v, p, k, w);
			if (error)
				return error;
			if (!slab_adopt(v, k, w))
				continue;
			w = load_relaxed(map_word(v, k));
		}
		if (WORD_OWNER(w) != v->mine)
			return free_foreign(v, p, k, w);
		error = block_check(v, p, k, w);
		if (!error)
			slab_put(v, k, w, p - HEADER_SIZE);
		return error;
	}
	return LSHM_ERR_DAMAGED;
}

