/* slab.h - chunks cut into blocks of one class. */
#ifndef LSHM_SLAB_H
#define LSHM_SLAB_H

#include "classes.h"
#include "label.h"
#include "map.h"
#include "span.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Where we may have noted what begins the labels of a thread's live blocks. A thread
 * and its predecessor in the slot differ in their epochs. */
INLINE uint64_t *live_base(struct view *v, uint32_t thread)
{
	return &v->live[(thread ^ THREAD_EPOCH(thread)) % LIVE_COUNT];
}

/* --- slab.c --- */

/* The state that the label of the block at p shows. What one keeps who is gone, or being
 * reaped, counts as given back: the acquire of the slot's word pairs with the
 * compare-exchanges in thread_reap, after which it is hinted at, and thread_detach. */
enum { STATE_DAMAGED = 4 };
uint32_t label_look(struct view *v, size_t p);
/* The chunk whose word speaks for the one that p is in. */
uint32_t pointer_head(struct view *v, size_t p);
/* The block at p becomes FREE, and the first one on the list of our slab k. */
void list_push(struct view *v, struct entry *e, uint32_t k, size_t p);
/* Put the block at p back on the list of our slab k. */
void slab_put(struct view *v, uint32_t k, size_t p);
/* No slab is ours any more of a class. */
INLINE void ring_forget(struct class_list *list)
{
	list->slab = 0;
	list->held = 0;
}

/* Put our slab k, whose notes are right, on the ring of its class. */
void slab_enlist(struct view *v, uint32_t class, uint32_t k);
/* Become the owner of an ownerless slab whose word was read as `word`. */
bool slab_adopt(struct view *v, uint32_t k, uint64_t word);
/* The word of slab k of the class, if it is ours, else 0. */
uint64_t slab_ours(struct view *v, uint32_t class, uint32_t k);
/* Whether k is an ownerless slab that may have something free; a stale look harms
 * nobody. */
bool slab_has_room(struct view *v, uint32_t k, uint64_t word);
/* Take back what other threads freed in our slab k: XFREE becomes FREE. Whether it
 * has a list. */
bool slab_collect(struct view *v, uint32_t k, uint64_t word);
/* Read all labels of our slab k and make its list from them. */
void slab_rebuild(struct view *v, uint32_t k, uint64_t word);
/* Ownerless slab k of the class may have room. */
void parked_lower(struct view *v, uint32_t class, uint32_t k);
/* Give up our slab k, whose notes are right; whoever needs it may take it. */
void slab_park(struct view *v, uint32_t k, uint64_t word);
/* Free our slab k if all its blocks are free: the counter says when to look, their
 * labels whether it is so. */
bool slab_release(struct view *v, uint32_t k, uint64_t word);
/* Free our slab k if it is empty (true), else give it up, after reading its labels. */
bool slab_settle(struct view *v, uint32_t k, uint64_t word);

/* --- cache.c --- */

/* Move free blocks of the current slab, whose word is `word`, into our cache of the
 * class, which is empty, as many as it takes for a while. */
void cache_fill(struct view *v, struct class_list *list, uint64_t word);
/* Give the oldest blocks of our cache of the class back, but for `keep`. */
void cache_drain(struct view *v, struct class_list *list, uint32_t keep);
/* Give back all that we keep. */
void cache_empty(struct view *v);
/* The owner of chunk k's slab is to look at these. */
void hints_send(struct view *v, uint32_t k, uint64_t hints);

/* --- refill.c --- */

/* Fill our cache of the class, which is empty, from a slab that has a list, by
 * collecting, carving, adopting or claiming. False: out of memory. */
bool slab_refill(struct view *v, uint32_t class);
/* Memory is short for n chunks: gathers what is free but held, unless that was little
 * in a heap of this size before, or grows the heap, or reaps the dead. Returns the
 * step to go on with if that does not do (the first is 1), or 0 when nothing is left
 * to try. */
uint32_t heap_relieve(struct view *v, uint32_t n, uint32_t align, uint32_t step);

/* --- slow.c --- */

/* What the block at p is, by the word of the chunk k that speaks for it: 0 and
 * v->found for a live one, OVERRUN likewise, else why it is none. */
int block_look(struct view *v, size_t p, uint32_t k, uint64_t word);
/* The same where a block may begin by what the word says. */
int block_look_at(struct view *v, size_t p, uint32_t k, uint64_t word);
/* Free what free_plain does not: 0, or why not. */
int free_rest(struct view *v, size_t p);

/* Granules of a slab that may hold blocks. */
INLINE uint32_t slab_granules(const struct view *v, uint64_t word)
{
	return WORD_ARG(word) << (v->chunk_log2 - GRANULE_LOG2);
}

/* Granules from block to block. */
inline uint32_t word_stride(uint64_t word)
{
	return class_stride(WORD_CLASS(word));
}

/* `fresh` of a slab, made harmless if damaged. */
inline uint32_t slab_fresh(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t n = min32(v->chunks - k, WORD_ARG(word));
	return min32(load_acquire(&map_at(v, k)->fresh), n << (v->chunk_log2 - GRANULE_LOG2));
}

/* The payload of slab k's block that starts at a granule. */
INLINE size_t slab_payload(const struct view *v, uint32_t k, uint32_t granule)
{
	return chunk_offset(v, k) + (size_t)granule * GRANULE;
}

/* The hint that means the block at p, among those of its chunk. */
INLINE uint64_t hint_of(const struct view *v, size_t p)
{
	return 1ull << (p >> (v->chunk_log2 - 6) & 63);
}

/* The granule of slab k that p is in. */
INLINE uint32_t slab_granule(const struct view *v, uint32_t k, size_t p)
{
	return (uint32_t)((p - chunk_offset(v, k)) >> GRANULE_LOG2);
}

/* Whether a block of the class starts at `within`, which counts bytes from the
 * slab's start: a multiple of the stride, without a division. For a stride d and
 * m = ceil(2^32 / d) = (2^32 + e) / d, x = q d + r gives x m = q e + r m modulo
 * 2^32; that is below m exactly where r = 0, as long as q e < m, which holds for
 * x < 2^17 (a slab) and d <= 2^14 (a class). */
INLINE bool slab_block(const struct class_list *list, size_t within)
{
	return (uint32_t)within * list->inverse <= list->inverse - 1;
}

/* Chunks of a span, made harmless if damaged. */
inline uint32_t span_length(const struct view *v, uint32_t k, uint64_t word)
{
	return min32(word_length(word), v->chunks - k);
}

/* Whether blocks of the slab were never used. */
inline bool slab_has_fresh(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = word_stride(word);
	return slab_fresh(v, k, word) + stride <= slab_granules(v, word);
}

/* Whether the word is of a slab with arguments in range (I4). */
inline bool slab_word_valid(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t most = min32((uint32_t)SLAB_BYTES_MAX >> v->chunk_log2, map_room(v, k));
	return WORD_KIND(word) == KIND_SLAB && WORD_ARG(word) - 1 < most; /* nor 0 */
}

#endif
