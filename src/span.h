/* span.h - runs of chunks: claiming, giving back, growing the heap. */
#ifndef LSHM_SPAN_H
#define LSHM_SPAN_H

#include "core.h"

/* Claim n chunks whose first is a multiple of `align` (a power of two, counted
 * from address 0 in wasm). Returns the first one, its word CLAIM by us; 0 when
 * no such run is free now. */
uint32_t span_claim(struct view *v, uint32_t n, uint32_t align);
/* CLAIM, RESIZE or SLAB of ours becomes `kind`. */
void span_commit(struct view *v, uint32_t head, uint32_t kind, uint32_t slot, uint32_t arg);
/* Free the chunks of head, whose word is CLAIM, XFREE, SPAN or SLAB, for `slot`. */
void span_release(struct view *v, uint32_t head, uint32_t slot);
/* Free what is left of a release or claim that was cut short. */
void span_finish(struct view *v, uint32_t head);
/* Free the chunks from `keep` on that follow head; head's word must stay
 * `word` all the time. */
void span_cut(struct view *v, uint32_t head, uint32_t keep, uint64_t word);
/* Tails that follow head, as their words say. */
uint32_t span_tails(struct view *v, uint32_t head);
/* Try to have n chunks at head, whose word is RESIZE of ours, of old_n. */
bool span_stretch(struct view *v, uint32_t head, uint32_t old_n, uint32_t n);
/* Make room for n chunks at the end. False: the host or the maximum refused. */
bool heap_extend(struct view *v, uint32_t n, uint32_t align);
/* Learn of growth by others. */
void view_refresh(struct view *v);

/* The span whose first chunk is `head` becomes a block. Capacity of n chunks. */
static inline size_t span_capacity(const struct view *v, uint32_t n)
{
	return ((size_t)n << v->chunk_log2) - HEADER_SIZE;
}

/* Chunks for a block of `size` bytes; no size overflows. */
static inline size_t span_chunks(const struct view *v, size_t size)
{
	size_t chunk = (size_t)1 << v->chunk_log2, rest = size & (chunk - 1);
	return (size >> v->chunk_log2) + ((rest + HEADER_SIZE + chunk - 1) >> v->chunk_log2);
}

#endif
