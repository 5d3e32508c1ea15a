/* sched.h - runs the real core under every schedule, up to a bound.
 *
 * The core is compiled as it is, with -fsanitize=thread, but not linked with the
 * thread sanitizer: the functions that the compiler calls at each access to
 * memory are ours (memory.c). So every shared access, plain or atomic, with the
 * C11 order that the source gives it, is a point at which explore.c may go on
 * with another thread, let the thread die, or let a load see an older value.
 *
 *   explore.c     threads, choices, and the search through all of them
 *   memory.c      what a load may see: C11 release and acquire; data races
 *   host.c        a host whose locks prove the deaths of these threads
 *   scenarios.c   what the threads do, and what must hold afterwards
 *
 * Bounds: how often a schedule takes a running thread off (preemptions), lets
 * one die (deaths), and lets a load see what is not the newest (stale loads).
 * Within them the search is exhaustive.
 */
#ifndef SCHED_H
#define SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"

enum {
	SCHED_THREADS = 4,          /* at most, numbered from 0 */
	SCHED_HEAP_MAX = 128 << 10, /* of the heap; behind it the host's words */
	SCHED_REGION = SCHED_HEAP_MAX + 4096,
};

struct bounds {
	int preemptions, deaths, stale;
};

/* A thread of a scenario. */
struct sched_thread {
	void (*body)(void);
	bool mortal; /* may die where a schedule has deaths left */
	/* Runs only once these threads (bits) have ended or died. */
	uint32_t after;
};

struct scenario {
	const char *name;
	void (*prepare)(void); /* once: what each schedule begins with */
	void (*verify)(void);  /* after each schedule */
	int weight;            /* from 1: how many schedules it has, see scenarios.c */
	struct sched_thread threads[SCHED_THREADS];
};

struct tally {
	uint64_t schedules, steps_max, deaths, stale;
	uint32_t shared; /* words that two threads use, in pieces of two bytes */
	bool complete;   /* all schedules within the bounds */
};

/* The bytes that the threads share. */
extern _Alignas(65536) uint8_t sched_region[SCHED_REGION];

/* --- explore.c --- */

/* Whether the scenario holds under every schedule within the bounds, or the first
 * `most` of them. What it fails by is printed, with the schedule. */
bool sched_explore(const struct scenario *s, struct bounds bounds, uint64_t most,
                   struct tally *tally);
/* Is called when a thread dies, outside of all threads. */
void sched_on_death(void (*call)(int thread));
/* The scenario's own state, in which each schedule begins as prepare left it. */
void sched_keep(void *state, size_t size);
/* Something does not hold: ends the schedule. Does not return to a thread. */
void sched_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The thread that runs, -1 outside. */
int sched_self(void);
bool sched_died(int thread);
/* Takes one of n ways. */
uint32_t sched_choose(uint32_t n);
/* An access of the running thread comes: others may run before it, unless it is
 * plain, and the thread may die before it, if it writes. */
void sched_point(size_t at, bool writes, bool plain);
/* A load may see an older value: whether the schedule has such left, and that
 * it took one. */
bool sched_may_stale(void);
void sched_took_stale(void);
/* So far, in all schedules. */
uint64_t sched_stale_loads(void);
bool sched_tracing(void);

/* --- memory.c --- */

void memory_reset(void);
/* Thread b sees all that thread a has done. */
void memory_join(int a, int b);
/* Words that two threads use, and one of them writes: only accesses to them are
 * worth a preemption. Which they are is found by running: the search goes by
 * what was known when it began, and begins anew when there are more. */
uint32_t memory_shared_count(void);
bool memory_is_shared(size_t at);
void memory_know_shared(void);
void memory_forget_shared(void);
/* An access by the host's own means: as an atomic of acquire and release. */
uint64_t memory_exchange(int thread, uint64_t *word, uint64_t value);

/* --- host.c --- */

/* The locks of slots that a thread holds are dropped, as it died. */
void host_died(int thread);
/* The host backs so many chunks. */
void host_begin(uint32_t backed);
/* Outside of a schedule: locks that are taken from here on are this thread's. */
void host_act_as(int thread);
/* Reaps a thread if its lock proves that it died. */
int host_reap_thread(struct view *v, uint32_t thread, enum reap how);

#endif
