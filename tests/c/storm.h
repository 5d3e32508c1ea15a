/* storm.h - workers that allocate, stamp, hand over and free at random, through
 * cells in the heap that all of them swap blocks in and out of. A block names
 * who made it and is stamped to its last byte; its content is checked before
 * every free, whoever frees it.
 */
#ifndef STORM_H
#define STORM_H

#include "test.h"

#include <sched.h>

enum { STORM_CELLS = 2048, STORM_WORKERS = 16 };

/* In the heap, at root 0. */
struct storm {
	uint64_t cell[STORM_CELLS];   /* a block or 0 */
	uint64_t base[STORM_WORKERS]; /* where each worker sees the heap */
	uint64_t done[STORM_WORKERS], remote[STORM_WORKERS], full[STORM_WORKERS];
	/* Workers that are here, and how many begin together: one that began long
	 * before the others would free what it made itself. */
	uint32_t here, together;
	uint32_t born; /* children of workers */
};

struct storm_block {
	uint32_t size, maker;
	unsigned char bytes[];
};

static inline lshm_ptr storm_make(lshm *heap)
{
	lshm_ptr p = lshm_calloc(heap, 1, sizeof(struct storm));
	CHECK(p && lshm_root_set(heap, 0, p) == 0);
	return p;
}

static inline unsigned char storm_byte(const struct storm_block *b)
{
	return (unsigned char)(b->size * 31 + b->maker * 7 + 1);
}

static inline lshm_ptr storm_block_make(lshm *heap, uint32_t maker, uint64_t *rng)
{
	size_t size = random_size(rng) + sizeof(struct storm_block);
	lshm_ptr p = lshm_malloc(heap, size);
	if (!p) {
		CHECK(errno == ENOMEM);
		return 0;
	}
	struct storm_block *b = lshm_at(heap, p);
	b->size = (uint32_t)size;
	b->maker = maker;
	memset(b->bytes, storm_byte(b), size - sizeof *b);
	return p;
}

/* Returns whether another worker had made it. */
static inline bool storm_block_free(lshm *heap, lshm_ptr p, uint32_t me)
{
	const struct storm_block *b = lshm_at(heap, p);
	unsigned char byte = storm_byte(b);
	bool remote = b->maker != me;
	CHECK(lshm_sizeof(heap, p) == b->size);
	for (size_t i = 0; i < b->size - sizeof *b; i++)
		CHECK(b->bytes[i] == byte);
	CHECK(lshm_free(heap, p) == 0);
	return remote;
}

/* One worker: until `steps` are done. */
static inline void storm_work(lshm *heap, uint32_t me, uint64_t steps, uint64_t seed)
{
	lshm_ptr at = lshm_root_get(heap, 0);
	struct storm *s = lshm_at(heap, at);
	uint64_t rng = seed, remote = 0, full = 0, done = 0;
	CHECK(s);
	s->base[me] = (uint64_t)(uintptr_t)s - at;
	__atomic_fetch_add(&s->here, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&s->here, __ATOMIC_ACQUIRE) < s->together)
		sched_yield();
	for (; done < steps; done++) {
		lshm_ptr cell = at + 8 * random_below(&rng, STORM_CELLS), p = 0;
		/* With fewer cores than workers each would otherwise free what it made
		 * itself within one slice of time. */
		if (done % 256 == 0)
			sched_yield();
		if (random_next(&rng) % 2 && !(p = storm_block_make(heap, me, &rng)))
			full++;
		p = lshm_exchange_u64(heap, cell, p);
		if (p)
			remote += storm_block_free(heap, p, me);
	}
	s->done[me] = done;
	s->remote[me] += remote;
	s->full[me] += full;
}

/* Frees what stands in the cells. */
static inline void storm_clear(lshm *heap)
{
	struct storm *s = lshm_at(heap, lshm_root_get(heap, 0));
	for (int i = 0; i < STORM_CELLS; i++)
		if (s->cell[i]) {
			storm_block_free(heap, s->cell[i], 0);
			s->cell[i] = 0;
		}
}

#endif
