/* attach.c - threads that come and go, and fork.
 *
 * A thread has a list of its members (`own`), a heap has a list of its members.
 * The registry, one mutex of this process, guards the heaps' lists and the list
 * of heaps, and keeps apart a thread's end, opening, lshm_close and fork: a child
 * knows every descriptor that it inherits. Nobody allocates or frees blocks
 * while holding it.
 *
 * heap->serial is how a thread knows that its cached view is good: lshm_close
 * ends it, fork changes it in the child. A child that was made behind the
 * back of pthread_atfork (a bare clone) finds it zero.
 */
#include "native.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NO_SERIAL UINTPTR_MAX

/* Tries to get a slot, and how long each waits: who is asked to extend the table may
 * have to wait for a processor. */
enum { PATIENCE = 100, PATIENCE_NS = 1000000 };

_Thread_local struct cache cache = {.serial = NO_SERIAL};
static _Thread_local struct member *own;

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct lshm *heaps;  /* under the registry */
static struct member *lost; /* a parent's, of threads that a child lacks */
static uintptr_t serials;   /* last one given; under the registry */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int start_error; /* errno of what start could not have */
static bool started;

/* In a page that fork wipes: READY, in a new child 0. */
enum { WIPED, REPAIRING, READY };
static _Atomic uint32_t *process;

static void registry_lock(void)
{
	pthread_mutex_lock(&registry);
}

static void registry_unlock(void)
{
	pthread_mutex_unlock(&registry);
}

static void *wiped_page(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	/* Kernels before 4.14 refuse: then pthread_atfork alone tells. */
	madvise(page, size, MADV_WIPEONFORK);
	return page;
}

/* --- fork ---------------------------------------------------------------- */

/* In the child, holding the registry: what the parent's threads have is not
 * ours; no slot of theirs may be given back from here. */
static void child_begin(void)
{
	for (struct lshm *heap = heaps; heap; heap = heap->next) {
		while (heap->members) {
			struct member *m = heap->members;
			heap->members = m->next;
			m->view.slot = NULL;
			m->heap = NULL;
			if (!pthread_equal(m->thread, pthread_self())) {
				m->next = lost;
				lost = m;
			}
		}
		for (int i = 0; i < SLOT_WORDS; i++)
			heap->owned[i] = 0;
		/* Closing our copy of the parent's descriptor drops no lock: the
		 * parent's own copy keeps the description. */
		heap->inherited = heap->fd >= 0;
		segment_reopen(heap);
		atomic_store(heap->serial, ++serials);
	}
	cache.serial = NO_SERIAL;
	atomic_store(process, READY);
}

static void child_after_fork(void)
{
	int saved = errno;
	child_begin();
	registry_unlock();
	errno = saved;
}

/* Catches up with a fork that pthread_atfork did not see: then the registry may
 * be in any state, and only one thread of the child may begin. */
static void fork_notice(void)
{
	uint32_t state = WIPED;
	if (atomic_load_explicit(process, memory_order_acquire) == READY)
		return;
	if (atomic_compare_exchange_strong(process, &state, REPAIRING)) {
		int saved = errno;
		pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
		registry = fresh;
		child_begin();
		errno = saved;
	}
	while (atomic_load_explicit(process, memory_order_acquire) != READY)
		sched_yield();
}

/* --- a thread's end ------------------------------------------------------ */

/* Takes m out of its heap's list, under the registry. */
static void member_unlink(struct member *m)
{
	*m->link = m->next;
	if (m->next)
		m->next->link = m->link;
}

static void member_detach(struct member *m)
{
	struct view *v = &m->view;
	if (v->slot)
		thread_detach(v);
	/* Reaped by force before: the slot's lock still was ours. */
	if (v->slot)
		host_release_slot(v, THREAD_SLOT(v->thread));
	v->slot = NULL;
}

static void thread_end(void *unused)
{
	(void)unused;
	fork_notice();
	cache.serial = NO_SERIAL;
	registry_lock();
	struct member *m = own;
	own = NULL;
	while (m) {
		struct member *sibling = m->sibling;
		if (m->heap) {
			member_detach(m);
			member_unlink(m);
		}
		free(m);
		m = sibling;
	}
	registry_unlock();
}

/* The main thread has no other end than exit. Or this library is unloaded: then
 * no thread may call into it at its end. */
__attribute__((destructor)) static void process_end(void)
{
	if (own)
		thread_end(NULL);
	if (started)
		pthread_key_delete(key);
}

static void start(void)
{
	process = wiped_page();
	if (!process) {
		start_error = ENOMEM;
		return;
	}
	start_error = pthread_key_create(&key, thread_end);
	if (!start_error)
		start_error = pthread_atfork(registry_lock, registry_unlock, child_after_fork);
	started = !start_error;
	atomic_store(process, READY);
}

/* --- heaps --------------------------------------------------------------- */

bool open_begin(void)
{
	pthread_once(&once, start);
	if (!started) {
		errno = start_error;
		fail(LSHM_ERR_SYSTEM);
		return false;
	}
	fork_notice();
	registry_lock();
	return true;
}

struct lshm *open_end(struct lshm *heap)
{
	if (heap && !(heap->serial = wiped_page())) {
		segment_close(heap);
		heap = fail_null(LSHM_ERR_SYSTEM);
	}
	if (heap) {
		atomic_store(heap->serial, ++serials);
		heap->next = heaps;
		heaps = heap;
	}
	registry_unlock();
	return heap;
}

/* Frees this thread's members whose heap is gone. */
static void own_sweep(void)
{
	struct member **link = &own;
	while (*link) {
		struct member *m = *link;
		if (m->heap) {
			link = &m->sibling;
			continue;
		}
		*link = m->sibling;
		free(m);
	}
}

void heap_unregister(struct lshm *heap)
{
	fork_notice();
	if (cached(heap))
		cache.serial = NO_SERIAL;
	registry_lock();
	while (heap->members) {
		struct member *m = heap->members;
		member_detach(m);
		heap->members = m->next;
		m->heap = NULL;
	}
	struct lshm **link = &heaps;
	while (*link != heap)
		link = &(*link)->next;
	*link = heap->next;
	registry_unlock();
	munmap((void *)heap->serial, (size_t)sysconf(_SC_PAGESIZE));
	own_sweep();
}

/* --- views --------------------------------------------------------------- */

static struct member *member_make(struct lshm *heap)
{
	struct member *m = calloc(1, sizeof *m);
	if (!m)
		return fail_null(LSHM_ERR_SYSTEM);
	/* If this fails, the thread leaves with its process. */
	pthread_setspecific(key, m);
	own_sweep();
	m->view = heap->model;
	m->heap = heap;
	m->thread = pthread_self();
	m->sibling = own;
	own = m;
	registry_lock();
	struct member *old = lost;
	lost = NULL;
	m->next = heap->members;
	m->link = &heap->members;
	if (m->next)
		m->next->link = &m->next;
	heap->members = m;
	registry_unlock();
	while (old) {
		struct member *next = old->next;
		free(old);
		old = next;
	}
	return m;
}

static struct member *member_find(struct lshm *heap)
{
	struct member *m = own;
	while (m && m->heap != heap)
		m = m->sibling;
	return m ? m : member_make(heap);
}

struct view *view_find(struct lshm *heap)
{
	fork_notice();
	struct member *m = member_find(heap);
	return m ? &m->view : NULL;
}

/* Once more what the fork could not do, for instance for want of descriptors. */
static int inherited_reopen(struct lshm *heap)
{
	registry_lock();
	int error = heap->inherited ? segment_reopen(heap) : 0;
	registry_unlock();
	return error;
}

/* Whoever took the last slot may be about to extend the table; but who was refused
 * in spite of patience is so at once when he asks again. */
static int attach_patiently(struct member *m)
{
	int error = thread_attach(&m->view, 0);
	int tries = error == LSHM_ERR_THREADS_FULL && !m->refused ? PATIENCE : 0;
	while (error == LSHM_ERR_THREADS_FULL && tries--) {
		nanosleep(&(struct timespec){.tv_nsec = PATIENCE_NS}, NULL);
		error = thread_attach(&m->view, 0);
	}
	m->refused = error == LSHM_ERR_THREADS_FULL;
	return error;
}

struct view *view_attach(struct lshm *heap)
{
	fork_notice();
	if (heap->read_only)
		return fail_null(LSHM_ERR_READ_ONLY);
	struct member *m = member_find(heap);
	if (!m)
		return NULL;
	struct view *v = &m->view;
	if (!v->slot) {
		int error = heap->inherited ? inherited_reopen(heap) : 0;
		if (!error)
			error = attach_patiently(m);
		if (error == LSHM_ERR_THREADS_FULL && reap_dead(v, REAP_COUNT) > 0)
			error = thread_attach(v, 0);
		if (error == LSHM_ERR_THREADS_FULL && heap->lock_error) {
			errno = heap->lock_error;
			error = LSHM_ERR_SYSTEM;
		}
		if (error) {
			v->slot = NULL;
			return fail_null(error);
		}
		store_release(&v->slot->host, (uint64_t)getpid());
	}
	cache.view = v;
	cache.serial = atomic_load(heap->serial);
	return v;
}

struct view *view_renew(struct lshm *heap)
{
	struct view *v = view_find(heap);
	cache.serial = NO_SERIAL;
	if (!v)
		return NULL;
	if (v->slot) {
		/* Whoever reaped the slot could not have its lock: it is still
		 * free, and now really so. */
		uint32_t slot = THREAD_SLOT(v->thread);
		*v = heap->model;
		host_release_slot(v, slot);
	}
	return view_attach(heap);
}

void view_leave(struct lshm *heap)
{
	struct member *m = own;
	while (m && m->heap != heap)
		m = m->sibling;
	if (cached(heap))
		cache.serial = NO_SERIAL;
	if (!m || !m->view.slot)
		return;
	member_detach(m);
	m->view = heap->model;
}
