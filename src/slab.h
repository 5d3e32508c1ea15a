/* slab.h - chunks cut into blocks of one class. */
#ifndef LSHM_SLAB_H
#define LSHM_SLAB_H

#include "classes.h"
#include "label.h"
#include "map.h"
#include "span.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* --- slab.c --- */

/* The state that the label of the block at `header` shows. */
enum { STATE_DAMAGED = 4 };
uint32_t label_look(struct view *v, size_t header);
/* The block becomes free, `next` the one behind it on the list. Returns it. */
size_t label_free_before(struct view *v, size_t header, size_t next);
/* Put the block at `header` of our slab k back. */
void slab_put(struct view *v, uint32_t k, uint64_t word, size_t header);
/* Put our slab k, whose notes are right, on the ring of its class. */
void slab_enlist(struct view *v, uint32_t class, uint32_t k);
/* Become the owner of an ownerless slab whose word was read as `word`. */
bool slab_adopt(struct view *v, uint32_t k, uint64_t word);
/* Read all labels of our slab k and make its list from them. */
void slab_rebuild(struct view *v, uint32_t k, uint64_t word);
/* Give up our slab k, whose notes are right; whoever needs it may take it. */
void slab_park(struct view *v, uint32_t k, uint64_t word);
/* Free our slab k if it is empty, else give it up, after reading its labels. */
void slab_settle(struct view *v, uint32_t k, uint64_t word);

/* --- refill.c --- */

/* Make list->head of the class a free block, by collecting, carving, adopting
 * or claiming. False: out of memory. */
bool slab_refill(struct view *v, uint32_t class);
/* Send the hints for what was freed in other threads' slabs. */
void outbox_send(struct slot *slot, struct view *v);
/* Note that the block at `payload` is about to become XFREE. */
void outbox_note(struct view *v, size_t payload, uint32_t bytes);
/* Memory is short for n chunks: step 1 gathers what is free but held, later
 * steps grow the heap and reap the dead. Returns the next step after which to
 * try again, or 0 when nothing is left to try. */
uint32_t heap_relieve(struct view *v, uint32_t n, uint32_t align, uint32_t step);

/* --- slow.c --- */

/* What the block at p is, by the word of the chunk k that speaks for it: 0 and
 * v->found for a live one, OVERRUN likewise, else why it is none. */
int block_look(struct view *v, size_t p, uint32_t k, uint64_t word);
/* 0, or why p cannot even be looked up. */
int pointer_check(struct view *v, size_t p);
/* The chunk whose word speaks for the one that p is in. */
uint32_t pointer_head(struct view *v, size_t p);
/* What heap_free leaves to slow.c. */
int free_slow(struct view *v, size_t p);

/* Granules of a slab that may hold blocks. */
INLINE uint32_t slab_granules(const struct view *v, uint64_t word)
{
	return SLAB_LENGTH(word) << (v->chunk_log2 - GRANULE_LOG2);
}

/* `fresh` of a slab, made harmless if damaged. */
inline uint32_t slab_fresh(struct view *v, uint32_t k, uint64_t word)
{
	return min32(load_acquire(&map_at(v, k)->fresh), slab_granules(v, word));
}

INLINE size_t slab_header(const struct view *v, uint32_t k, uint32_t granule)
{
	return chunk_offset(v, k) + (size_t)granule * GRANULE - HEADER_SIZE;
}

/* The granule of slab k that p is in. */
INLINE uint32_t slab_granule(const struct view *v, uint32_t k, size_t p)
{
	return (uint32_t)((p - chunk_offset(v, k)) >> GRANULE_LOG2);
}

/* Chunks of a span, made harmless if damaged. */
inline uint32_t span_length(const struct view *v, uint32_t k, uint64_t word)
{
	return min32(word_length(word), v->chunks - k);
}

/* Whether blocks of the slab were never used. */
inline bool slab_has_fresh(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = class_stride(SLAB_CLASS(word));
	return slab_fresh(v, k, word) + stride <= slab_granules(v, word);
}

/* The size that a header says; of a span of 4 GiB or more, the low half and
 * the capacity together say it. */
INLINE size_t block_size(uint64_t label, size_t capacity)
{
	size_t size = (uint32_t)label;
	if (sizeof(size_t) > 4 && (label & LABEL_SPAN))
		size = capacity - (uint32_t)((uint32_t)capacity - (uint32_t)size);
	return size;
}

/* Whether the word is of a slab with arguments in range (I4). */
inline bool slab_word_valid(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t n = SLAB_LENGTH(word);
	return WORD_KIND(word) == KIND_SLAB && n > 0 &&
	       n <= (uint32_t)SLAB_BYTES_MAX >> v->chunk_log2 && n <= map_room(v, k);
}

/* The class's next free block, for `size` bytes, which fit; 0: there is none,
 * or the list does not lead to a free block. */
inline size_t block_take(struct view *v, uint32_t class, size_t size)
{
	struct class_list *list = &v->list[class];
	size_t header = list->head;
	if (unlikely(!header))
		return 0;
	uint64_t h = header_load(v->base + header);
	uint32_t link = (uint32_t)h & 0x7fff;
	size_t next = link_follow(header, link);
	if (unlikely(h != label_free(v, header, link) ||
	             (uint32_t)(next >> v->chunk_log2) >= v->chunks))
		return 0;
	list->head = next;
	canary_set(v, header + HEADER_SIZE, size, class_capacity(class));
	header_store(v->base + header, label_live(v, header, (uint32_t)size));
	return header + HEADER_SIZE;
}

#endif
