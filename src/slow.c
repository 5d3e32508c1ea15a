/* slow.c - what malloc and free do when it is not the plain case: headers that
 * somebody wrote over, spans, alignments, frees in other threads' slabs, and
 * pointers that are none.
 */
#include "slab.h"

/* --- allocating --------------------------------------------------------------- */

/* A block of the class; its list is made, and made again where a header on it
 * was written over: from the labels, without the damaged ones. */
static size_t slab_malloc(struct view *v, uint32_t class, size_t size)
{
	v->error = LSHM_ERR_DAMAGED;
	for (uint32_t tries = 0; tries < 3; tries++) {
		if (!slab_refill(v, class)) {
			v->error = LSHM_ERR_NOMEM;
			return 0;
		}
		size_t p = block_take(v, class, size);
		if (p)
			return p;
		uint32_t k = v->list[class].slab;
		slab_rebuild(v, k, load_relaxed(&map_at(v, k)->word));
	}
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
	for (uint32_t step = 1; !(head = span_claim(v, n, chunks));) {
		step = heap_relieve(v, n, chunks, step);
		if (!step)
			return 0;
	}
	size_t payload = chunk_offset(v, head), header = payload - HEADER_SIZE;
	canary_set(v, payload, size, span_capacity(v, n));
	header_store(v->base + header,
	             label_seal(v, header, (uint32_t)size | LABEL_SPAN | (v->live & LABEL_BITS)));
	span_commit(v, head, KIND_SPAN, 0, n);
	return payload;
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
	uint32_t state = label_look(v, p - HEADER_SIZE);
	return state <= STATE_XFREE ? LSHM_ERR_FREED : LSHM_ERR_UNALLOCATED;
}

int block_look(struct view *v, size_t p, uint32_t k, uint64_t word)
{
	size_t capacity = span_capacity(v, span_length(v, k, word));
	uint32_t kind = WORD_KIND(word), x = slab_granule(v, k, p);
	if (kind == KIND_SLAB) {
		uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
		uint32_t within = x % stride;
		if (x - within + stride > slab_fresh(v, k, word))
			return LSHM_ERR_UNALLOCATED;
		if (within)
			return LSHM_ERR_INTERIOR;
		capacity = class_capacity(class);
	} else if (x || (kind != KIND_SPAN && kind != KIND_RESIZE)) {
		return pointer_reason(v, p, word);
	}
	/* Walkers look here too, at what others may be writing. */
	uint64_t h = bytes_peek64(v->base + (p - HEADER_SIZE));
	size_t size = block_size(h, capacity);
	if (!label_valid(v, p - HEADER_SIZE, h))
		return LSHM_ERR_DAMAGED;
	if (LABEL_STATE(h) != STATE_LIVE)
		return LSHM_ERR_FREED;
	if (size > capacity)
		return LSHM_ERR_DAMAGED;
	v->found.offset = p;
	v->found.size = size;
	v->found.footprint = capacity + HEADER_SIZE;
	v->found.tag = LABEL_TAG(h);
	uint32_t n = canary_bytes(size, capacity);
	size_t at = p + size + n - CANARY_BYTES;
	bool stands = canary_is(v, at, n, bytes_peek64(v->base + at));
	return stands ? 0 : LSHM_ERR_OVERRUN;
}

uint32_t pointer_head(struct view *v, size_t p)
{
	uint32_t c = (uint32_t)(p >> v->chunk_log2);
	uint64_t w = load_acquire(&map_at(v, c)->word);
	uint32_t back = WORD_ARG(w);
	return WORD_KIND(w) == KIND_TAIL && back <= c - v->piece_first ? c - back : c;
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
	return block_look(v, p, k, load_acquire(&map_at(v, k)->word));
}

/* --- freeing --------------------------------------------------------------------- */

/* Free the live block at p in a slab that another thread owns. In this order: a
 * thread that dies in between leaves a hint too many, not a label that nobody
 * looks for. */
static int free_foreign(struct view *v, size_t p, uint64_t label, uint32_t class)
{
	outbox_note(v, p, class_stride(class) * GRANULE);
	return header_retire(v->base + (p - HEADER_SIZE), label, label_flip(label))
	               ? 0
	               : LSHM_ERR_FREED;
}

/* All that is not a plain free in a slab of ours. */
int free_slow(struct view *v, size_t p)
{
	int error = view_attached(v) ? pointer_check(v, p) : LSHM_ERR_DETACHED;
	for (uint32_t tries = 0; !error && tries < 1000; tries++) {
		uint32_t k = pointer_head(v, p);
		uint64_t w = load_acquire(&map_at(v, k)->word);
		uint64_t h = header_load(v->base + (p - HEADER_SIZE));
		error = block_look(v, p, k, w);
		if (error)
			return error;
		if (WORD_OWNER(w) == v->mine) {
			slab_put(v, k, w, p - HEADER_SIZE);
			return 0;
		}
		/* The commit; it finds a racing double free too. */
		if (WORD_KIND(w) == KIND_SPAN)
			return span_release(v, k, w) ? 0 : LSHM_ERR_FREED;
		if (WORD_KIND(w) == KIND_RESIZE)
			return LSHM_ERR_INTERIOR;
		if (WORD_SLOT(w))
			return free_foreign(v, p, h, SLAB_CLASS(w));
		/* Nobody owns it: whoever frees in it does, from the next try on. */
		slab_adopt(v, k, w);
	}
	return error ? error : LSHM_ERR_DAMAGED;
}
