/* span.h - runs of chunks: claiming, giving back, growing the heap. */
#ifndef LSHM_SPAN_H
#define LSHM_SPAN_H

#include "core.h"

/* Claim n chunks for blocks of a class (0 for others), the first one a multiple of
 * `align` (a power of two, counted from address 0 in wasm). Returns the first one, its word CLAIM by us; 0 when
 * no such run is free now. */
uint32_t span_claim(struct view *v, uint32_t n, uint32_t align, uint32_t class);
/* CLAIM, RESIZE or SLAB of ours becomes `kind`. */
void span_commit(struct view *v, uint32_t head, uint32_t kind, uint32_t slot, uint32_t arg);
/* Free the chunks of head, or what an interrupted claim or release left of
 * them. False: its word is not `word` any more. */
bool span_release(struct view *v, uint32_t head, uint64_t word);
/* How many chunks follow each other as one: head, whose word is `word`, and the
 * TAILs that name it. */
uint32_t span_run(struct view *v, uint32_t head, uint64_t word);
/* Free the chunks from `keep` on that follow head; head's word must stay `word` all
 * the time. Returns how many chunks it had. */
uint32_t span_cut(struct view *v, uint32_t head, uint32_t keep, uint64_t word);
/* Try to have n chunks at head, whose word is RESIZE of ours, of old_n. */
bool span_stretch(struct view *v, uint32_t head, uint32_t old_n, uint32_t n);
/* Make room for n chunks at the end. False: the host or the maximum refused. */
bool heap_extend(struct view *v, uint32_t n, uint32_t align);
/* Learn of growth by others. */
void view_refresh(struct view *v);

/* Capacity of a span of n chunks. */
INLINE size_t span_capacity(const struct view *v, uint32_t n)
{
	return ((size_t)n << v->chunk_log2) - HEADER_SIZE;
}

#endif
