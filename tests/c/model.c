/* model.c - a shadow of the heap: seeded random streams of all allocating calls,
 * and a map of who has which bytes. No two live blocks overlap, no byte of one
 * is changed by another, and every walk finds exactly what lives.
 */
#include "test.h"

enum { GRAIN = 8, LIVE_MAX = 4000 };

struct entry {
	lshm_ptr ptr;
	size_t size;
	uint32_t id;
};

struct model {
	lshm *heap;
	uint32_t *owner; /* of each grain: id of the block, 0 = none */
	size_t grains;
	struct entry live[LIVE_MAX];
	size_t count;
	uint32_t ids;
	uint64_t rng;
	uint64_t failed; /* out of memory */
};

static uint64_t pattern(uint32_t id, size_t i)
{
	uint64_t x = ((uint64_t)id << 32 | i) * 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

/* Header and payload belong to the block. */
static void shadow_set(struct model *m, const struct entry *e, uint32_t from, uint32_t to)
{
	size_t end = (size_t)(e->ptr + e->size + GRAIN - 1) / GRAIN;
	CHECK(end <= m->grains);
	for (size_t g = (size_t)e->ptr / GRAIN - 1; g < end; g++) {
		CHECK(m->owner[g] == from);
		m->owner[g] = to;
	}
}

static void stamp(struct model *m, const struct entry *e)
{
	unsigned char *at = lshm_at(m->heap, e->ptr);
	for (size_t i = 0; i < e->size; i++)
		at[i] = (unsigned char)pattern(e->id, i / 64);
}

static void verify(struct model *m, const struct entry *e, size_t size)
{
	const unsigned char *at = lshm_at(m->heap, e->ptr);
	for (size_t i = 0; i < size; i++)
		CHECK(at[i] == (unsigned char)pattern(e->id, i / 64));
}

static void enter(struct model *m, struct entry *e, lshm_ptr p, size_t size)
{
	*e = (struct entry){.ptr = p, .size = size, .id = ++m->ids};
	CHECK(p % 16 == 0 && lshm_sizeof(m->heap, p) == (int64_t)size);
	CHECK(lshm_lengthof(m->heap, p) >= (int64_t)size + 8);
	shadow_set(m, e, 0, e->id);
}

static void step_allocate(struct model *m)
{
	size_t size = random_size(&m->rng), kind = random_below(&m->rng, 8);
	size_t align = (size_t)1 << random_below(&m->rng, 14);
	struct entry *e = &m->live[m->count];
	lshm_ptr p = kind == 0   ? lshm_aligned_alloc(m->heap, align, size)
	             : kind == 1 ? lshm_calloc(m->heap, 1, size)
	                         : lshm_malloc(m->heap, size);
	if (!p) {
		CHECK(errno == ENOMEM && lshm_error() == LSHM_ERR_NOMEM);
		m->failed++;
		return;
	}
	CHECK(kind != 0 || p % align == 0);
	enter(m, e, p, size);
	const unsigned char *at = lshm_at(m->heap, p);
	for (size_t i = 0; kind == 1 && i < size; i++)
		CHECK(at[i] == 0);
	stamp(m, e);
	m->count++;
}

static void step_reallocate(struct model *m)
{
	struct entry *e = &m->live[random_below(&m->rng, m->count)], old = *e;
	size_t size = random_size(&m->rng);
	verify(m, &old, old.size);
	lshm_ptr p = lshm_realloc(m->heap, old.ptr, size);
	if (!p) {
		CHECK(errno == ENOMEM);
		CHECK(lshm_sizeof(m->heap, old.ptr) == (int64_t)old.size);
		m->failed++;
		return;
	}
	shadow_set(m, &old, old.id, 0);
	enter(m, e, p, size);
	/* The old content, at the new place. */
	old.ptr = p;
	verify(m, &old, size < old.size ? size : old.size);
	stamp(m, e);
}

static void step_free(struct model *m, size_t i)
{
	struct entry *e = &m->live[i];
	verify(m, e, e->size);
	shadow_set(m, e, e->id, 0);
	CHECK(lshm_free(m->heap, e->ptr) == 0);
	/* What was given back is none of ours. */
	CHECK(lshm_sizeof(m->heap, e->ptr) < 0);
	*e = m->live[--m->count];
}

static void audit(struct model *m)
{
	lshm_block block;
	size_t found = 0;
	test_sound(m->heap);
	for (lshm_ptr p = 0; (p = lshm_next(m->heap, p, &block)) != 0; found++) {
		uint32_t id = m->owner[p / GRAIN - 1];
		CHECK(id != 0 && block.size == (uint64_t)lshm_sizeof(m->heap, p));
		CHECK(p / GRAIN < 2 || m->owner[p / GRAIN - 2] != id);
	}
	CHECK(found == m->count);
	for (size_t i = 0; i < m->count; i++)
		verify(m, &m->live[i], m->live[i].size);
}

static void run(uint64_t initial, uint64_t maximum, size_t most, uint64_t steps)
{
	struct model *m = calloc(1, sizeof *m);
	m->heap = test_heap(initial, maximum);
	m->grains = (size_t)maximum / GRAIN;
	m->owner = calloc(m->grains, sizeof *m->owner);
	m->rng = test_seed;
	size_t target = most;
	for (uint64_t i = 0; i < steps; i++) {
		if (i % 5000 == 0) {
			audit(m);
			target = random_below(&m->rng, most + 1);
		}
		size_t r = random_below(&m->rng, 100);
		if (m->count && r < 15)
			step_reallocate(m);
		else if (m->count && (m->count >= most || r < (m->count > target ? 70u : 45u)))
			step_free(m, random_below(&m->rng, m->count));
		else
			step_allocate(m);
	}
	audit(m);
	while (m->count)
		step_free(m, m->count - 1);
	audit(m);
	/* All is whole again: one block can have nearly everything that was
	 * there at first, or what the heap says it can. */
	lshm_statistics s;
	CHECK(lshm_trim(m->heap) == 0 && lshm_stats(m->heap, &s) == 0);
	CHECK(s.used == 0 && s.largest_free > s.committed / 100 * 45);
	CHECK(lshm_malloc(m->heap, (size_t)s.largest_free) != 0);
	printf("  %llu steps, %llu times out of memory\n", (unsigned long long)steps,
	       (unsigned long long)m->failed);
	lshm_close(m->heap);
	free(m->owner);
	free(m);
}

static void roomy(void)
{
	run(1 << 20, 1 << 28, LIVE_MAX, test_long() ? 5000000 : 300000);
}

static void cramped(void)
{
	run(1 << 20, 1 << 21, LIVE_MAX, test_long() ? 2000000 : 150000);
}

static void tiny(void)
{
	run(1 << 16, 1 << 19, 500, test_long() ? 2000000 : 150000);
}

int main(void)
{
	test_begin(120);
	RUN(roomy);
	RUN(cramped);
	RUN(tiny);
	return test_end();
}
