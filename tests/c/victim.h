/* victim.h - a program that uses a heap which somebody else writes over: every
 * call of lshm.h may fail, and has to end, and to leave alone what is outside
 * of the heap. What it gets it writes to, as a program would.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include "test.h"

enum { VICTIM_BLOCKS = 64, VICTIM_OPS = 24 };

struct victim {
	lshm *heap;
	size_t reach; /* bytes of the mapping */
	lshm_ptr block[VICTIM_BLOCKS];
	uint64_t calls, failed;
};

/* A block that was promised lies in the heap, and can be written to. */
static inline lshm_ptr victim_got(struct victim *v, lshm_ptr p, size_t size)
{
	v->failed += !p;
	if (!p)
		return 0;
	CHECK(p % 16 == 0 && p < v->reach && size <= v->reach - p);
	if (lshm_writable(v->heap, p, size))
		memset(lshm_at(v->heap, p), 0x5a, size);
	return p;
}

/* Walks: upwards, and so to an end. */
static inline void victim_walk(struct victim *v)
{
	lshm_block block;
	lshm_ptr last = 0, p;
	while ((p = lshm_next(v->heap, last, &block)) != 0) {
		CHECK(p > last && p < v->reach && block.size <= v->reach - p);
		last = p;
	}
}

static inline void victim_threads(struct victim *v, uint64_t r)
{
	lshm_thread list[8];
	lshm_reaped reaped;
	int count = lshm_threads(v->heap, list, 8);
	CHECK(count < 256);
	if (count <= 0)
		return;
	int which = (int)(r % (uint64_t)(count < 8 ? count : 8));
	lshm_reap(v->heap, list[which].thread, (int)(r >> 8 & 3), &reaped);
}

static inline void victim_allocate(struct victim *v, unsigned op, lshm_ptr *b, size_t size)
{
	size_t align = (size_t)1 << (size >> 3) % 14;
	if (op < 4)
		*b = victim_got(v, lshm_malloc(v->heap, size), size);
	else if (op == 4)
		*b = victim_got(v, lshm_calloc(v->heap, 1, size), size);
	else if (op == 5)
		*b = victim_got(v, lshm_aligned_alloc(v->heap, align, size), size);
	else
		*b = victim_got(v, lshm_realloc(v->heap, *b, size), size);
}

static inline void victim_look(struct victim *v, unsigned op, lshm_ptr b)
{
	lshm_statistics s;
	lshm_report report;
	lshm_name_get(v->heap, "name");
	if (op == 12)
		lshm_check(v->heap, &report);
	else if (op == 13)
		lshm_stats(v->heap, &s);
	else if (op == 14)
		victim_walk(v);
	else if (op == 15)
		CHECK(lshm_sizeof(v->heap, b) <= (int64_t)v->reach &&
		      lshm_lengthof(v->heap, b) <= (int64_t)v->reach);
	else
		lshm_add_u32(v->heap, b, lshm_get_u32(v->heap, lshm_root_get(v->heap, op % 16)));
}

static inline void victim_manage(struct victim *v, unsigned op, lshm_ptr b, uint64_t r)
{
	if (op == 18)
		lshm_trim(v->heap);
	else if (op == 19)
		victim_threads(v, r);
	else if (op == 20)
		lshm_reap_dead(v->heap, r & 1 ? LSHM_FREE_ALL : 0);
	else if (op == 21)
		lshm_grow(v->heap, (size_t)(r % 70000));
	else if (op == 22)
		lshm_name_set(v->heap, r & 1 ? "name" : "other", b);
	else if (r % 8 == 0)
		lshm_detach(v->heap);
	else
		lshm_root_set(v->heap, (unsigned)(r % 16), b);
}

/* One call; `r` says which, and on what. */
static inline void victim_step(struct victim *v, uint64_t r)
{
	unsigned op = (unsigned)(r % VICTIM_OPS);
	lshm_ptr *b = &v->block[(r >> 8) % VICTIM_BLOCKS];
	size_t size = (size_t)(r >> 32) % (r >> 14 & 7 ? 600 : r >> 17 & 3 ? 20000 : v->reach);
	v->calls++;
	if (op < 7) {
		victim_allocate(v, op, b, size);
	} else if (op < 12) {
		v->failed += lshm_free(v->heap, op == 11 ? size & ~(size_t)15 : *b) != 0;
		if (r >> 20 & 3) /* else freed again some time */
			*b = 0;
	} else if (op < 18) {
		victim_look(v, op, *b);
	} else {
		victim_manage(v, op, *b, r >> 32);
	}
}

#endif
