/* host.c - a host for the scheduler's threads: memory that grows, and a lock for
 * each slot, which falls when its thread dies. Its words stand behind the heap
 * and are atomic, so that they are scheduled and ordered like the heap's own.
 */
#include "host.h"

#include <string.h>

#include "sched.h"
#include "thread.h"

struct words {
	_Atomic uint64_t backed;
	_Atomic uint64_t lock[16]; /* by slot: thread + 1 */
};

static struct words *words(void)
{
	return (struct words *)(void *)(sched_region + SCHED_HEAP_MAX);
}

/* Outside of a schedule: for whom. */
static int acting = 100;

void host_act_as(int thread)
{
	acting = thread;
}

void host_begin(uint32_t backed)
{
	words()->backed = backed;
	acting = 100;
}

static uint64_t holder(void)
{
	return (uint64_t)(sched_self() < 0 ? acting : sched_self()) + 1;
}

uint32_t host_backed(struct view *v)
{
	(void)v;
	return (uint32_t)load_acquire(&words()->backed);
}

uint32_t host_grow(struct view *v, uint32_t chunks)
{
	_Atomic uint64_t *backed = &words()->backed;
	uint64_t most = SCHED_HEAP_MAX >> v->chunk_log2;
	uint64_t want = chunks < most ? chunks : most, seen = load_acquire(backed);
	while (seen < want && !cas64(backed, seen, want))
		seen = load_acquire(backed);
	return host_backed(v);
}

bool host_claim_slot(struct view *v, uint32_t slot)
{
	(void)v;
	return cas64(&words()->lock[slot % 16], 0, holder());
}

void host_release_slot(struct view *v, uint32_t slot)
{
	(void)v;
	store_release(&words()->lock[slot % 16], 0);
}

void host_died(int thread)
{
	for (int i = 0; i < 16; i++) {
		uint64_t *lock = (uint64_t *)(void *)&words()->lock[i];
		if (*lock == (uint64_t)thread + 1)
			memory_exchange(thread, lock, 0);
	}
}

/* As natively: to have the lock is the proof. */
int host_reap_thread(struct view *v, uint32_t thread, enum reap how)
{
	uint32_t slot = THREAD_SLOT(thread);
	if (!host_claim_slot(v, slot))
		return LSHM_ERR_THREAD_UNKNOWN;
	int error = thread_reap(v, thread, how);
	host_release_slot(v, slot);
	return error;
}

bool host_reap(struct view *v)
{
	bool any = false;
	uint32_t thread = 0;
	while ((thread = thread_next(v, THREAD_SLOT(thread))) != 0)
		any |= host_reap_thread(v, thread, REAP_KEEP) == 0;
	return any;
}
