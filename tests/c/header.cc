// header.cc - lshm.h in C++17: it compiles without a warning, and what is inline
// in it works.
#include <lshm.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, \
			             #condition); \
			std::exit(1); \
		} \
	} while (0)

int main()
{
	lshm_options options{};
	options.maximum = 1 << 24;
	lshm *heap = lshm_open(nullptr, 0, &options);
	CHECK(heap != nullptr);
	lshm_ptr p = lshm_calloc(heap, 4, sizeof(double));
	CHECK(p != 0);
	CHECK(lshm_set_f64(heap, p, 0.5) == 0 && lshm_get_f64(heap, p) == 0.5);
	CHECK(lshm_or_u32(heap, p + 8, 6) == 0 && lshm_and_u32(heap, p + 8, 3) == 6);
	CHECK(lshm_xor_u32(heap, p + 8, 1) == 2 && lshm_load_u32(heap, p + 8) == 3);
	CHECK(lshm_cas_u64(heap, p + 16, 0, 7) == 0 && lshm_get_u64(heap, p + 16) == 7);
	CHECK(*static_cast<double *>(lshm_at(heap, p)) == 0.5);
	CHECK(lshm_set_i8(heap, 0, 1) == LSHM_ERR_OUTSIDE);
	CHECK(std::strcmp(lshm_strerror(lshm_error()), "outside the heap") == 0);
	CHECK(lshm_free(heap, p) == 0);
	lshm_close(heap);
	std::puts("1 passed, 0 failed");
	return 0;
}
