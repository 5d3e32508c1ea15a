/* processes.c - several processes on one heap, each at an address of its own; some
 * are killed. kills.c has the storms of that.
 */
#include "storm.h"

#include <signal.h>
#include <sys/mman.h>

enum { WORKERS = 4 };

static const lshm_options options = {.initial = 1 << 20, .maximum = 1 << 28};

/* A worker process over the shared memory, elsewhere than the others. */
static pid_t worker(uint32_t me, uint64_t steps, uint64_t seed)
{
	pid_t child = fork();
	if (child)
		return child;
	CHECK(mmap(NULL, (size_t)me << 26, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	           -1, 0) != MAP_FAILED);
	lshm *heap = lshm_open(test_shm, 0, NULL);
	CHECK(heap);
	storm_work(heap, me, steps, seed);
	lshm_close(heap);
	_exit(0);
}

static void bases_differ(const struct storm *s)
{
	for (int i = 1; i <= WORKERS; i++)
		for (int k = 1; k < i; k++)
			CHECK(s->base[i] && s->base[i] != s->base[k]);
}

static void storm(void)
{
	pid_t children[WORKERS];
	uint64_t done = 0, remote = 0;
	/* Not through lshm_open before the fork, so that nothing is inherited. */
	pid_t maker = fork();
	if (maker == 0) {
		lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &options);
		CHECK(heap);
		struct storm *s = lshm_at(heap, storm_make(heap));
		s->together = WORKERS;
		lshm_close(heap);
		_exit(0);
	}
	test_join(maker);
	for (uint32_t i = 0; i < WORKERS; i++)
		children[i] = worker(i + 1, test_long() ? 5000000 : 250000, test_seed + i);
	for (int i = 0; i < WORKERS; i++)
		test_join(children[i]);
	lshm *heap = lshm_open(test_shm, 0, NULL);
	struct storm *s = lshm_at(heap, lshm_root_get(heap, 0));
	for (int i = 1; i <= WORKERS; i++) {
		done += s->done[i];
		remote += s->remote[i];
	}
	printf("  %llu steps, %llu remote frees\n", (unsigned long long)done,
	       (unsigned long long)remote);
	CHECK(remote * 100 > done / 2 * 30);
	bases_differ(s);
	test_sound(heap);
	storm_clear(heap);
	CHECK(lshm_free(heap, lshm_root_get(heap, 0)) == 0);
	CHECK(test_walk(heap, NULL) == 0 && lshm_threads(heap, NULL, 0) == 1);
	test_sound(heap);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
}

/* One that was killed is listed as dead, reaped by number, and can take all
 * that it had allocated along. */
static void reaps(void)
{
	int status;
	lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &options);
	pid_t child = fork();
	CHECK(heap && child >= 0);
	if (child == 0) {
		lshm *mine = lshm_open(test_shm, 0, NULL);
		for (int i = 0; i < 100; i++)
			CHECK(lshm_malloc(mine, 1000));
		kill(getpid(), SIGSTOP);
		_exit(1);
	}
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	lshm_thread list[4];
	uint32_t self = lshm_self(heap), number;
	CHECK(lshm_threads(heap, list, 4) == 2);
	number = list[0].thread == self ? list[1].thread : list[0].thread;
	lshm_thread *t = list[0].thread == self ? &list[1] : &list[0];
	/* Stopped is not dead. */
	CHECK(t->flags == 0 && t->process == (uint64_t)child);
	CHECK(lshm_reap(heap, number, 0, NULL) == LSHM_ERR_THREAD_UNKNOWN);
	CHECK(lshm_reap_dead(heap, 0) == 0);
	CHECK(lshm_malloc(heap, 100000) != 0);
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
	CHECK(lshm_threads(heap, list, 4) == 2 && t->flags == LSHM_THREAD_DEAD);
	lshm_reaped reaped = {0, 0};
	CHECK(lshm_reap(heap, number, LSHM_FREE_ALL, &reaped) == 0);
	CHECK(reaped.blocks == 100 && reaped.bytes >= 100000);
	CHECK(lshm_reap(heap, number, 0, NULL) == LSHM_ERR_THREAD_GONE);
	uint64_t blocks;
	test_walk(heap, &blocks);
	CHECK(blocks == 1);
	test_sound(heap);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
}

/* All slots were left by the dead: who opens the heap gets one all the same. */
static void graveyard(void)
{
	int status;
	lshm_options o = {.initial = 1 << 16, .maximum = 1 << 16};
	lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &o);
	CHECK(heap);
	lshm_close(heap);
	for (int i = 0; i < 300; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			heap = lshm_open(test_shm, 0, NULL);
			CHECK(heap && lshm_self(heap) != 0);
			lshm_ptr p = lshm_malloc(heap, 100);
			CHECK(p && lshm_free(heap, p) == 0);
			kill(getpid(), SIGKILL);
		}
		CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	}
	heap = lshm_open(test_shm, 0, NULL);
	CHECK(heap && lshm_threads(heap, NULL, 0) == 1);
	test_sound(heap);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
}

/* As many at once as the table has slots, all killed while nobody looks: there
 * is no slot from which to reap them, and the next one gets one all the same. */
static void mass_grave(void)
{
	pid_t children[32];
	int go[2], count = 0;
	char byte = 1;
	/* Too small for many slots. */
	lshm_options o = {.initial = 1 << 15, .maximum = 1 << 15};
	CHECK(pipe(go) == 0);
	lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &o);
	CHECK(heap);
	lshm_close(heap);
	for (; count < 32 && byte; count++) {
		children[count] = fork();
		if (children[count] == 0) {
			heap = lshm_open(test_shm, 0, NULL);
			byte = heap && lshm_self(heap) != 0;
			CHECK(write(go[1], &byte, 1) == 1);
			pause();
			_exit(1);
		}
		CHECK(read(go[0], &byte, 1) == 1);
	}
	CHECK(!byte && count > 4);
	for (int i = 0; i < count; i++) {
		int status;
		CHECK(kill(children[i], SIGKILL) == 0);
		CHECK(waitpid(children[i], &status, 0) == children[i]);
	}
	heap = lshm_open(test_shm, 0, NULL);
	CHECK(heap && lshm_self(heap) != 0 && lshm_threads(heap, NULL, 0) == 1);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
	close(go[0]);
	close(go[1]);
}

/* One says, another waits, a thousand times to and fro. */
static void ping_pong(void)
{
	lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &options);
	lshm_ptr p = lshm_calloc(heap, 1, 8);
	CHECK(heap && lshm_root_set(heap, 0, p) == 0);
	pid_t child = fork();
	if (child == 0) {
		lshm *mine = lshm_open(test_shm, 0, NULL);
		lshm_ptr q = lshm_root_get(mine, 0);
		for (uint32_t i = 0; i < 1000; i++) {
			while (lshm_load_u32(mine, q) == 2 * i)
				CHECK(lshm_wait32(mine, q, 2 * i, 20000000000) >= 0);
			CHECK(lshm_add_u32(mine, q, 1) == 2 * i + 1);
			CHECK(lshm_notify(mine, q, 1) >= 0);
		}
		lshm_close(mine);
		_exit(0);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK(lshm_add_u32(heap, p, 1) == 2 * i);
		CHECK(lshm_notify(heap, p, 1) >= 0);
		while (lshm_load_u32(heap, p) == 2 * i + 1)
			CHECK(lshm_wait32(heap, p, 2 * i + 1, 20000000000) >= 0);
	}
	test_join(child);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
}

int main(void)
{
	test_begin(200);
	RUN(storm);
	RUN(reaps);
	RUN(graveyard);
	RUN(mass_grave);
	RUN(ping_pong);
	return test_end();
}
