/* api.c - every function of lshm.h on a heap that is well. */
#include "test.h"

#include <math.h>

static void allocates(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr a = lshm_malloc(heap, 100), b = lshm_malloc(heap, 0), c = lshm_malloc(heap, 0);
	CHECK(a && b && c && b != c && a % 16 == 0 && b % 16 == 0);
	CHECK(lshm_sizeof(heap, a) == 100 && lshm_sizeof(heap, b) == 0);
	CHECK(lshm_lengthof(heap, a) >= 108 && lshm_lengthof(heap, b) >= 8);
	CHECK(lshm_free(heap, a) == 0 && lshm_free(heap, b) == 0 && lshm_free(heap, c) == 0);
	CHECK(lshm_free(heap, 0) == 0);
	test_sound(heap);
	lshm_close(heap);
	lshm_close(NULL);
}

static void clears(void)
{
	lshm *heap = test_heap(0, 0);
	for (size_t size = 1; size < 300000; size = size * 3 + 1) {
		lshm_ptr a = lshm_malloc(heap, size);
		CHECK(a);
		memset(lshm_at(heap, a), 0xff, size);
		CHECK(lshm_free(heap, a) == 0);
		lshm_ptr b = lshm_calloc(heap, size, 1);
		CHECK(b && lshm_sizeof(heap, b) == (int64_t)size);
		const unsigned char *bytes = lshm_at(heap, b);
		for (size_t i = 0; i < size; i++)
			CHECK(bytes[i] == 0);
	}
	REFUSED(lshm_calloc(heap, SIZE_MAX / 2, 3), LSHM_ERR_NOMEM);
	lshm_close(heap);
}

static void aligns(void)
{
	lshm *heap = test_heap(0, 0);
	for (size_t align = 1; align <= 1 << 20; align *= 2)
		for (size_t size = 0; size < 40000; size = size * 2 + 7) {
			lshm_ptr p = lshm_aligned_alloc(heap, align, size);
			CHECK(p && p % align == 0 && p % 16 == 0);
			CHECK(lshm_sizeof(heap, p) == (int64_t)size);
			/* Where addresses are plenty the base is aligned as well. */
			if (sizeof(void *) == 8 || align <= 4096)
				CHECK((uintptr_t)lshm_at(heap, p) % align == 0);
			memset(lshm_at(heap, p), 0xee, size);
			if (size % 3 == 0)
				CHECK(lshm_free(heap, p) == 0);
		}
	test_sound(heap);
	REFUSED(lshm_aligned_alloc(heap, 0, 8), LSHM_ERR_INVALID);
	REFUSED(lshm_aligned_alloc(heap, 24, 8), LSHM_ERR_INVALID);
	lshm_close(heap);
}

static void reallocates(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_realloc(heap, 0, 10);
	CHECK(p && lshm_sizeof(heap, p) == 10);
	unsigned char *bytes = lshm_at(heap, p);
	for (int i = 0; i < 10; i++)
		bytes[i] = (unsigned char)i;
	const size_t sizes[] = {12, 100, 5000, 4000, 70000, 500000, 1 << 20, 300000, 20000, 16, 10};
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		p = lshm_realloc(heap, p, sizes[k]);
		CHECK(p && lshm_sizeof(heap, p) == (int64_t)sizes[k]);
		bytes = lshm_at(heap, p);
		for (int i = 0; i < 10; i++)
			CHECK(bytes[i] == i);
	}
	test_sound(heap);
	REFUSED(lshm_realloc(heap, p, SIZE_MAX / 2), LSHM_ERR_NOMEM);
	CHECK(lshm_sizeof(heap, p) == 10);
	p = lshm_realloc(heap, p, 0);
	CHECK(p && lshm_sizeof(heap, p) == 0);
	lshm_close(heap);
}

static void walks(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr ptrs[300];
	for (size_t i = 0; i < 300; i++)
		CHECK((ptrs[i] = lshm_malloc(heap, i * i)) != 0);
	for (size_t i = 0; i < 300; i += 3)
		CHECK(lshm_free(heap, ptrs[i]) == 0);
	size_t found = 0;
	lshm_block block;
	lshm_ptr last = 0;
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0; found++) {
		size_t i = 0;
		while (i < 300 && ptrs[i] != p)
			i++;
		CHECK(i < 300 && i % 3 != 0);
		CHECK(block.ptr == p && p > last && block.size == i * i);
		CHECK(block.footprint == (uint64_t)lshm_lengthof(heap, p));
		CHECK(block.thread == lshm_self(heap));
		last = p;
	}
	CHECK(found == 200);
	lshm_close(heap);
}

static void counts(void)
{
	lshm *heap = test_heap(1 << 20, 1 << 24);
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	CHECK(s.maximum == 1 << 24 && s.committed <= 1 << 20 && s.threads == 1);
	CHECK(s.blocks == 0 && s.used == 0);
	CHECK(s.largest_free >= s.committed / 100 * 95);
	lshm_ptr p = lshm_malloc(heap, (size_t)s.largest_free);
	CHECK(p);
	lshm_statistics t;
	CHECK(lshm_stats(heap, &t) == 0);
	CHECK(t.committed == s.committed && t.blocks == 1 && t.spans == 1);
	CHECK(lshm_grow(heap, 1 << 20) == 0);
	CHECK(lshm_stats(heap, &t) == 0 && t.committed >= s.committed + (1 << 20));
	CHECK(lshm_grow(heap, 1 << 25) == LSHM_ERR_NOMEM);
	CHECK(lshm_trim(heap) == 0);
	test_sound(heap);
	lshm_close(heap);
}

static void grows(void)
{
	lshm *heap = test_heap(0, 1 << 26);
	size_t total = 0;
	lshm_ptr p, last = 0;
	while ((p = lshm_malloc(heap, 100000)) != 0) {
		memset(lshm_at(heap, p), 1, 100000);
		lshm_set_u64(heap, p, last);
		last = p;
		total += 100000;
	}
	CHECK(lshm_error() == LSHM_ERR_NOMEM && errno == ENOMEM);
	CHECK(total > (size_t)(1 << 26) / 100 * 90);
	for (; last; last = p) {
		p = lshm_get_u64(heap, last);
		CHECK(lshm_free(heap, last) == 0);
	}
	test_sound(heap);
	CHECK(test_walk(heap, NULL) == 0);
	test_whole(heap, 0.45);
	lshm_close(heap);
	/* One that never grew. */
	heap = test_heap(64 << 20, 64 << 20);
	test_whole(heap, 0.99);
	lshm_close(heap);
}

static void translates(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_malloc(heap, 64);
	unsigned char *at = lshm_at(heap, p);
	CHECK(at && lshm_offset(heap, at) == p && lshm_offset(heap, at + 63) == p + 63);
	CHECK(lshm_at(heap, 0) == NULL && lshm_offset(heap, NULL) == 0);
	CHECK(lshm_at(heap, 63) == NULL && lshm_error() == LSHM_ERR_OUTSIDE);
	CHECK(lshm_at(heap, UINT64_MAX) == NULL);
	CHECK(lshm_offset(heap, &at) == 0 && lshm_error() == LSHM_ERR_OUTSIDE);
	CHECK(lshm_readable(heap, p, 64) == at && lshm_writable(heap, p, 64) == at);
	CHECK(!lshm_readable(heap, p, SIZE_MAX) && !lshm_writable(heap, p, SIZE_MAX - 64));
	lshm_close(heap);
}

#define ACCESS(T, type, low, high) \
	do { \
		for (lshm_ptr q = p; q < p + 16; q++) { \
			CHECK(lshm_set_##T(heap, q, (type)(low)) == 0); \
			CHECK(lshm_get_##T(heap, q) == (type)(low)); \
			CHECK(lshm_set_##T(heap, q, (type)(high)) == 0); \
			CHECK(lshm_get_##T(heap, q) == (type)(high)); \
		} \
		errno = 0; \
		CHECK(lshm_get_##T(heap, 0) == 0 && errno == EFAULT); \
		CHECK(lshm_set_##T(heap, 63, 1) == LSHM_ERR_OUTSIDE); \
		CHECK(lshm_set_##T(heap, end - sizeof(type) + 1, 1) == LSHM_ERR_OUTSIDE); \
		CHECK(lshm_set_##T(heap, UINT64_MAX - 2, 1) == LSHM_ERR_OUTSIDE); \
	} while (0)

static void accesses(void)
{
	lshm *heap = test_heap(1 << 20, 1 << 20);
	lshm_ptr p = lshm_malloc(heap, 64), end;
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	end = s.committed;
	ACCESS(i8, int8_t, INT8_MIN, INT8_MAX);
	ACCESS(u8, uint8_t, 0, UINT8_MAX);
	ACCESS(i16, int16_t, INT16_MIN, INT16_MAX);
	ACCESS(u16, uint16_t, 0, UINT16_MAX);
	ACCESS(i32, int32_t, INT32_MIN, INT32_MAX);
	ACCESS(u32, uint32_t, 0, UINT32_MAX);
	ACCESS(i64, int64_t, INT64_MIN, INT64_MAX);
	ACCESS(u64, uint64_t, 0, UINT64_MAX);
	ACCESS(f32, float, -1.5f, 3.25f);
	ACCESS(f64, double, -0.1, 1e300);
	CHECK(lshm_set_f64(heap, p, NAN) == 0 && isnan(lshm_get_f64(heap, p)));
	/* Little-endian. */
	CHECK(lshm_set_u32(heap, p, 0x01020304) == 0 && lshm_get_u8(heap, p) == 4);
	lshm_close(heap);
}

#define ATOMIC(T, type) \
	do { \
		CHECK(lshm_store_##T(heap, p, 5) == 0 && lshm_load_##T(heap, p) == 5); \
		CHECK(lshm_add_##T(heap, p, 7) == 5 && lshm_load_##T(heap, p) == 12); \
		CHECK(lshm_sub_##T(heap, p, 2) == 12 && lshm_load_##T(heap, p) == 10); \
		CHECK(lshm_and_##T(heap, p, 6) == 10 && lshm_load_##T(heap, p) == 2); \
		CHECK(lshm_or_##T(heap, p, 5) == 2 && lshm_load_##T(heap, p) == 7); \
		CHECK(lshm_xor_##T(heap, p, 1) == 7 && lshm_load_##T(heap, p) == 6); \
		CHECK(lshm_exchange_##T(heap, p, 9) == 6 && lshm_load_##T(heap, p) == 9); \
		CHECK(lshm_cas_##T(heap, p, 8, 1) == 9 && lshm_load_##T(heap, p) == 9); \
		CHECK(lshm_cas_##T(heap, p, 9, 1) == 9 && lshm_load_##T(heap, p) == 1); \
		CHECK(lshm_sub_##T(heap, p, 2) == 1 && lshm_load_##T(heap, p) == (type)-1); \
		CHECK(lshm_store_##T(heap, 0, 1) == LSHM_ERR_OUTSIDE); \
		errno = 0; \
		CHECK(lshm_add_##T(heap, 8, 1) == 0 && errno == EFAULT); \
		if (sizeof(type) > 1) { \
			CHECK(lshm_store_##T(heap, p + 1, 1) == LSHM_ERR_MISALIGNED); \
			errno = 0; \
			CHECK(lshm_cas_##T(heap, p + 1, 0, 1) == 0 && errno == EINVAL); \
		} \
	} while (0)

static void operates(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_calloc(heap, 1, 64);
	ATOMIC(i8, int8_t);
	ATOMIC(u8, uint8_t);
	ATOMIC(i16, int16_t);
	ATOMIC(u16, uint16_t);
	ATOMIC(i32, int32_t);
	ATOMIC(u32, uint32_t);
	ATOMIC(i64, int64_t);
	ATOMIC(u64, uint64_t);
	lshm_close(heap);
}

static void names_and_roots(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_malloc(heap, 8), seen = 0;
	char text[64];
	for (unsigned i = 0; i < LSHM_ROOTS; i++) {
		CHECK(lshm_root_get(heap, i) == 0);
		CHECK(lshm_root_set(heap, i, p) == 0 && lshm_root_get(heap, i) == p);
	}
	CHECK(lshm_root_cas(heap, 3, &seen, p + 1) == 0 && seen == p);
	CHECK(lshm_root_cas(heap, 3, &seen, 0) == 1 && lshm_root_get(heap, 3) == 0);
	CHECK(lshm_root_set(heap, LSHM_ROOTS, p) == LSHM_ERR_INVALID);
	REFUSED(lshm_root_get(heap, LSHM_ROOTS), LSHM_ERR_INVALID);
	CHECK(lshm_root_set(heap, 0, 5) == LSHM_ERR_OUTSIDE);
	CHECK(lshm_root_set(heap, 0, UINT64_MAX) == LSHM_ERR_OUTSIDE);

	CHECK(lshm_name_get(heap, "config") == 0);
	CHECK(lshm_name_set(heap, "config", p) == 0 && lshm_name_get(heap, "config") == p);
	CHECK(lshm_name_get(heap, "confi") == 0 && lshm_name_get(heap, "config2") == 0);
	CHECK(lshm_name_set(heap, "config", 0) == 0 && lshm_name_get(heap, "config") == 0);
	CHECK(lshm_name_set(heap, "", p) == LSHM_ERR_INVALID);
	CHECK(lshm_name_set(heap, NULL, p) == LSHM_ERR_INVALID);
	memset(text, 'x', sizeof text);
	text[LSHM_NAME_MAX + 1] = 0;
	CHECK(lshm_name_set(heap, text, p) == LSHM_ERR_NAME_TOO_LONG);
	text[LSHM_NAME_MAX] = 0;
	CHECK(lshm_name_set(heap, text, p) == 0 && lshm_name_get(heap, text) == p);
	CHECK(lshm_name_set(heap, "outside", UINT64_MAX) == LSHM_ERR_OUTSIDE);
	for (int i = 2; i < LSHM_NAMES; i++) {
		snprintf(text, sizeof text, "name %d", i);
		CHECK(lshm_name_set(heap, text, p + (lshm_ptr)i) == 0);
	}
	CHECK(lshm_name_set(heap, "one more", p) == LSHM_ERR_NAMES_FULL);
	CHECK(lshm_name_get(heap, "name 7") == p + 7);
	test_sound(heap);
	lshm_close(heap);
}

static void speaks(void)
{
	int codes = 0;
#define TELLS(name, number, text) \
	codes += !strcmp(lshm_strerror(LSHM_ERR_##name), text) && LSHM_ERR_##name == -(number);
	LSHM_ERRORS(TELLS)
	CHECK(codes >= 25);
	CHECK(!strcmp(lshm_strerror(0), "no error"));
	CHECK(!strcmp(lshm_strerror(-9999), "unknown error"));
	int major = -1, minor = -1, patch = -1;
	CHECK(sscanf(lshm_version(), "%d.%d.%d", &major, &minor, &patch) == 3);
	CHECK(major >= 0 && minor >= 0 && patch >= 0);
}

static void several_heaps(void)
{
	lshm *heaps[5];
	lshm_ptr p[5];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			heaps[i] = test_heap(0, 0);
		for (int i = 0; i < 5; i++) {
			p[i] = lshm_malloc(heaps[i], 32);
			CHECK(lshm_set_i32(heaps[i], p[i], i) == 0);
		}
		for (int i = 0; i < 5; i++)
			CHECK(lshm_get_i32(heaps[i], p[i]) == i && lshm_free(heaps[i], p[i]) == 0);
		for (int i = 0; i < 5; i++)
			lshm_close(heaps[(i + round) % 5]);
	}
}

int main(void)
{
	test_begin(120);
	RUN(allocates);
	RUN(clears);
	RUN(aligns);
	RUN(reallocates);
	RUN(walks);
	RUN(counts);
	RUN(grows);
	RUN(translates);
	RUN(accesses);
	RUN(operates);
	RUN(names_and_roots);
	RUN(speaks);
	RUN(several_heaps);
	return test_end();
}
