/* worker.c - a process that the tests of the command look into while it works.
 *
 *   worker fill NAME SEED BLOCKS    allocates, frees some, sets a root and a name
 *   worker work NAME SEED THREADS   says "ready" and allocates and frees until it
 *                                   is killed, for a minute at most
 *   worker damage NAME              writes over the header of a live block
 */
#include "../c/test.h"

#include <pthread.h>

enum { HELD = 4000 };

static lshm *heap;

static void *work(void *context)
{
	uint64_t state = *(uint64_t *)context;
	lshm_ptr held[HELD] = {0};
	for (;;) {
		size_t i = random_below(&state, HELD);
		if (held[i])
			CHECK(lshm_free(heap, held[i]) == 0);
		held[i] = lshm_malloc(heap, random_size(&state));
	}
	return NULL;
}

static int work_all(uint64_t seed, size_t threads)
{
	static uint64_t seeds[64];
	alarm(60);
	for (size_t i = 0; i < threads && i < 64; i++) {
		pthread_t thread;
		seeds[i] = seed + i;
		CHECK(pthread_create(&thread, NULL, work, &seeds[i]) == 0);
	}
	test_sleep(0.2);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

static int fill(uint64_t seed, size_t blocks)
{
	lshm_ptr last = 0;
	for (size_t i = 0; i < blocks; i++) {
		lshm_ptr p = lshm_malloc(heap, random_size(&seed));
		CHECK(p);
		if (last && random_below(&seed, 3) == 0)
			CHECK(lshm_free(heap, last) == 0);
		last = p;
	}
	CHECK(lshm_root_set(heap, 3, last) == 0);
	CHECK(lshm_name_set(heap, "last \"one\"", last) == 0);
	lshm_close(heap);
	return 0;
}

static int damage(void)
{
	lshm_block block;
	lshm_ptr p = lshm_next(heap, 0, &block);
	CHECK(p && lshm_set_u64(heap, p - 8, 0xdeadbeefdeadbeef) == 0);
	printf("%llu\n", (unsigned long long)p);
	lshm_close(heap);
	return 0;
}

int main(int count, char **arguments)
{
	CHECK(count >= 3);
	heap = lshm_open(arguments[2], 0, NULL);
	CHECK(heap);
	uint64_t seed = count > 3 ? strtoull(arguments[3], NULL, 0) : 1;
	size_t number = count > 4 ? strtoull(arguments[4], NULL, 0) : 1;
	if (!strcmp(arguments[1], "work"))
		return work_all(seed, number);
	return !strcmp(arguments[1], "fill") ? fill(seed, number) : damage();
}
