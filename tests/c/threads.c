/* threads.c - the threads of one process on one heap. */
#include "storm.h"

#include <pthread.h>

enum { WORKERS = 4 };

struct job {
	lshm *heap;
	uint32_t me;
	uint64_t steps;
};

static void *storm_thread(void *argument)
{
	struct job *job = argument;
	storm_work(job->heap, job->me, job->steps, test_seed + job->me);
	return NULL;
}

/* Whether at least 30 % of the frees were remote. */
static bool storm_within(uint64_t maximum)
{
	lshm *heap = test_heap(0, maximum);
	struct storm *s = lshm_at(heap, storm_make(heap));
	pthread_t threads[WORKERS];
	struct job jobs[WORKERS];
	uint64_t done = 0, remote = 0, full = 0, blocks;
	s->together = WORKERS;
	for (uint32_t i = 0; i < WORKERS; i++) {
		jobs[i] = (struct job){heap, i + 1, test_long() ? 5000000 : 250000};
		CHECK(pthread_create(&threads[i], NULL, storm_thread, &jobs[i]) == 0);
	}
	/* Looking on does not need anybody to stop. */
	for (int i = 0; i < 20; i++) {
		lshm_report report;
		if (lshm_check(heap, &report) != 0)
			fprintf(stderr, "  invariant %u at %llu\n", report.invariant,
			        (unsigned long long)report.offset);
		CHECK(report.invariant == 0);
		test_walk(heap, NULL);
		test_sleep(0.002);
	}
	for (int i = 0; i < WORKERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (int i = 1; i <= WORKERS; i++) {
		done += s->done[i];
		remote += s->remote[i];
		full += s->full[i];
	}
	printf("  %llu steps, %llu remote frees, %llu times out of memory\n",
	       (unsigned long long)done, (unsigned long long)remote, (unsigned long long)full);
	test_sound(heap);
	storm_clear(heap);
	test_walk(heap, &blocks);
	CHECK(blocks == 1);
	CHECK(lshm_free(heap, lshm_root_get(heap, 0)) == 0);
	test_sound(heap);
	CHECK(lshm_threads(heap, NULL, 0) == 1);
	lshm_close(heap);
	/* Half of the steps allocate, and as many free. */
	return remote * 100 > (done / 2 - full) * 30;
}

/* On a busy machine the threads may run one after the other: then once more. */
static void storm(void)
{
	for (int tries = 0; !storm_within(1 << 28); tries++)
		CHECK(tries < 5);
	for (int tries = 0; !storm_within(1 << 23); tries++)
		CHECK(tries < 5);
}

static void *visitor(void *argument)
{
	lshm *heap = argument;
	lshm_ptr p = lshm_malloc(heap, 100);
	CHECK(p && lshm_self(heap) != 0);
	return (void *)(uintptr_t)p;
}

/* Many more threads than there are slots, one after the other. */
static void come_and_go(void)
{
	lshm *heap = test_heap(0, 0);
	uint32_t last = 0;
	for (int i = 0; i < 1000; i++) {
		pthread_t thread;
		void *p;
		CHECK(pthread_create(&thread, NULL, visitor, heap) == 0);
		CHECK(pthread_join(thread, &p) == 0);
		lshm_block block;
		CHECK(lshm_next(heap, (uintptr_t)p - 16, &block) == (uintptr_t)p);
		CHECK(lshm_free(heap, (uintptr_t)p) == 0);
		CHECK(last == 0 || lshm_threads(heap, NULL, 0) == 1);
		last = lshm_self(heap);
	}
	test_sound(heap);
	CHECK(test_walk(heap, NULL) == 0);
	lshm_close(heap);
}

struct crowd {
	lshm *heap;
	pthread_barrier_t in, out;
	uint32_t attached, refused;
};

static void *crowd_member(void *argument)
{
	struct crowd *c = argument;
	pthread_barrier_wait(&c->in);
	lshm_ptr p = lshm_malloc(c->heap, 10);
	if (p) {
		uint32_t i = __atomic_fetch_add(&c->attached, 1, __ATOMIC_RELEASE);
		CHECK(i < 255 && lshm_self(c->heap) != 0);
	} else {
		CHECK(lshm_error() == LSHM_ERR_THREADS_FULL && errno == EAGAIN);
		__atomic_fetch_add(&c->refused, 1, __ATOMIC_RELEASE);
	}
	pthread_barrier_wait(&c->out);
	return NULL;
}

/* At least 255 at once, then an error, and room again when they have left. */
static void crowds(void)
{
	struct crowd c = {.heap = test_heap(1 << 24, 1 << 26)};
	pthread_t threads[270];
	lshm_thread list[300];
	pthread_barrier_init(&c.in, NULL, 270);
	pthread_barrier_init(&c.out, NULL, 271);
	CHECK(lshm_detach(c.heap) == 0);
	for (int i = 0; i < 270; i++)
		CHECK(pthread_create(&threads[i], NULL, crowd_member, &c) == 0);
	while (__atomic_load_n(&c.attached, __ATOMIC_ACQUIRE) +
	               __atomic_load_n(&c.refused, __ATOMIC_ACQUIRE) <
	       270)
		test_sleep(0.01);
	CHECK(__atomic_load_n(&c.attached, __ATOMIC_ACQUIRE) == 255);
	CHECK(lshm_threads(c.heap, list, 300) == 255);
	for (int i = 0; i < 255; i++) {
		CHECK(list[i].flags == LSHM_THREAD_MINE);
		CHECK(list[i].process == (uint64_t)getpid());
		CHECK(i == 0 || list[i].thread != list[i - 1].thread);
	}
	pthread_barrier_wait(&c.out);
	for (int i = 0; i < 270; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(lshm_threads(c.heap, NULL, 0) == 0);
	CHECK(lshm_malloc(c.heap, 1) != 0);
	test_sound(c.heap);
	pthread_barrier_destroy(&c.in);
	pthread_barrier_destroy(&c.out);
	lshm_close(c.heap);
}

struct hoard {
	lshm *heap;
	pthread_barrier_t step;
	lshm_ptr p[1000];
};

static void *idler(void *argument)
{
	struct hoard *h = argument;
	for (int i = 0; i < 1000; i++)
		CHECK((h->p[i] = lshm_malloc(h->heap, 500)) != 0);
	pthread_barrier_wait(&h->step);
	/* The others free all of it; then this one trims and idles. */
	pthread_barrier_wait(&h->step);
	CHECK(lshm_trim(h->heap) == 0);
	pthread_barrier_wait(&h->step);
	pthread_barrier_wait(&h->step);
	return NULL;
}

/* What others freed of an idle thread's blocks serves everybody after a trim. */
static void trims(void)
{
	struct hoard h = {.heap = test_heap(1 << 20, 1 << 20)};
	pthread_t thread;
	lshm_statistics s, t;
	CHECK(lshm_stats(h.heap, &s) == 0);
	pthread_barrier_init(&h.step, NULL, 2);
	CHECK(pthread_create(&thread, NULL, idler, &h) == 0);
	pthread_barrier_wait(&h.step);
	for (int i = 0; i < 1000; i++)
		CHECK(lshm_free(h.heap, h.p[i]) == 0);
	CHECK(lshm_trim(h.heap) == 0);
	pthread_barrier_wait(&h.step);
	pthread_barrier_wait(&h.step);
	CHECK(lshm_stats(h.heap, &t) == 0 && t.blocks == 0);
	lshm_ptr p = lshm_malloc(h.heap, (size_t)s.largest_free);
	CHECK(p);
	pthread_barrier_wait(&h.step);
	CHECK(pthread_join(thread, NULL) == 0);
	pthread_barrier_destroy(&h.step);
	lshm_close(h.heap);
}

static void *sleeper(void *argument)
{
	struct job *job = argument;
	lshm_ptr p = lshm_root_get(job->heap, 1);
	CHECK(lshm_add_u32(job->heap, p + 4, 1) < WORKERS);
	while (lshm_load_u32(job->heap, p) == 0)
		CHECK(lshm_wait32(job->heap, p, 0, 10000000000) != LSHM_TIMED_OUT);
	return NULL;
}

static void waits(void)
{
	lshm *heap = test_heap(0, 0);
	lshm_ptr p = lshm_calloc(heap, 1, 16);
	pthread_t threads[WORKERS];
	struct job job = {.heap = heap};
	CHECK(lshm_root_set(heap, 1, p) == 0);
	for (int i = 0; i < WORKERS; i++)
		CHECK(pthread_create(&threads[i], NULL, sleeper, &job) == 0);
	while (lshm_load_u32(heap, p + 4) < WORKERS)
		test_sleep(0.001);
	test_sleep(0.05);
	CHECK(lshm_store_u32(heap, p, 1) == 0);
	int woken = lshm_notify(heap, p, 1);
	CHECK(woken == 0 || woken == 1);
	CHECK(lshm_notify(heap, p, UINT32_MAX) <= WORKERS - woken);
	for (int i = 0; i < WORKERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	lshm_close(heap);
}

static void *closer(void *argument)
{
	lshm_close(argument);
	return NULL;
}

/* lshm_close detaches the others too; they go on with other heaps and end. */
static void *outliver(void *argument)
{
	struct crowd *c = argument;
	CHECK(lshm_malloc(c->heap, 10));
	pthread_barrier_wait(&c->in);
	pthread_barrier_wait(&c->in);
	lshm *another = test_heap(0, 0);
	CHECK(lshm_malloc(another, 10));
	CHECK(lshm_threads(another, NULL, 0) == 1);
	lshm_close(another);
	return NULL;
}

static void closes(void)
{
	for (int round = 0; round < 20; round++) {
		struct crowd c;
		pthread_t thread, other;
		int fd;
		lshm *heap = test_heap(0, 0);
		CHECK((fd = dup(lshm_fd(heap))) >= 0);
		c.heap = heap;
		pthread_barrier_init(&c.in, NULL, 2);
		CHECK(pthread_create(&thread, NULL, outliver, &c) == 0);
		pthread_barrier_wait(&c.in);
		CHECK(lshm_threads(heap, NULL, 0) == 1 + 1);
		if (round % 2) {
			CHECK(pthread_create(&other, NULL, closer, heap) == 0);
			CHECK(pthread_join(other, NULL) == 0);
		} else {
			lshm_close(heap);
		}
		heap = lshm_open_fd(fd, LSHM_READ_ONLY, NULL);
		CHECK(heap && lshm_threads(heap, NULL, 0) == 0);
		lshm_close(heap);
		close(fd);
		pthread_barrier_wait(&c.in);
		CHECK(pthread_join(thread, NULL) == 0);
		pthread_barrier_destroy(&c.in);
	}
}

/* A live thread that somebody declares dead by force, wrongly but between its
 * calls: it loses its slot, attaches anew, and nothing breaks. */
static void *declared_dead(void *argument)
{
	struct hoard *h = argument;
	for (int i = 0; i < 1000; i++)
		CHECK((h->p[i] = lshm_malloc(h->heap, 50)) != 0);
	uint32_t before = lshm_self(h->heap);
	CHECK(lshm_set_u32(h->heap, h->p[0], before) == 0);
	pthread_barrier_wait(&h->step);
	pthread_barrier_wait(&h->step);
	for (int i = 1; i < 1000; i++)
		CHECK(lshm_free(h->heap, h->p[i]) == 0);
	lshm_ptr p = lshm_malloc(h->heap, 50);
	CHECK(p && lshm_self(h->heap) != before);
	CHECK(lshm_free(h->heap, p) == 0);
	return NULL;
}

static void forces(void)
{
	struct hoard h = {.heap = test_heap(0, 0)};
	pthread_t thread;
	lshm_reaped reaped;
	pthread_barrier_init(&h.step, NULL, 2);
	CHECK(pthread_create(&thread, NULL, declared_dead, &h) == 0);
	pthread_barrier_wait(&h.step);
	uint32_t number = lshm_get_u32(h.heap, h.p[0]);
	CHECK(lshm_reap(h.heap, number, 0, NULL) == LSHM_ERR_THREAD_UNKNOWN);
	CHECK(lshm_reap(h.heap, number, LSHM_FORCE, &reaped) == 0);
	CHECK(reaped.blocks == 1000 && reaped.bytes == test_walk(h.heap, NULL));
	CHECK(lshm_reap(h.heap, number, LSHM_FORCE, NULL) == LSHM_ERR_THREAD_GONE);
	pthread_barrier_wait(&h.step);
	CHECK(pthread_join(thread, NULL) == 0);
	uint64_t blocks;
	test_walk(h.heap, &blocks);
	CHECK(blocks == 1);
	CHECK(lshm_threads(h.heap, NULL, 0) == 1);
	test_sound(h.heap);
	pthread_barrier_destroy(&h.step);
	lshm_close(h.heap);
}

int main(void)
{
	test_begin(240);
	RUN(storm);
	RUN(come_and_go);
	RUN(crowds);
	RUN(trims);
	RUN(waits);
	RUN(closes);
	RUN(forces);
	return test_end();
}
