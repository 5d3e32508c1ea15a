/* share.c - what one thread frees, others can have: however a few threads share the
 * work of allocating and freeing, memory does not pile up with one of them.
 */
#include "test.h"

enum { BLOCKS = 600, THREADS = 3, SIZE_MOST = 700, MAXIMUM = 4 << 20, TURN = 1 << 14 };

enum sharing {
	ANYBODY,  /* each block is allocated by one of them, and freed by one */
	PRODUCER, /* the first allocates, anybody frees */
	TURNS,    /* one allocates for a while, the others free, then the next one */
};

/* Blocks of random sizes replace each other; 600 blocks of 350 bytes on average live
 * in a heap of twenty times that, which is never full if what is free gets around. */
static void replace(enum sharing sharing)
{
	lshm *threads[THREADS] = {test_heap(0, MAXIMUM)};
	lshm_ptr live[BLOCKS] = {0};
	uint64_t rng = test_seed, steps = test_long() ? 8000000 : 1500000;
	lshm_statistics statistics;
	for (int i = 1; i < THREADS; i++)
		CHECK((threads[i] = lshm_open_fd(lshm_fd(threads[0]), 0, NULL)) != NULL);
	for (uint64_t n = 0; n < steps; n++) {
		size_t i = random_below(&rng, BLOCKS), turn = n / TURN;
		size_t from = random_below(&rng, THREADS), to = random_below(&rng, THREADS);
		if (sharing == PRODUCER)
			from = 0;
		if (sharing == TURNS) {
			from = turn % THREADS;
			to = (turn + 1 + to % 2) % THREADS;
		}
		if (live[i])
			CHECK(lshm_free(threads[to], live[i]) == 0);
		live[i] = lshm_malloc(threads[from], random_below(&rng, SIZE_MOST));
		CHECK(live[i]);
	}
	CHECK(lshm_stats(threads[0], &statistics) == 0);
	printf("  %llu KiB live in %llu KiB\n", (unsigned long long)statistics.used >> 10,
	       (unsigned long long)statistics.committed >> 10);
	for (size_t i = 0; i < BLOCKS; i++)
		CHECK(lshm_free(threads[i % THREADS], live[i]) == 0);
	test_sound(threads[0]);
	for (int i = THREADS - 1; i >= 0; i--)
		lshm_close(threads[i]);
}

static void anybody(void)
{
	replace(ANYBODY);
}

static void producer(void)
{
	replace(PRODUCER);
}

static void turns(void)
{
	replace(TURNS);
}

int main(void)
{
	test_begin(300);
	RUN(anybody);
	RUN(producer);
	RUN(turns);
	return test_end();
}
