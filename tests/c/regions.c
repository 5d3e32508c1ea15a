/* regions.c - looking at a heap from outside: regions, names, images, and dead
 * threads that are left for somebody to name.
 */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BLOCKS = 3000 };

static lshm_ptr held[BLOCKS];

static void fill(lshm *heap, uint64_t seed)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		held[i] = lshm_malloc(heap, random_size(&seed));
		size_t k = random_below(&seed, i + 1);
		if (random_below(&seed, 3) == 0) {
			CHECK(lshm_free(heap, held[k]) == 0);
			held[k] = 0;
		}
	}
}

/* What holds of the regions of any bytes: they cover what is committed, each once.
 * Returns the live blocks in them. */
static uint64_t regions_walk(lshm *heap, uint32_t *kinds)
{
	lshm_region r;
	lshm_ptr at = 0, next;
	uint64_t used = 0;
	for (uint32_t count = 0; (next = lshm_region_next(heap, at, &r)) != 0; at = next) {
		CHECK(++count <= 1u << 20);
		CHECK(r.offset == at && next == at + r.length && r.length >= 1024);
		CHECK(r.kind <= LSHM_REGION_DAMAGED);
		CHECK(r.used + r.kept + r.freed <= r.blocks && r.blocks <= (128 << 10) / 16);
		CHECK(r.kind == LSHM_REGION_SLAB || r.kind == LSHM_REGION_SPAN || !r.blocks);
		if (kinds)
			kinds[r.kind]++;
		used += r.used;
	}
	return used;
}

static void regions(void)
{
	for (uint64_t maximum = 1 << 20; maximum <= (uint64_t)1 << 30; maximum <<= 5) {
		lshm *heap = test_heap(0, maximum);
		lshm_statistics stats;
		uint32_t kinds[6] = {0}, none[6] = {0};
		CHECK(regions_walk(heap, none) == 0);
		CHECK(!none[LSHM_REGION_SLAB] && !none[LSHM_REGION_SPAN]);
		fill(heap, test_seed + maximum);
		CHECK(lshm_stats(heap, &stats) == 0);
		CHECK(regions_walk(heap, kinds) == stats.blocks);
		CHECK(kinds[LSHM_REGION_SLAB] == stats.slabs);
		CHECK(kinds[LSHM_REGION_SPAN] == stats.spans);
		CHECK(!kinds[LSHM_REGION_DAMAGED] && !kinds[LSHM_REGION_CHANGING]);
		lshm_region r;
		CHECK(lshm_region_next(heap, stats.committed, &r) == 0);
		CHECK(lshm_region_next(heap, UINT64_MAX, &r) == 0);
		lshm_close(heap);
	}
}

static void owners(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	lshm_ptr small = lshm_malloc(heap, 100), large = lshm_malloc(heap, 100000);
	lshm_region r;
	int seen = 0;
	for (lshm_ptr at = 0; (at = lshm_region_next(heap, at, &r)) != 0;) {
		bool has_small = small >= r.offset && small < at;
		CHECK(!has_small || (r.kind == LSHM_REGION_SLAB && r.block_size == 112));
		CHECK(r.offset != large || (r.kind == LSHM_REGION_SPAN && r.block_size == 100000));
		CHECK((!has_small && r.offset != large) || r.thread == lshm_self(heap));
		seen += has_small || r.offset == large;
	}
	CHECK(seen == 2);
	uint32_t thread = lshm_self(heap);
	lshm_detach(heap);
	for (lshm_ptr at = 0; (at = lshm_region_next(heap, at, &r)) != 0;)
		CHECK(r.thread == (r.kind == LSHM_REGION_SPAN ? thread : 0));
	lshm_close(heap);
}

/* Whatever stands in the map: bounded, and within. */
static void hostile(void)
{
	const size_t size = 1 << 20;
	uint64_t state = test_seed;
	uint8_t *whole = malloc(size), *bytes = aligned_alloc(4096, size);
	CHECK(whole && bytes);
	memset(bytes, 0, size);
	lshm *heap = lshm_init(bytes, size, 0, &(lshm_options){.secret = test_seed | 1});
	CHECK(heap);
	fill(heap, test_seed);
	lshm_close(heap);
	memcpy(whole, bytes, size);
	uint32_t kinds[6] = {0};
	for (int round = 0; round < (test_long() ? 20000 : 1000); round++) {
		memcpy(bytes, whole, size);
		for (size_t n = 1 + random_below(&state, 30); n; n--) {
			uint64_t x = random_next(&state);
			size_t reach = random_below(&state, 3) ? 64 << 10 : size - 8;
			if (random_below(&state, 2))
				x &= 0xffffff000000000f;
			memcpy(bytes + 2048 + random_below(&state, (reach - 2048) / 8) * 8, &x, 8);
		}
		heap = lshm_attach(bytes, size, LSHM_READ_ONLY);
		CHECK(heap);
		regions_walk(heap, kinds);
		lshm_close(heap);
	}
	for (int kind = 0; kind < 6; kind++)
		CHECK(kinds[kind] > 0);
	free(whole);
	free(bytes);
}

static void names(void)
{
	lshm *heap = test_heap(0, 1 << 20);
	char text[LSHM_NAME_MAX + 1];
	lshm_ptr p = lshm_malloc(heap, 10), ptr = 1;
	CHECK(lshm_name_at(heap, 0, text, &ptr) == 0);
	CHECK(lshm_name_set(heap, "one", p) == 0);
	CHECK(lshm_name_set(heap, "two", 0) == 0);
	CHECK(lshm_name_at(heap, 0, text, &ptr) == 1 && !strcmp(text, "one") && ptr == p);
	CHECK(lshm_name_at(heap, 1, text, &ptr) == 1 && !strcmp(text, "two") && ptr == 0);
	CHECK(lshm_name_at(heap, 2, text, &ptr) == 0);
	CHECK(lshm_name_at(heap, LSHM_NAMES, text, &ptr) == LSHM_ERR_INVALID);
	lshm_close(heap);
}

/* The image is as long as what is committed, and the same heap. */
static void image_of(lshm *heap)
{
	lshm_statistics before, after;
	struct stat st;
	lshm_block a, b;
	int fd = open(test_file, O_CREAT | O_EXCL | O_RDWR, 0600);
	CHECK(fd >= 0 && lshm_save(heap, fd) == 0);
	CHECK(lshm_stats(heap, &before) == 0);
	CHECK(fstat(fd, &st) == 0 && (uint64_t)st.st_size == before.committed);
	close(fd);
	lshm *image = lshm_open(test_file, 0, NULL);
	CHECK(image && lshm_stats(image, &after) == 0);
	test_sound(image);
	CHECK(after.blocks == before.blocks && after.used == before.used);
	lshm_ptr p = 0, q = 0;
	do {
		p = lshm_next(heap, p, &a);
		q = lshm_next(image, q, &b);
		CHECK(p == q && (!p || (a.size == b.size && a.footprint == b.footprint)));
	} while (p);
	/* It may be full. */
	CHECK(lshm_malloc(image, 100) || !after.largest_free);
	p = lshm_next(image, 0, &a);
	CHECK(p && lshm_free(image, p) == 0 && lshm_malloc(image, a.size));
	lshm_close(image);
	CHECK(unlink(test_file) == 0);
}

static void images(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	fill(heap, test_seed);
	image_of(heap);
	errno = 0;
	CHECK(lshm_save(heap, -1) == LSHM_ERR_SYSTEM && errno == EBADF);
	CHECK(lshm_error() == LSHM_ERR_SYSTEM);
	lshm_close(heap);
	const size_t size = 3 << 20;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	heap = lshm_init(memory, size, 0, NULL);
	CHECK(heap);
	fill(heap, test_seed);
	image_of(heap);
	lshm_close(heap);
	munmap(memory, size);
}

/* A file that became shorter than its heap is an error, and no fault. */
static void image_of_truncated(void)
{
	lshm *heap = lshm_open(test_file, LSHM_CREATE, NULL);
	int out = open("/dev/null", O_WRONLY);
	CHECK(heap && out >= 0 && lshm_save(heap, out) == 0);
	CHECK(truncate(test_file, 8192) == 0);
	CHECK(lshm_save(heap, out) == LSHM_ERR_TRUNCATED);
	/* As it was, or closing would fault. */
	CHECK(truncate(test_file, 1 << 20) == 0);
	close(out);
	_exit(0);
}

static void truncated(void)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child)
		image_of_truncated();
	test_join(child);
	CHECK(unlink(test_file) == 0);
}

static void dead_are_kept(void)
{
	lshm *first = lshm_open(test_shm, LSHM_CREATE | LSHM_KEEP_DEAD, NULL);
	CHECK(first);
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK(lshm_malloc(first, 1000) && lshm_malloc(first, 2000));
		raise(SIGKILL);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	lshm *heap = lshm_open(test_shm, LSHM_KEEP_DEAD, NULL);
	lshm_thread list[8];
	lshm_reaped reaped;
	CHECK(heap);
	int count = lshm_threads(heap, list, 8), dead = -1;
	for (int i = 0; i < count; i++)
		dead = list[i].flags & LSHM_THREAD_DEAD ? i : dead;
	CHECK(dead >= 0 && list[dead].process == (uint64_t)child);
	CHECK(lshm_reap(heap, list[dead].thread, LSHM_FREE_ALL, &reaped) == 0);
	CHECK(reaped.blocks == 2);
	test_sound(heap);
	lshm_close(heap);
	/* Without the flag they are gone once it is open. */
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK(lshm_malloc(first, 1000));
		raise(SIGKILL);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	heap = lshm_open(test_shm, 0, NULL);
	count = lshm_threads(heap, list, 8);
	for (int i = 0; i < count; i++)
		CHECK(!(list[i].flags & LSHM_THREAD_DEAD));
	lshm_close(heap);
	lshm_close(first);
	CHECK(lshm_unlink(test_shm) == 0);
}

int main(void)
{
	test_begin(60);
	RUN(regions);
	RUN(owners);
	RUN(hostile);
	RUN(names);
	RUN(images);
	RUN(truncated);
	RUN(dead_are_kept);
	return test_end();
}
