/* bad.c - what bad input gets: an error that says which it was, and nothing
 * changed. Damage is done to the bytes as a broken program would.
 */
#include "test.h"

static void sizes(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	lshm_ptr p = lshm_malloc(heap, 50);
	const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2 + 1, (size_t)1 << 24,
	                        (size_t)1 << 30};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		REFUSED(lshm_malloc(heap, sizes[i]), LSHM_ERR_NOMEM);
		CHECK(errno == ENOMEM);
		REFUSED(lshm_calloc(heap, sizes[i], 2), LSHM_ERR_NOMEM);
		REFUSED(lshm_calloc(heap, 2, sizes[i]), LSHM_ERR_NOMEM);
		REFUSED(lshm_realloc(heap, p, sizes[i]), LSHM_ERR_NOMEM);
		REFUSED(lshm_aligned_alloc(heap, 64, sizes[i]), LSHM_ERR_NOMEM);
	}
	REFUSED(lshm_aligned_alloc(heap, (size_t)1 << (sizeof(size_t) * 8 - 1), 8), LSHM_ERR_NOMEM);
	const size_t aligns[] = {0, 3, 24, 48, SIZE_MAX};
	for (size_t i = 0; i < sizeof aligns / sizeof *aligns; i++) {
		REFUSED(lshm_aligned_alloc(heap, aligns[i], 8), LSHM_ERR_INVALID);
		CHECK(errno == EINVAL);
	}
	CHECK(lshm_sizeof(heap, p) == 50);
	test_sound(heap);
	lshm_close(heap);
}

/* Both ways to give a block back, and both to ask after it. */
static void refuses(lshm *heap, lshm_ptr p, int code)
{
	lshm_block block;
	uint64_t before = test_walk(heap, NULL);
	errno = 0;
	CHECK(lshm_free(heap, p) == code && lshm_error() == code && errno != 0);
	REFUSED(lshm_realloc(heap, p, 1000), code);
	CHECK(lshm_sizeof(heap, p) == code && lshm_lengthof(heap, p) == code);
	for (lshm_ptr q = 0; (q = lshm_next(heap, q, &block)) != 0;)
		CHECK(q != p);
	CHECK(test_walk(heap, NULL) == before);
}

static void pointers(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	for (size_t size = 1; size < 200000; size = size * 5 + 3) {
		lshm_ptr a = lshm_malloc(heap, size), b = lshm_malloc(heap, size);
		refuses(heap, b + 1, LSHM_ERR_MISALIGNED);
		refuses(heap, b + 8, LSHM_ERR_MISALIGNED);
		if (size > 16)
			refuses(heap, b + 16, LSHM_ERR_INTERIOR);
		if (size > 8192)
			refuses(heap, b + 8192, LSHM_ERR_INTERIOR);
		CHECK(lshm_free(heap, a) == 0);
		refuses(heap, a, LSHM_ERR_FREED);
		CHECK(lshm_free(heap, b) == 0);
	}
	refuses(heap, (lshm_ptr)1 << 24, LSHM_ERR_OUTSIDE);
	refuses(heap, (lshm_ptr)1 << 40, LSHM_ERR_OUTSIDE);
	refuses(heap, UINT64_MAX - 15, LSHM_ERR_OUTSIDE);
	test_sound(heap);
	lshm_close(heap);
}

/* What was never given: behind the newest block of a slab, in free chunks, in
 * the heap's own structures. */
static void never_given(void)
{
	lshm *heap = test_heap(1 << 20, 1 << 20);
	lshm_ptr p = lshm_malloc(heap, 24);
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	int codes[64] = {0};
	for (lshm_ptr q = 16; q < s.committed; q += 16) {
		if (q == p)
			continue;
		int code = lshm_free(heap, q);
		CHECK(code < 0 && code > -64);
		codes[-code]++;
	}
	CHECK(codes[-LSHM_ERR_UNALLOCATED] > 1000);
	CHECK(codes[-LSHM_ERR_FREED] == 0 || codes[-LSHM_ERR_FREED] < 1000);
	CHECK(lshm_sizeof(heap, p) == 24);
	test_sound(heap);
	lshm_close(heap);
}

/* Every byte of the header: free, realloc and check find the damage, name it,
 * and the heap is whole again when the byte is. */
static void damaged_headers(void)
{
	const size_t sizes[] = {24, 100, 50000};
	for (size_t k = 0; k < 3; k++) {
		lshm *heap = test_heap(0, 1 << 24);
		lshm_ptr p = lshm_malloc(heap, sizes[k]);
		lshm_report report;
		for (lshm_ptr q = p - 8; q < p; q++)
			for (int bit = 0; bit < 8; bit++) {
				uint8_t byte = lshm_get_u8(heap, q);
				CHECK(lshm_set_u8(heap, q, (uint8_t)(byte ^ 1 << bit)) == 0);
				CHECK(lshm_free(heap, p) < 0);
				CHECK(lshm_realloc(heap, p, 1000) == 0);
				CHECK(lshm_check(heap, &report) == LSHM_ERR_DAMAGED);
				CHECK(report.invariant != 0);
				CHECK(report.offset / 16 <= p / 16 && report.offset + 8192 > p);
				CHECK(lshm_set_u8(heap, q, byte) == 0);
				test_sound(heap);
			}
		CHECK(lshm_free(heap, p) == 0);
		lshm_close(heap);
	}
}

static void overruns(void)
{
	const size_t sizes[] = {1, 20, 24, 100, 1000, 5000, 50000};
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		lshm *heap = test_heap(0, 1 << 24);
		lshm_ptr p = lshm_malloc(heap, sizes[k]), end = p + sizes[k];
		lshm_report report;
		if (sizes[k] + 8 < (uint64_t)lshm_lengthof(heap, p)) {
			uint8_t byte = lshm_get_u8(heap, end);
			lshm_set_u8(heap, end, 0);
			CHECK(lshm_free(heap, p) == LSHM_ERR_OVERRUN);
			REFUSED(lshm_realloc(heap, p, 9999), LSHM_ERR_OVERRUN);
			CHECK(lshm_check(heap, &report) == LSHM_ERR_DAMAGED && report.offset == p);
			lshm_set_u8(heap, end, byte);
		}
		test_sound(heap);
		CHECK(lshm_free(heap, p) == 0);
		lshm_close(heap);
	}
}

/* A run over into the next block's header. */
static void overrun_of_next(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	lshm_ptr p[100];
	lshm_report report;
	for (int i = 0; i < 100; i++)
		CHECK((p[i] = lshm_malloc(heap, 24)) != 0);
	lshm_ptr next = p[50] + 32;
	uint64_t header = lshm_get_u64(heap, next - 8);
	lshm_set_u64(heap, next - 8, 0x4141414141414141);
	CHECK(lshm_free(heap, next) < 0);
	CHECK(lshm_check(heap, &report) == LSHM_ERR_DAMAGED && report.offset == next);
	lshm_set_u64(heap, next - 8, header);
	test_sound(heap);
	lshm_close(heap);
}

static void null_page(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	lshm_report report;
	/* As a write through a null pointer does. */
	unsigned char *base = (unsigned char *)lshm_at(heap, 64) - 64;
	base[8] = 1;
	CHECK(lshm_check(heap, &report) == LSHM_ERR_DAMAGED && report.invariant == 1);
	base[8] = 0;
	test_sound(heap);
	lshm_close(heap);
}

static void flags_and_options(void)
{
	lshm_options o = {.initial = 1 << 22, .maximum = 1 << 21};
	REFUSED(lshm_open(NULL, 0, &o), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/lshm-none", 64, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/lshm-none", LSHM_EXCLUSIVE, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/lshm-none", LSHM_CREATE | LSHM_READ_ONLY, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open(NULL, LSHM_READ_ONLY, NULL), LSHM_ERR_INVALID);
	o = (lshm_options){.mode = 010000};
	REFUSED(lshm_open(NULL, 0, &o), LSHM_ERR_INVALID);
	o = (lshm_options){.initial = 1, .maximum = 1};
	REFUSED(lshm_open(NULL, 0, &o), LSHM_ERR_TOO_SMALL);
	REFUSED(lshm_open("", LSHM_CREATE, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/", LSHM_CREATE, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/..", LSHM_CREATE, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_open("/lshm-none", 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ENOENT);
	CHECK(lshm_unlink("/lshm-none") == LSHM_ERR_SYSTEM && errno == ENOENT);
	CHECK(lshm_unlink(NULL) == LSHM_ERR_INVALID && lshm_unlink("") == LSHM_ERR_INVALID);
	char text[300];
	memset(text, 'a', sizeof text);
	text[0] = '/';
	text[299] = 0;
	REFUSED(lshm_open(text, LSHM_CREATE, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ENAMETOOLONG);
	REFUSED(lshm_open_fd(-1, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == EBADF);
}

static void threads(void)
{
	lshm *heap = test_heap(0, 0);
	uint32_t self = lshm_self(heap);
	CHECK(self != 0);
	CHECK(lshm_reap(heap, self, 0, NULL) == LSHM_ERR_INVALID);
	CHECK(lshm_reap(heap, 0, 0, NULL) == LSHM_ERR_INVALID);
	CHECK(lshm_reap(heap, self + 1, 0, NULL) == LSHM_ERR_THREAD_GONE);
	CHECK(lshm_reap(heap, self + 256, LSHM_FORCE, NULL) == LSHM_ERR_THREAD_GONE);
	CHECK(lshm_reap(heap, self, 64, NULL) == LSHM_ERR_INVALID);
	CHECK(lshm_reap_dead(heap, LSHM_FORCE) == LSHM_ERR_INVALID);
	CHECK(lshm_reap_dead(heap, 0) == 0);
	CHECK(lshm_detach(heap) == 0);
	CHECK(lshm_threads(heap, NULL, 0) == 0);
	CHECK(lshm_reap(heap, self, 0, NULL) == LSHM_ERR_THREAD_GONE);
	CHECK(lshm_self(heap) != self);
	lshm_close(heap);
}

static void waits(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_calloc(heap, 1, 16);
	CHECK(lshm_wait32(heap, 0, 0, 0) == LSHM_ERR_OUTSIDE);
	CHECK(lshm_wait32(heap, p + 2, 0, 0) == LSHM_ERR_MISALIGNED);
	CHECK(lshm_notify(heap, UINT64_MAX, 1) == LSHM_ERR_OUTSIDE);
	CHECK(lshm_notify(heap, p + 1, 1) == LSHM_ERR_MISALIGNED);
	CHECK(lshm_wait32(heap, p, 1, -1) == LSHM_NOT_EQUAL);
	CHECK(lshm_wait32(heap, p, 0, 0) == LSHM_TIMED_OUT);
	CHECK(lshm_wait32(heap, p, 0, 2000000) == LSHM_TIMED_OUT);
	CHECK(lshm_notify(heap, p, 1) == 0 && lshm_notify(heap, p, 0) == 0);
	lshm_close(heap);
}

int main(void)
{
	test_begin(120);
	RUN(sizes);
	RUN(pointers);
	RUN(never_given);
	RUN(damaged_headers);
	RUN(overruns);
	RUN(overrun_of_next);
	RUN(null_page);
	RUN(flags_and_options);
	RUN(threads);
	RUN(waits);
	return test_end();
}
