/* model.c - seeded random streams of all allocating calls, against a shadow of
 * the heap.
 */
#include "shadow.h"

static void step(struct shadow *s, lshm *heap, uint64_t *rng, size_t most, size_t target)
{
	size_t r = random_below(rng, 100);
	if (s->count && r < 15) {
		size_t which = random_below(rng, s->count);
		shadow_reallocate(s, heap, which, random_size(rng));
	} else if (s->count && (s->count >= most || r < (s->count > target ? 70u : 45u))) {
		shadow_free(s, heap, random_below(rng, s->count));
	} else {
		size_t size = random_size(rng), kind = random_below(rng, 8);
		size_t align = (size_t)1 << random_below(rng, 14);
		shadow_allocate(s, heap, kind < 2 ? (enum shadow_kind)kind : SHADOW_MALLOC, align,
		                size);
	}
}

static void run(uint64_t initial, uint64_t maximum, size_t most, uint64_t steps)
{
	struct shadow *s = shadow_make(maximum);
	lshm *heap = test_heap(initial, maximum);
	uint64_t rng = test_seed;
	size_t target = most;
	for (uint64_t i = 0; i < steps; i++) {
		if (i % 5000 == 0) {
			shadow_audit(s, heap);
			target = random_below(&rng, most + 1);
		}
		step(s, heap, &rng, most, target);
	}
	shadow_audit(s, heap);
	while (s->count)
		shadow_free(s, heap, s->count - 1);
	shadow_audit(s, heap);
	/* All is whole again: one block can have nearly everything that was
	 * there at first, or what the heap says it can. */
	lshm_statistics all;
	CHECK(lshm_trim(heap) == 0 && lshm_stats(heap, &all) == 0);
	CHECK(all.used == 0 && all.largest_free > all.committed / 100 * 45);
	CHECK(lshm_malloc(heap, (size_t)all.largest_free) != 0);
	printf("  %llu steps, %llu times out of memory\n", (unsigned long long)steps,
	       (unsigned long long)s->failed);
	lshm_close(heap);
	shadow_close(s);
}

static void roomy(void)
{
	run(1 << 20, 1 << 28, SHADOW_MAX, test_long() ? 5000000 : 300000);
}

static void cramped(void)
{
	run(1 << 20, 1 << 21, SHADOW_MAX, test_long() ? 2000000 : 150000);
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
