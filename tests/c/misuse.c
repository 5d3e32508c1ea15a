/* misuse.c - what share of misuse is found: a table, each line of it from at
 * least 10,000 random tries on a heap in which three threads work. SECURITY.md
 * quotes it (`make figures` writes it there). What is promised is asserted.
 *
 * Damage is to bytes that become others; one that is written as it was is none.
 */
#include "test.h"

/* Sanitizers take ten times as long, and are not asked for the figures. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define PART 10
#else
#define PART 1
#endif

enum { BLOCKS = 600, THREADS = 3, MAXIMUM = 1 << 22, TRIES = 10000 / PART, MANY_TRIES = 100000 };

static lshm *threads[THREADS];
static struct {
	lshm_ptr ptr;
	size_t size;
} live[BLOCKS];
static bool starts[MAXIMUM / 16]; /* whether a live block starts there */
static uint64_t rng;

static lshm *any_thread(void)
{
	return threads[random_below(&rng, THREADS)];
}

/* --- blocks ------------------------------------------------------------------ */

static void block_make(size_t i, size_t size)
{
	lshm_ptr p = lshm_malloc(any_thread(), size);
	CHECK(p && !starts[p / 16]);
	starts[p / 16] = true;
	live[i].ptr = p;
	live[i].size = size;
}

/* Block i is given back; its place is left empty. */
static lshm_ptr block_free(size_t i, lshm *heap)
{
	lshm_ptr p = live[i].ptr;
	CHECK(lshm_free(heap, p) == 0);
	starts[p / 16] = false;
	live[i].ptr = 0;
	return p;
}

static size_t some_size(void)
{
	return random_below(&rng, 100) ? random_below(&rng, 700) : random_below(&rng, 20000);
}

/* Another block takes its place. */
static size_t replaced(void)
{
	size_t i = random_below(&rng, BLOCKS);
	if (live[i].ptr)
		block_free(i, any_thread());
	block_make(i, some_size());
	return i;
}

/* The free of p, which was misuse: whether it was refused. If not, and a block
 * starts there, that block is gone. */
static bool refused(lshm *heap, lshm_ptr p)
{
	if (lshm_free(heap, p) < 0)
		return true;
	starts[p / 16] = false;
	for (size_t i = 0; i < BLOCKS; i++)
		if (live[i].ptr == p) {
			live[i].ptr = 0;
			block_make(i, some_size());
		}
	return false;
}

/* --- pointers ------------------------------------------------------------------ */

static bool double_free(bool other)
{
	size_t i = replaced();
	lshm *first = any_thread(), *second = any_thread();
	while ((second == first) == other)
		second = any_thread();
	lshm_ptr p = block_free(i, first);
	bool found = refused(second, p);
	block_make(i, some_size());
	return found;
}

static bool double_free_at_once(int unused)
{
	(void)unused;
	return double_free(false);
}

static bool double_free_by_other(int unused)
{
	(void)unused;
	return double_free(true);
}

/* Freed again after other operations, until at its place a block starts, or none. */
static bool stale_pointer(int reused)
{
	for (;;) {
		size_t i = replaced(), size = live[i].size;
		lshm_ptr p = block_free(i, any_thread());
		block_make(i, reused ? size : some_size());
		for (size_t n = random_below(&rng, 100); n > 0; n--)
			replaced();
		if (starts[p / 16] == (reused != 0))
			return refused(any_thread(), p);
	}
}

static bool middle_pointer(int step)
{
	size_t i;
	do
		i = replaced();
	while (live[i].size <= (size_t)step);
	lshm_ptr p = live[i].ptr, q = p + 1 + random_below(&rng, live[i].size - 1);
	q -= (q - p) % (lshm_ptr)step;
	return q == p ? middle_pointer(step) : refused(any_thread(), q);
}

static bool wild_pointer(int unused)
{
	lshm_ptr p;
	(void)unused;
	replaced();
	do
		p = 16 * (1 + random_below(&rng, MAXIMUM / 16 - 1));
	while (starts[p / 16]);
	return refused(any_thread(), p);
}

/* --- bytes ----------------------------------------------------------------------- */

/* n bytes from `at` on become others. */
static void change(unsigned char *at, int n)
{
	for (int i = 0; i < n; i++)
		at[i] ^= (unsigned char)(1 + random_below(&rng, 255));
}

/* n bytes behind a block's size, of which the first are slack; or all are not. */
static bool overrun(int n, bool slack)
{
	unsigned char was[64], *end;
	size_t i;
	lshm_ptr p;
	do {
		i = replaced();
		p = live[i].ptr;
		size_t capacity = (size_t)lshm_lengthof(threads[0], p) - 8;
		if (!slack && live[i].size < capacity) {
			block_free(i, any_thread());
			block_make(i, capacity);
			p = live[i].ptr;
		}
		end = lshm_writable(threads[0], p + live[i].size, (size_t)n);
	} while (!end || ((size_t)lshm_lengthof(threads[0], p) - 8 == live[i].size) == slack);
	memcpy(was, end, (size_t)n);
	change(end, n);
	/* With slack the block's own free finds it, else only the next one's can. */
	bool found = slack ? refused(any_thread(), p) : lshm_check(threads[0], NULL) != 0;
	if (!slack || found)
		memcpy(end, was, (size_t)n);
	CHECK(lshm_sizeof(threads[0], live[i].ptr) == (int64_t)live[i].size);
	return found;
}

static bool overrun_slack(int n)
{
	return overrun(n, true);
}

static bool overrun_next(int n)
{
	return overrun(n, false);
}

/* n of the header's 8 bytes. */
static bool header(int n)
{
	static size_t i = BLOCKS;
	unsigned char was[8];
	if (i == BLOCKS || random_below(&rng, 8) == 0)
		i = replaced();
	lshm_ptr p = live[i].ptr;
	unsigned char *at = (unsigned char *)lshm_at(threads[0], p) - 8;
	memcpy(was, at, 8);
	for (int left = n, k = 0; k < 8; k++)
		if (random_below(&rng, (size_t)(8 - k)) < (size_t)left) {
			change(at + k, 1);
			left--;
		}
	/* It may pass for a larger block's header, with a canary somewhere. */
	bool found = lshm_free(any_thread(), p) < 0;
	if (found) {
		memcpy(at, was, 8);
		CHECK(lshm_sizeof(threads[0], p) == (int64_t)live[i].size);
		return true;
	}
	starts[p / 16] = false;
	live[i].ptr = 0;
	block_make(i, some_size());
	return false;
}

/* --- the table ---------------------------------------------------------------------- */

static const struct line {
	const char *misuse, *promised;
	bool (*attempt)(int argument);
	int argument;
	double least; /* share that must be found */
	uint64_t tries;
} lines[] = {
	{"free twice, at once", "all", double_free_at_once, 0, 1, TRIES},
	{"free twice, the second time by another thread", "all", double_free_by_other, 0, 1, TRIES},
	{"free of a stale pointer, where no block starts", "all", stale_pointer, 0, 1, TRIES},
	{"free of a stale pointer, where a new block starts", "nothing", stale_pointer, 1, 0,
         TRIES},
	{"free of a pointer into a block, to a multiple of 16", "all", middle_pointer, 16, 1,
         TRIES},
	{"free of a pointer into a block, to any byte", "all", middle_pointer, 1, 1, TRIES},
	{"free of any other offset", "all", wild_pointer, 0, 1, TRIES},
	{"overrun by 1 byte, into slack", "all", overrun_slack, 1, 1, TRIES},
	{"overrun by 8 bytes, into slack", "all", overrun_slack, 8, 1, TRIES},
	{"overrun by 64 bytes, into slack", "all", overrun_slack, 64, 1, TRIES},
	{"overrun by 1 byte, where there is no slack", "nothing", overrun_next, 1, 0, TRIES},
	{"overrun by 8 bytes, where there is no slack", "nothing", overrun_next, 8, 0, TRIES},
	{"overrun by 64 bytes, where there is no slack", "nothing", overrun_next, 64, 0, TRIES},
	{"1 byte of a header written over", "all", header, 1, 1, MANY_TRIES},
	{"2 bytes of a header written over", "all", header, 2, 1, MANY_TRIES},
	{"3 bytes of a header written over", "99.99 %", header, 3, 0.9999, MANY_TRIES},
	{"4 bytes of a header written over", "99.99 %", header, 4, 0.9999, MANY_TRIES},
	{"8 bytes of a header written over", "99.99 %", header, 8, 0.9999, MANY_TRIES},
};

/* All, or a share that is rounded down. */
static const char *share(uint64_t found, uint64_t tries)
{
	static char text[32];
	if (found == tries)
		return "all";
	uint64_t parts = found * 100000 / tries;
	snprintf(text, sizeof text, "%llu.%03llu %%", (unsigned long long)parts / 1000,
	         (unsigned long long)parts % 1000);
	return text;
}

static void table(void)
{
	printf("| misuse | promised | found | tries |\n|---|---|---|---|\n");
	for (const struct line *line = lines; line < lines + sizeof lines / sizeof *lines; line++) {
		uint64_t found = 0;
		for (uint64_t i = 0; i < line->tries; i++)
			found += line->attempt(line->argument);
		printf("| %s | %s | %s | %llu |\n", line->misuse, line->promised,
		       share(found, line->tries), (unsigned long long)line->tries);
		fflush(stdout);
		CHECK((double)found >= line->least * (double)line->tries);
		test_sound(threads[1]);
	}
}

int main(void)
{
	test_begin(120);
	rng = test_seed;
	threads[0] = test_heap(MAXIMUM, MAXIMUM);
	for (int i = 1; i < THREADS; i++)
		CHECK((threads[i] = lshm_open_fd(lshm_fd(threads[0]), 0, NULL)) != NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		block_make(i, some_size());
	RUN(table);
	for (int i = THREADS - 1; i >= 0; i--)
		lshm_close(threads[i]);
	return test_end();
}
