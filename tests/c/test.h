/* test.h - what the C tests share: checks, seeds, bounded time, scratch names.
 * A test program is a main that begins with test_begin, RUNs its tests and
 * returns test_end(). The first failed check ends the program.
 */
#ifndef TEST_H
#define TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <lshm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A fuzzer has another way: it keeps the input. */
#ifndef TEST_GIVE_UP
#define TEST_GIVE_UP() _exit(1)
#endif

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* The call failed with this code, and said so. */
#define REFUSED(call, code) \
	do { \
		errno = 0; \
		CHECK(!(call)); \
		CHECK(lshm_error() == (code)); \
		CHECK(errno != 0); \
	} while (0)

#define RUN(test) (test(), test_passed(#test))

static int test_count;
static uint64_t test_seed;
static pid_t test_process;
/* A shared-memory name and a file name that belong to this run. */
static char test_shm[64], test_file[64];
/* Says what was being tried when a check failed. */
static void (*test_tell)(void);

static inline _Noreturn void test_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: failed: %s (errno %d %s; lshm: %s; LSHM_SEED=%llu)\n", file, line,
	        what, errno, strerror(errno), lshm_strerror(lshm_error()),
	        (unsigned long long)test_seed);
	if (test_tell)
		test_tell();
	/* A child's failure is no reason to take the others' heap from them. */
	if (getpid() == test_process) {
		lshm_unlink(test_shm);
		unlink(test_file);
	}
	TEST_GIVE_UP();
}

static inline void test_passed(const char *name)
{
	test_count++;
	printf("ok %s\n", name);
	fflush(stdout);
}

static inline bool test_wants(const char *variable)
{
	const char *text = getenv(variable);
	return text && *text && strcmp(text, "0") != 0;
}

/* Run at full length. */
static inline bool test_long(void)
{
	return test_wants("LSHM_LONG");
}

/* Run for hours, and end only when all is done. */
static inline bool test_soak(void)
{
	return test_wants("LSHM_SOAK");
}

/* `seconds` bounds the whole program; more at full length. */
static inline void test_begin(unsigned seconds)
{
	const char *text = getenv("LSHM_SEED");
	test_seed = text && *text ? strtoull(text, NULL, 0)
	                          : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
	printf("LSHM_SEED=%llu\n", (unsigned long long)test_seed);
	fflush(stdout);
	test_process = getpid();
	snprintf(test_shm, sizeof test_shm, "/lshm-test-%d", (int)test_process);
	snprintf(test_file, sizeof test_file, "/tmp/lshm-test-%d", (int)test_process);
	alarm(test_soak() ? 24 * 3600 : test_long() ? seconds * 20 : seconds);
}

static inline int test_end(void)
{
	printf("%d passed, 0 failed\n", test_count);
	return 0;
}

/* A seeded stream of numbers (splitmix64). */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline size_t random_below(uint64_t *state, size_t n)
{
	return (size_t)(random_next(state) % n);
}

/* Mostly small, some large: as programs allocate. */
static inline size_t random_size(uint64_t *state)
{
	uint64_t r = random_next(state);
	if (r % 1000 == 0)
		return (size_t)(r >> 32) % (1 << 19);
	if (r % 20 == 0)
		return (size_t)(r >> 32) % 20000;
	return (size_t)(r >> 32) % 520;
}

static inline lshm *test_heap(uint64_t initial, uint64_t maximum)
{
	lshm_options options = {.initial = initial, .maximum = maximum, .secret = test_seed | 1};
	lshm *heap = lshm_open(NULL, 0, &options);
	CHECK(heap);
	return heap;
}

/* Footprints and number of the live blocks, by walking. */
static inline uint64_t test_walk(lshm *heap, uint64_t *blocks)
{
	lshm_block block;
	uint64_t bytes = 0, count = 0;
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0; count++)
		bytes += block.footprint;
	if (blocks)
		*blocks = count;
	return bytes;
}

/* The heap is sound, and its counts agree with a walk. */
static inline void test_sound(lshm *heap)
{
	lshm_report report;
	lshm_statistics stats;
	uint64_t blocks, bytes = test_walk(heap, &blocks);
	if (lshm_check(heap, &report) != 0) {
		fprintf(stderr, "invariant %u is broken at %llu\n", report.invariant,
		        (unsigned long long)report.offset);
		CHECK(!"sound");
	}
	CHECK(report.invariant == 0);
	CHECK(lshm_stats(heap, &stats) == 0);
	CHECK(stats.blocks == blocks && stats.used == bytes);
	CHECK(report.blocks == blocks);
	CHECK(stats.used + stats.free + stats.metadata == stats.committed);
}

/* Of an empty heap one block can have what its counts promise, and that share,
 * both without growth. */
static inline void test_whole(lshm *heap, double share)
{
	lshm_statistics before, after;
	CHECK(lshm_stats(heap, &before) == 0 && before.blocks == 0);
	size_t sizes[] = {(size_t)before.largest_free, (size_t)(share * (double)before.committed)};
	for (int i = 0; i < 2; i++) {
		lshm_ptr p = lshm_malloc(heap, sizes[i]);
		CHECK(p && lshm_stats(heap, &after) == 0);
		CHECK(after.committed == before.committed);
		CHECK(lshm_free(heap, p) == 0);
	}
}

/* Waits for a child: it must have ended with status 0. */
static inline void test_join(pid_t child)
{
	int status;
	pid_t got;
	do
		got = waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	CHECK(got == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void test_sleep(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	nanosleep(&t, NULL);
}

#endif
