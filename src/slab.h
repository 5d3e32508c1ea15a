/* slab.h - chunks cut into blocks of one class. */
#ifndef LSHM_SLAB_H
#define LSHM_SLAB_H

#include "classes.h"
#include "label.h"
#include "map.h"
#include "span.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The state that the label of the block at `header` shows. */
enum { STATE_DAMAGED = 4 };
uint32_t label_look(struct view *v, size_t header);
/* The block becomes free, `next` the one behind it on the list. Returns it. */
size_t label_free_before(struct view *v, size_t header, size_t next);
/* Make list->head of the class a free block, by collecting, carving, adopting
 * or claiming. Returns it, or 0 when out of memory. */
size_t slab_refill(struct view *v, uint32_t class);
/* Put the block at `header` of our slab k back. */
void slab_put(struct view *v, uint32_t k, uint64_t word, size_t header);
/* Put our slab k, whose record is right, on the ring of its class. */
void slab_enlist(struct view *v, uint32_t class, uint32_t k);
/* Become the owner of an ownerless slab whose word was read as `word`. */
bool slab_adopt(struct view *v, uint32_t k, uint64_t word);
/* Take back what other threads freed in our slab k. */
bool slab_collect(struct view *v, uint32_t k, uint64_t word);
/* Read all labels of our slab k and make its list from them. */
void slab_rebuild(struct view *v, uint32_t k, uint64_t word);
/* Give up our slab k, whose record is right; whoever needs it may take it. */
void slab_park(struct view *v, uint32_t k, uint64_t word);
/* Free our slab k if all its blocks are. */
bool slab_release(struct view *v, uint32_t k, uint64_t word);
/* Free our slab k if it is empty, else give it up, after reading its labels. */
void slab_settle(struct view *v, uint32_t k, uint64_t word);
/* Own every slab for a moment that is ours or nobody's: free it if it is empty,
 * else leave it where the next one finds it. */
void heap_gather(struct view *v);
/* Send the hints for what we freed in other threads' slabs. */
void outbox_send(struct slot *slot, struct view *v);
/* Note that the block at `payload` is about to become XFREE. */
void outbox_note(struct view *v, size_t payload, uint32_t bytes);
/* Memory is short for n chunks: step 1 gathers what is free but held, later
 * steps grow the heap and reap the dead. Returns the next step after which to
 * try again, or 0 when nothing is left to try. */
uint32_t heap_relieve(struct view *v, uint32_t n, uint32_t align, uint32_t step);
/* Why the pointer at `payload`, in slab k or a span's head, is no live block of
 * the size that its header says, or 0. */
int block_check(struct view *v, size_t payload, uint32_t k, uint64_t word);
/* 0, or why p cannot even be looked up. */
int pointer_check(struct view *v, size_t p);
/* What heap_malloc and heap_free leave to slow.c. */
size_t malloc_again(struct view *v, uint32_t class, size_t size);
size_t span_malloc(struct view *v, size_t size, uint32_t align);
int free_slow(struct view *v, size_t p);
/* The chunk whose word speaks for the one that p is in. */
uint32_t pointer_head(struct view *v, size_t p);

/* Granules of a slab that may hold blocks. */
static inline uint32_t slab_granules(const struct view *v, uint64_t word)
{
	return SLAB_LENGTH(word) << (v->chunk_log2 - GRANULE_LOG2);
}

/* `fresh` of a slab, made harmless if damaged. */
static inline uint32_t slab_fresh(struct view *v, uint32_t k, uint64_t word)
{
	return min32(load_acquire(&map_record(v, k)->fresh), slab_granules(v, word));
}

static inline size_t slab_header(const struct view *v, uint32_t k, uint32_t granule)
{
	return chunk_offset(v, k) + (size_t)granule * GRANULE - HEADER_SIZE;
}

static inline uint32_t slab_granule(const struct view *v, uint32_t k, size_t header)
{
	return (uint32_t)((header + HEADER_SIZE - chunk_offset(v, k)) >> GRANULE_LOG2);
}

/* Chunks of a span, made harmless if damaged. */
static inline uint32_t span_length(const struct view *v, uint32_t k, uint64_t word)
{
	return min32(word_length(word), v->chunks - k);
}

/* Whether blocks of the slab were never used. */
static inline bool slab_has_fresh(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = class_stride(SLAB_CLASS(word));
	return slab_fresh(v, k, word) + stride <= slab_granules(v, word);
}

/* The size that a header says; of a span of 4 GiB or more, the low half and
 * the capacity together say it. */
static inline size_t block_size(uint64_t label, size_t capacity)
{
	size_t size = (uint32_t)label;
	if (sizeof(size_t) > 4 && (label & LABEL_SPAN))
		size = capacity - (uint32_t)((uint32_t)capacity - (uint32_t)size);
	return size;
}

static inline size_t class_capacity(uint32_t class)
{
	return (size_t)class_stride(class) * GRANULE - HEADER_SIZE;
}

/* Whether the word is of a slab with arguments in range (I4). */
static inline bool slab_word_valid(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t n = SLAB_LENGTH(word);
	return WORD_KIND(word) == KIND_SLAB && n > 0 &&
	       n <= max32(1, SLAB_BYTES_MAX >> v->chunk_log2) &&
	       n <= v->chunks - k && n <= v->piece_count;
}

/* A block of the class for `size` bytes, which fit; 0: none, or the list does
 * not lead to a free block. */
static inline size_t block_take(struct view *v, uint32_t class, size_t size)
{
	struct class_list *list = &v->list[class];
	size_t header = list->head;
	if (unlikely(!header)) {
		header = slab_refill(v, class);
		if (!header)
			return 0;
	}
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
