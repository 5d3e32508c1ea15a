/* edges.c - moments that random tests hardly meet: a thread that dies between
 * two instructions, one that knows less of the heap than there is by now, words
 * that no thread writes.
 */
#include "test.h"

#include "layout.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>

enum { THREADS = 40 };

static lshm *heap;

static unsigned char *heap_base(void)
{
	return (unsigned char *)lshm_at(heap, 64) - 64;
}

static struct slot *slot_number(uint32_t slot)
{
	return (struct slot *)(void *)(heap_base() + sizeof(struct header)) + (slot - 1);
}

/* --- the slot table lies in memory that the heap got later --------------------- */

static pthread_barrier_t all_attached;

static void *attach(void *reserved)
{
	(void)reserved;
	CHECK(lshm_malloc(heap, 64) != 0);
	pthread_barrier_wait(&all_attached);
	return NULL;
}

static void late_table(void)
{
	heap = test_heap(1 << 16, 1 << 26);
	/* Fills what was there at first. */
	CHECK(lshm_malloc(heap, 40000) && lshm_malloc(heap, 1000000));
	pthread_t thread[THREADS];
	CHECK(pthread_barrier_init(&all_attached, NULL, THREADS) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, attach, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	pthread_barrier_destroy(&all_attached);
	test_sound(heap);
	lshm_close(heap);
}

/* --- words that no thread writes ------------------------------------------------------- */

/* A dead thread's RESIZE that would keep nothing. */
static void resize_to_nothing(void)
{
	heap = test_heap(1 << 20, 1 << 20);
	lshm_ptr p = lshm_malloc(heap, 40000);
	pid_t child = fork();
	CHECK(p && child >= 0);
	if (!child) {
		lshm_malloc(heap, 1);
		kill(getpid(), SIGKILL);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	struct header *h = (struct header *)(void *)heap_base();
	struct entry *map = (struct entry *)(void *)slot_number(h->slots_first + 1);
	_Atomic uint64_t *word = &map[p >> h->chunk_log2].word;
	CHECK(WORD_KIND(*word) == KIND_SPAN);
	*word = (*word & 0xfffffc0000) | OWNER(KIND_RESIZE, 2);
	CHECK(lshm_reap_dead(heap, 0) == 1);
	CHECK(WORD_KIND(*word) == KIND_SPAN && WORD_ARG(*word) == 1);
	lshm_close(heap);
}

/* --- growth -------------------------------------------------------------------------------- */

static uint64_t committed(void)
{
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	return s.committed;
}

/* A part of a chunk is a chunk. */
static void grow_by_little(void)
{
	heap = test_heap(1 << 16, 1 << 24);
	uint64_t before = committed();
	CHECK(lshm_grow(heap, 0) == 0 && committed() == before);
	CHECK(lshm_grow(heap, 1) == 0 && committed() > before);
	CHECK(lshm_grow(heap, SIZE_MAX) == LSHM_ERR_NOMEM);
	test_sound(heap);
	lshm_close(heap);
}

/* --- what cannot be had ------------------------------------------------------------- */

static void impossible_request(void)
{
	enum { MAXIMUM = 1 << 26 };
	heap = test_heap(1 << 16, MAXIMUM);
	REFUSED(lshm_malloc(heap, MAXIMUM - (1 << 16)), LSHM_ERR_NOMEM);
	CHECK(committed() == 1 << 16);
	lshm_close(heap);
}

static void shrink_when_full(void)
{
	heap = test_heap(1 << 20, 1 << 20);
	lshm_ptr large = lshm_malloc(heap, 100000), small = lshm_malloc(heap, 1000);
	CHECK(large && small);
	for (size_t size = 1 << 20; size; size /= 2)
		while (lshm_malloc(heap, size))
			;
	CHECK(lshm_realloc(heap, small, 0) == small && lshm_sizeof(heap, small) == 0);
	CHECK(lshm_realloc(heap, large, 10) == large && lshm_sizeof(heap, large) == 10);
	CHECK(lshm_free(heap, large) == 0 && lshm_free(heap, small) == 0);
	lshm_close(heap);
}

int main(void)
{
	test_begin(60);
	RUN(late_table);
	RUN(resize_to_nothing);
	RUN(grow_by_little);
	RUN(impossible_request);
	RUN(shrink_when_full);
	return test_end();
}
