/* threads.c - which view a thread uses; fork.
 *
 * A thread gets a view of its own at its first call and gives it back at its
 * end. Two kinds of thread have none, and use one view in turn, under a mutex:
 * what runs in a thread after its end (other libraries' destructors), and
 * threads beyond the heap's slots.
 *
 * The core outlives threads that stop anywhere, but only where memory stops with
 * them. fork does not stop it: it copies page after page while other threads go
 * on writing, and a child would see later writes without earlier ones. So fork
 * waits until nobody is inside the core and lets nobody in. That costs the
 * others two stores per call and no fence: fork_prepare has the kernel fence
 * them (membarrier, Linux 4.14).
 *
 * In the child the slots of the other threads are reaped at its first call: one
 * that calls exec at once pays nothing.
 */
#include "preload.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRY_AGAIN = 256 }; /* calls after which a thread looks for a free slot again */

_Thread_local struct member own;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* All of these under the mutex. */
static enum { NOTHING, READY, FAILED } heap_state;
static struct view model;  /* attached to nothing */
static struct view shared; /* of threads without their own */
static struct member *members;
static bool forked;       /* slots of the parent's threads are to be reaped, */
static uint32_t survivor; /* but that of the thread that forked */
static pthread_key_t key;

static void membarrier(int command)
{
	syscall(__NR_membarrier, command, 0, 0);
}

/* --- a thread's end --------------------------------------------------------- */

static void thread_end(void *unused)
{
	(void)unused;
	int saved = errno;
	pthread_mutex_lock(&mutex);
	if (own.attached) {
		thread_detach(&own.view);
		*own.link = own.next;
		if (own.next)
			own.next->link = own.link;
	}
	own.attached = false;
	own.ended = true;
	own.usable = NULL;
	pthread_mutex_unlock(&mutex);
	errno = saved;
}

/* --- a thread's beginning ----------------------------------------------------- */

/* Under the mutex, as everything down to view_wait. */
static bool heap_ready(void)
{
	if (heap_state == NOTHING) {
		bool made = heap_make(&model);
		shared = model;
		made = made && thread_attach(&shared, 0) == 0 &&
		       pthread_key_create(&key, thread_end) == 0;
		heap_state = made ? READY : FAILED;
		membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	}
	return heap_state == READY;
}

/* Recovers what the parent's other threads held. */
static void others_reap(void)
{
	struct view v = model;
	uint32_t thread = 0;
	while ((thread = thread_next(&v, THREAD_SLOT(thread))) != 0)
		if (thread != survivor)
			thread_reap(&v, thread, REAP_KEEP);
	shared = model;
	thread_attach(&shared, 0);
	forked = false;
}

static void own_attach(void)
{
	own.view = model;
	own.attached = thread_attach(&own.view, 0) == 0;
	own.refused = !own.attached;
	if (!own.attached)
		return;
	own.link = &members;
	own.next = members;
	if (own.next)
		own.next->link = &own.next;
	members = &own;
}

struct view *view_wait(void)
{
	int saved = errno;
	for (;;) {
		own_leave();
		pthread_mutex_lock(&mutex);
		if (!heap_ready()) {
			pthread_mutex_unlock(&mutex);
			return NULL;
		}
		if (forked)
			others_reap();
		bool begins = !own.attached && !own.ended && own.refused++ % TRY_AGAIN == 0;
		if (begins)
			own_attach();
		errno = saved;
		if (!own.attached)
			return &shared; /* with the mutex */
		own.usable = &own.view;
		pthread_mutex_unlock(&mutex);
		/* May allocate, with the view that is there now. If it fails, the
		 * slot is lost. */
		if (begins)
			pthread_setspecific(key, &own);
		if (own_enter())
			return &own.view;
	}
}

void shared_leave(void)
{
	pthread_mutex_unlock(&mutex);
}

/* --- fork ---------------------------------------------------------------------- */

static void fork_prepare(void)
{
	pthread_mutex_lock(&mutex);
	for (struct member *m = members; m; m = m->next)
		m->usable = NULL;
	membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	for (struct member *m = members; m; m = m->next)
		while (m != &own && m->inside)
			sched_yield();
}

/* The members come back by themselves, through view_wait. */
static void parent_goes_on(void)
{
	pthread_mutex_unlock(&mutex);
}

static void child_begins(void)
{
	members = own.attached ? &own : NULL;
	own.link = &members;
	own.next = NULL;
	forked = true;
	survivor = own.attached ? own.view.thread : 0;
	pthread_mutex_unlock(&mutex);
}

/* Not in heap_ready: this may allocate. */
__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(fork_prepare, parent_goes_on, child_begins);
}
