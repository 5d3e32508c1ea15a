/* preload.h - what the files of liblshm-preload.so share. They stand in this
 * order:
 *
 *   host.c     the private mapping that the process's one heap stands in
 *   threads.c  which view a thread uses; fork
 *   malloc.c   malloc, free and the rest
 *
 * The heap is private to the process, so that fork copies it. Nothing here may
 * call what allocates before this thread's view is in place.
 */
#ifndef LSHM_PRELOAD_H
#define LSHM_PRELOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core.h"
#include "host.h"

/* --- host.c --- */

/* Where the heap stands, and its size; set once, before any view is made. */
extern uint8_t *heap_base __attribute__((visibility("hidden")));
extern size_t heap_bytes __attribute__((visibility("hidden")));

/* Makes the heap and an unattached view of it. False where not even a small one
 * can be mapped. */
bool heap_make(struct view *model);

/* --- threads.c --- */

/* One thread's way to the heap. */
struct member {
	struct view *_Atomic usable; /* &view, or null: ask view_wait */
	_Atomic bool inside;         /* the thread is using the view */
	bool attached;               /* the view is */
	bool ended;                  /* it never will be again */
	uint32_t refused;            /* calls since it found no slot free; 0: it did not */
	struct view view;
	struct member *next, **link; /* of those that are attached; under the mutex */
};

extern _Thread_local struct member own
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* A view for this thread that has no usable one: as view_enter. */
struct view *view_wait(void);
/* Ends the use of the view that threads share which have none. */
void shared_leave(void);

/* This thread's own view, to use until own_leave; null where there is none now
 * (then too own_leave follows). */
static inline struct view *own_enter(void)
{
	atomic_store_explicit(&own.inside, true, memory_order_relaxed);
	/* Pairs with the membarrier in fork_prepare, which makes a fence of it. */
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&own.usable, memory_order_relaxed);
}

static inline void own_leave(void)
{
	atomic_store_explicit(&own.inside, false, memory_order_release);
}

/* A view to use until view_leave: one's own, or the one that threads share. Null:
 * there is no heap. Keeps errno. */
static inline struct view *view_enter(void)
{
	struct view *v = own_enter();
	return v ? v : view_wait();
}

static inline void view_leave(const struct view *v)
{
	if (v == &own.view)
		own_leave();
	else if (v)
		shared_leave();
}

#endif
