/* edges.c - the C library's allocation functions, with liblshm-preload.so in
 * their place: what they promise at their edges, many threads, fork.
 */
#include "../c/test.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

/* Compilers know what malloc does, and leave out what they can foresee. */
static void *(*volatile allocate)(size_t) = malloc;
static void (*volatile release)(void *) = free;

static void test_is_ours(void)
{
	const char *names[] = {"malloc",        "calloc",       "realloc",           "free",
	                       "aligned_alloc", "memalign",     "posix_memalign",    "valloc",
	                       "pvalloc",       "reallocarray", "malloc_usable_size"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		Dl_info info;
		void *found = dlsym(RTLD_DEFAULT, names[i]);
		CHECK(found && dladdr(found, &info) != 0);
		CHECK(strstr(info.dli_fname, "liblshm-preload") != NULL);
	}
}

static void test_sizes(void)
{
	void *none = allocate(0), *other = allocate(0);
	CHECK(none && other && none != other);
	CHECK(malloc_usable_size(none) == 0 && malloc_usable_size(NULL) == 0);
	release(none);
	release(other);
	for (size_t size = 1; size < (size_t)8 << 20; size += size / 3 + 1) {
		char *p = allocate(size);
		CHECK(p && (uintptr_t)p % 16 == 0);
		CHECK(malloc_usable_size(p) == size);
		memset(p, 'x', size);
		release(p);
	}
	release(NULL);
}

static void refuse(void *p)
{
	CHECK(!p && errno == ENOMEM);
	errno = 0;
}

static void test_too_large(void)
{
	volatile size_t half = (size_t)PTRDIFF_MAX, most = SIZE_MAX;
	char *p = allocate(100);
	memset(p, 'p', 100);
	errno = 0;
	refuse(allocate(half));
	refuse(allocate(half + 1));
	refuse(allocate(most));
	refuse(calloc(half, 3));
	refuse(calloc(1, most));
	void *(*volatile resize)(void *, size_t) = realloc;
	void *(*volatile resize_array)(void *, size_t, size_t) = reallocarray;
	refuse(resize(p, half));
	refuse(resize(p, most));
	refuse(resize_array(p, half, 4));
	refuse(aligned_alloc(64, most));
	volatile size_t widest = (size_t)1 << (sizeof(size_t) * 8 - 2);
	refuse(memalign(widest, 1));
	refuse(valloc(most));
	refuse(pvalloc(most));
	void *out = p;
	CHECK(posix_memalign(&out, 64, most) == ENOMEM && out == p && errno == 0);
	for (int i = 0; i < 100; i++)
		CHECK(p[i] == 'p');
	release(p);
}

static void test_alignment(void)
{
	void *out = NULL;
	volatile size_t odd = 24, small = sizeof(void *) / 2;
	CHECK(posix_memalign(&out, odd, 1) == EINVAL);
	CHECK(posix_memalign(&out, small, 1) == EINVAL);
	CHECK(posix_memalign(&out, 0, 1) == EINVAL);
	errno = 0;
	CHECK(!aligned_alloc(odd, 48) && errno == EINVAL);
	for (size_t align = 8; align <= (size_t)64 << 20; align *= 2) {
		CHECK(posix_memalign(&out, align, 100) == 0 && (uintptr_t)out % align == 0);
		memset(out, 1, 100);
		void *other = aligned_alloc(align, 5000);
		CHECK(other && (uintptr_t)other % align == 0);
		other = realloc(other, 100000);
		CHECK(other && (uintptr_t)other % 16 == 0);
		release(out);
		release(other);
	}
	void *p = memalign(odd, 10);
	CHECK(p && (uintptr_t)p % 32 == 0);
	release(p);
	p = valloc(1);
	CHECK(p && (uintptr_t)p % 4096 == 0 && malloc_usable_size(p) == 1);
	release(p);
	p = pvalloc(1);
	CHECK(p && (uintptr_t)p % 4096 == 0 && malloc_usable_size(p) == 4096);
	release(p);
}

static void test_realloc(void)
{
	size_t had = 0;
	unsigned char *p = NULL;
	for (size_t size = 1; size <= (size_t)64 << 20; size = size * 2 + 1) {
		p = realloc(p, size);
		CHECK(p);
		for (size_t i = 0; i < had; i += 997)
			CHECK(p[i] == (unsigned char)(i * 31));
		for (size_t i = 0; i < size; i++)
			p[i] = (unsigned char)(i * 31);
		had = size;
	}
	for (size_t size = had; size > 1; size /= 3) {
		p = realloc(p, size);
		CHECK(p && malloc_usable_size(p) == size);
		for (size_t i = 0; i < size; i += 997)
			CHECK(p[i] == (unsigned char)(i * 31));
	}
	CHECK(!realloc(p, 0));
}

static void test_calloc(void)
{
	for (size_t size = 1; size <= (size_t)80 << 20; size *= 7) {
		for (int round = 0; round < 2; round++) {
			unsigned char *p = calloc(size, 1);
			CHECK(p);
			for (size_t i = 0; i < size; i++)
				CHECK(p[i] == 0);
			memset(p, 0xee, size);
			release(p);
		}
	}
}

static void test_strangers(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	errno = EXDEV;
	release(page);
	CHECK(errno == EXDEV && malloc_usable_size(page) == 0);
	munmap(page, 4096);
}

/* Runs `wrong` in a child, which must be aborted and say `text`. */
static void must_abort(void (*wrong)(char *), const char *text)
{
	int ends[2], status;
	char said[256] = "";
	CHECK(pipe(ends) == 0);
	char *p = allocate(100);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		wrong(p);
		_exit(0);
	}
	close(ends[1]);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(read(ends[0], said, sizeof said - 1) > 0);
	close(ends[0]);
	release(p);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(strstr(said, text));
}

static void free_twice(char *p)
{
	release(p);
	release(p);
}

static void free_within(char *p)
{
	release(p + 16);
}

static void overrun(char *p)
{
	((volatile char *)p)[100] = 'x';
	release(p);
}

static void test_wrong_frees(void)
{
	must_abort(free_twice, "free: ");
	must_abort(free_within, "free: ");
	must_abort(overrun, "free: ");
}

/* --- threads ------------------------------------------------------------------------ */

enum { MANY = 400, BLOCKS = 50 };

static pthread_barrier_t barrier;
static char *_Atomic given[MANY][BLOCKS];

static void fill(char *p, size_t size, int with)
{
	memset(p, with, size);
	CHECK(malloc_usable_size(p) == size);
}

/* Everybody is there at once, and frees what its neighbour allocated. */
static void *one_of_many(void *argument)
{
	size_t me = (size_t)(uintptr_t)argument, next = (me + 1) % MANY;
	for (size_t i = 0; i < BLOCKS; i++) {
		char *p = allocate(i * 20 + 1);
		CHECK(p);
		fill(p, i * 20 + 1, (int)me);
		given[me][i] = p;
	}
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < BLOCKS; i++) {
		char *p = given[next][i];
		CHECK(*p == (char)next && p[i * 20] == (char)next);
		p = realloc(p, 3000);
		CHECK(p && *p == (char)next);
		release(p);
	}
	return NULL;
}

static void test_more_threads_than_slots(void)
{
	static pthread_t threads[MANY];
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	for (int round = 0; round < 2; round++) {
		CHECK(pthread_barrier_init(&barrier, NULL, MANY) == 0);
		for (size_t i = 0; i < MANY; i++)
			CHECK(pthread_create(&threads[i], &small, one_of_many,
			                     (void *)(uintptr_t)i) == 0);
		for (size_t i = 0; i < MANY; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
		pthread_barrier_destroy(&barrier);
	}
	pthread_attr_destroy(&small);
}

static pthread_key_t keys[40];
static _Atomic unsigned ended;

/* Runs after the allocator's own part of a thread's end, or before. */
static void at_the_end(void *block)
{
	char *p = allocate(200);
	CHECK(p);
	fill(p, 200, 1);
	release(p);
	release(block);
	ended++;
}

static void *short_life(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		CHECK(pthread_setspecific(keys[i], allocate(i + 1)) == 0);
	return NULL;
}

static void test_ends_of_threads(void)
{
	const unsigned count = test_long() ? 20000 : 1000;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		CHECK(pthread_key_create(&keys[i], at_the_end) == 0);
	for (unsigned i = 0; i < count; i++) {
		pthread_t thread;
		CHECK(pthread_create(&thread, NULL, short_life, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	CHECK(ended == count * sizeof keys / sizeof *keys);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		pthread_key_delete(keys[i]);
}

/* --- fork ---------------------------------------------------------------------------- */

enum { STORM = 6, CELLS = 512 };

static _Atomic bool stop;
static char *_Atomic cells[CELLS];

/* Swaps blocks with the other threads, as fast as it can. */
static void swap_blocks(unsigned *seed, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		size_t size = (size_t)rand_r(seed) % 3000 + 1;
		if (rand_r(seed) % 64 == 0)
			size *= 50;
		char *p = allocate(size);
		CHECK(p);
		p[0] = p[size - 1] = 'b';
		release(atomic_exchange(&cells[(size_t)rand_r(seed) % CELLS], p));
	}
}

static void *storm(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument + (unsigned)test_seed;
	while (!stop)
		swap_blocks(&seed, 100);
	return NULL;
}

static void *gentle(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	swap_blocks(&seed, 2000);
	return NULL;
}

/* The other threads are gone. What they held is not in the way. */
static void go_on_alone(unsigned seed)
{
	pthread_t threads[2];
	alarm(60);
	for (size_t i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, gentle, (void *)(uintptr_t)(seed + i)) ==
		      0);
	swap_blocks(&seed, 2000);
	for (size_t i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static void wait_for(pid_t child)
{
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void empty_cells(void)
{
	for (size_t i = 0; i < CELLS; i++)
		release(atomic_exchange(&cells[i], NULL));
}

static _Noreturn void be_a_child(unsigned seed)
{
	go_on_alone(seed);
	pid_t grandchild = fork();
	CHECK(grandchild >= 0);
	if (grandchild == 0)
		go_on_alone(seed + 1);
	else
		wait_for(grandchild);
	empty_cells();
	_exit(0);
}

static void test_fork_in_a_storm(void)
{
	const unsigned count = test_long() ? 400 : 30;
	pthread_t threads[STORM];
	for (size_t i = 0; i < STORM; i++)
		CHECK(pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)i) == 0);
	for (unsigned i = 0; i < count; i++) {
		unsigned seed = (unsigned)test_seed + i;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			be_a_child(seed);
		swap_blocks(&seed, 100);
		wait_for(child);
	}
	stop = true;
	for (size_t i = 0; i < STORM; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	empty_cells();
}

int main(void)
{
	test_begin(120);
	RUN(test_is_ours);
	RUN(test_sizes);
	RUN(test_too_large);
	RUN(test_alignment);
	RUN(test_realloc);
	RUN(test_calloc);
	RUN(test_strangers);
	RUN(test_wrong_frees);
	RUN(test_more_threads_than_slots);
	RUN(test_ends_of_threads);
	RUN(test_fork_in_a_storm);
	return test_end();
}
