/* fork.c - a heap across fork: the child attaches by itself, holds locks of its
 * own, and neither process does the other's threads any harm.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

static pid_t plain_fork(void)
{
	return fork();
}

/* Behind the back of pthread_atfork. */
static pid_t bare_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void child_of(pid_t (*make)(void))
{
	lshm *heap = test_heap(0, 1 << 24);
	uint32_t parent = lshm_self(heap);
	lshm_ptr p[100], root;
	for (int i = 0; i < 100; i++)
		CHECK((p[i] = lshm_malloc(heap, 40)) != 0);
	int fd = lshm_fd(heap);
	pid_t child = make();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(lshm_self(heap) != parent && lshm_fd(heap) == fd);
		CHECK(lshm_threads(heap, NULL, 0) == 2);
		CHECK(lshm_reap(heap, parent, 0, NULL) == LSHM_ERR_THREAD_UNKNOWN);
		CHECK(lshm_reap_dead(heap, 0) == 0);
		for (int i = 0; i < 100; i += 2)
			CHECK(lshm_free(heap, p[i]) == 0);
		CHECK((root = lshm_malloc(heap, 300000)) != 0);
		CHECK(lshm_set_u64(heap, root + 299990, 5) == 0);
		CHECK(lshm_root_set(heap, 0, root) == 0);
		lshm_close(heap);
		_exit(0);
	}
	/* Both at the same time. */
	for (int i = 1; i < 100; i += 2)
		CHECK(lshm_free(heap, p[i]) == 0);
	test_join(child);
	root = lshm_root_get(heap, 0);
	CHECK(lshm_get_u64(heap, root + 299990) == 5 && lshm_free(heap, root) == 0);
	CHECK(lshm_self(heap) == parent && lshm_threads(heap, NULL, 0) == 1);
	CHECK(test_walk(heap, NULL) == 0);
	test_sound(heap);
	lshm_close(heap);
}

static void forks(void)
{
	child_of(plain_fork);
}

static void clones(void)
{
	child_of(bare_clone);
}

/* The parent is killed while its child lives on: proven dead all the same,
 * since the child closed its copy of the parent's descriptor. */
static void orphans(pid_t (*make)(void))
{
	lshm *heap = test_heap(0, 1 << 24);
	int ready[2], status;
	char byte = 0;
	CHECK(pipe(ready) == 0);
	pid_t parent = fork();
	CHECK(parent >= 0);
	if (parent == 0) {
		CHECK(lshm_malloc(heap, 1000) != 0);
		pid_t child = make();
		if (child == 0) {
			/* A bare clone is noticed by a call. */
			CHECK(lshm_root_get(heap, 0) == 0);
			if (make == bare_clone)
				CHECK(lshm_malloc(heap, 10));
			CHECK(write(ready[1], &byte, 1) == 1);
			CHECK(close(ready[1]) == 0);
			/* Until the test ends this one. */
			pause();
			_exit(0);
		}
		CHECK(lshm_root_set(heap, 1, 64) == 0);
		lshm_ptr p = lshm_malloc(heap, 8);
		CHECK(lshm_set_i32(heap, p, child) == 0 && lshm_root_set(heap, 2, p) == 0);
		pause();
		_exit(1);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	while (lshm_root_get(heap, 2) == 0)
		test_sleep(0.001);
	pid_t child = lshm_get_i32(heap, lshm_root_get(heap, 2));
	CHECK(kill(parent, SIGKILL) == 0 && waitpid(parent, &status, 0) == parent);
	int reaped = lshm_reap_dead(heap, LSHM_FREE_ALL);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(reaped == 1);
	/* The child's end closes the pipe, and a moment later its locks. */
	for (int i = 0; make == bare_clone && i < 5000 && lshm_reap_dead(heap, LSHM_FREE_ALL) == 0;
	     i++)
		test_sleep(0.001);
	CHECK(lshm_threads(heap, NULL, 0) == 1 && test_walk(heap, NULL) == 0);
	test_sound(heap);
	close(ready[0]);
	lshm_close(heap);
}

static void orphans_of_fork(void)
{
	orphans(plain_fork);
}

static void orphans_of_clone(void)
{
	orphans(bare_clone);
}

/* A child that never calls, one that calls exit, one that forks on. */
static void generations(void)
{
	lshm *heap = test_heap(0, 1 << 24);
	lshm_ptr p = lshm_calloc(heap, 1, 8);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			if (i % 3 == 0)
				_exit(0);
			pid_t grandchild = fork();
			if (grandchild == 0) {
				lshm_ptr q = lshm_malloc(heap, 500);
				CHECK(q && lshm_free(heap, q) == 0);
				lshm_add_u32(heap, p, 1);
				exit(0);
			}
			if (i % 3 == 1)
				lshm_add_u32(heap, p, 1);
			test_join(grandchild);
			fflush(stdout);
			exit(0);
		}
		test_join(child);
		CHECK(lshm_threads(heap, NULL, 0) == 1);
	}
	CHECK(lshm_load_u32(heap, p) == 13 + 7);
	CHECK(lshm_free(heap, p) == 0);
	test_sound(heap);
	lshm_close(heap);
}

struct busy {
	lshm *heap;
	bool stop;
};

static void *churn(void *argument)
{
	struct busy *b = argument;
	lshm_ptr p[64] = {0};
	uint64_t rng = test_seed;
	for (int i = 0; !__atomic_load_n(&b->stop, __ATOMIC_RELAXED); i = (i + 1) % 64) {
		CHECK(lshm_free(b->heap, p[i]) == 0);
		CHECK((p[i] = lshm_malloc(b->heap, random_below(&rng, 3000))) != 0);
	}
	for (int i = 0; i < 64; i++)
		CHECK(lshm_free(b->heap, p[i]) == 0);
	return NULL;
}

/* Forks while other threads are in the middle of calls, and come and go. */
static void forks_under_load(void)
{
	struct busy b = {.heap = test_heap(0, 1 << 26)};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, &b) == 0);
	for (int i = 0; i < (test_long() ? 2000 : 200); i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			alarm(20);
			lshm_ptr q = lshm_malloc(b.heap, 777);
			CHECK(q && lshm_free(b.heap, q) == 0);
			lshm_close(b.heap);
			_exit(0);
		}
		test_join(child);
	}
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(test_walk(b.heap, NULL) == 0);
	test_sound(b.heap);
	lshm_close(b.heap);
}

int main(void)
{
	test_begin(120);
	RUN(forks);
	RUN(clones);
	RUN(orphans_of_fork);
	RUN(orphans_of_clone);
	RUN(generations);
	RUN(forks_under_load);
	return test_end();
}
