/* explore.c - threads that run one at a time, and the search through their
 * schedules.
 *
 * A schedule is a list of choices, each of 1 of n ways. The search is depth
 * first: it repeats a schedule up to its last choice that has a way left, takes
 * that, and then always the first: to go on with the thread that runs, and to
 * load the newest. That everything else is the same in a repetition is checked.
 */
#include "sched.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum {
	CHOICES = 1 << 14,
	STEPS = 1 << 15, /* no schedule has as many: it would be a livelock */
	STACK = 128 << 10,
	KEPT = 64 << 10,
};

struct choice {
	uint32_t pick, of;
};

struct runner {
	ucontext_t context;
	bool started, ended, died;
};

static const struct scenario *scenario;
static struct bounds left;
static struct choice path[CHOICES];
static uint32_t path_length, path_at;
static struct runner runners[SCHED_THREADS];
static ucontext_t outside, judge;
static _Alignas(16) uint8_t stacks[SCHED_THREADS + 1][STACK];
static int running = -1;
static uint32_t steps;
static bool tracing, failed;
static char reason[256];
static struct tally tally;

static void (*on_death)(int thread);
static uint8_t *kept;
static size_t kept_size;
static uint8_t kept_copy[KEPT], region_copy[SCHED_REGION];

/* --- what the others ask ------------------------------------------------------ */

int sched_self(void)
{
	return running;
}

bool sched_died(int thread)
{
	return runners[thread].died;
}

bool sched_tracing(void)
{
	return tracing;
}

bool sched_may_stale(void)
{
	return left.stale > 0;
}

void sched_took_stale(void)
{
	left.stale--;
	tally.stale++;
}

uint64_t sched_stale_loads(void)
{
	return tally.stale;
}

void sched_on_death(void (*call)(int thread))
{
	on_death = call;
}

void sched_keep(void *state, size_t size)
{
	kept = state;
	kept_size = size;
	if (size > KEPT) {
		fprintf(stderr, "a scenario keeps %zu bytes, at most %d\n", size, KEPT);
		exit(2);
	}
}

void sched_fail(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(reason, sizeof reason, format, list);
	va_end(list);
	failed = true;
	running = -1;
	setcontext(&outside);
	abort();
}

/* --- choices --------------------------------------------------------------------- */

uint32_t sched_choose(uint32_t n)
{
	if (n < 2)
		return 0;
	if (path_at == CHOICES)
		sched_fail("the schedule has too many choices");
	if (path_at == path_length)
		path[path_length++] = (struct choice){0, n};
	if (path[path_at].of != n) {
		fprintf(stderr, "a repeated schedule differs: %u ways, not %u\n", n,
		        path[path_at].of);
		exit(2);
	}
	return path[path_at++].pick;
}

/* Makes `path` the next schedule. */
static bool path_next(void)
{
	while (path_length && path[path_length - 1].pick + 1 == path[path_length - 1].of)
		path_length--;
	if (!path_length)
		return false;
	path[path_length - 1].pick++;
	return true;
}

/* --- threads ------------------------------------------------------------------------ */

static bool can_run(int i)
{
	const struct sched_thread *t = &scenario->threads[i];
	if (!t->body || runners[i].ended)
		return false;
	for (int j = 0; j < SCHED_THREADS; j++)
		if (t->after >> j & 1 && !runners[j].ended)
			return false;
	return true;
}

/* The threads that can run but for the one that does. */
static uint32_t others(int at[SCHED_THREADS])
{
	uint32_t n = 0;
	for (int i = 0; i < SCHED_THREADS; i++)
		if (i != running && can_run(i))
			at[n++] = i;
	return n;
}

static void enter(int i)
{
	running = i;
	if (tracing)
		printf("thread %d goes on\n", i);
	if (runners[i].started)
		return;
	runners[i].started = true;
	for (int j = 0; j < SCHED_THREADS; j++)
		if (scenario->threads[i].after >> j & 1)
			memory_join(j, i);
}

/* The running thread is at its end. */
static void leave(void)
{
	int at[SCHED_THREADS];
	runners[running].ended = true;
	uint32_t n = others(at);
	if (!n) {
		running = -1;
		setcontext(&outside);
	}
	enter(at[sched_choose(n)]);
	setcontext(&runners[running].context);
}

static void begin(void)
{
	scenario->threads[running].body();
	if (tracing)
		printf("thread %d ends\n", running);
	leave();
}

static void die(void)
{
	left.deaths--;
	tally.deaths++;
	if (tracing)
		printf("thread %d dies\n", running);
	int me = running;
	runners[me].died = true;
	running = -1;
	host_died(me);
	on_death(me);
	running = me;
	leave();
}

void sched_point(size_t at, bool writes, bool plain)
{
	int other[SCHED_THREADS], me = running;
	if (++steps == STEPS)
		sched_fail("it does not end");
	bool preempt = !plain && left.preemptions && memory_is_shared(at);
	bool may_die = writes && left.deaths && scenario->threads[me].mortal;
	uint32_t n = preempt ? others(other) : 0;
	uint32_t pick = sched_choose(1 + n + may_die);
	if (pick > n)
		die();
	if (!pick)
		return;
	left.preemptions--;
	enter(other[pick - 1]);
	swapcontext(&runners[me].context, &runners[running].context);
}

/* --- the search ------------------------------------------------------------------------ */

static void context_make(ucontext_t *c, int stack, void (*body)(void))
{
	getcontext(c);
	c->uc_stack.ss_sp = stacks[stack];
	c->uc_stack.ss_size = STACK;
	c->uc_link = &outside;
	makecontext(c, body, 0);
}

/* Runs the schedule that `path` says. */
static void schedule_run(struct bounds bounds)
{
	int at[SCHED_THREADS];
	memcpy(sched_region, region_copy, sizeof region_copy);
	memcpy(kept, kept_copy, kept_size);
	memory_reset();
	memset(runners, 0, sizeof runners);
	left = bounds;
	path_at = steps = 0;
	failed = false;
	running = -1;
	for (int i = 0; i < SCHED_THREADS; i++)
		context_make(&runners[i].context, i, begin);
	enter(at[sched_choose(others(at))]);
	swapcontext(&outside, &runners[running].context);
	if (!failed) {
		context_make(&judge, SCHED_THREADS, scenario->verify);
		swapcontext(&outside, &judge);
	}
	tally.schedules++;
	tally.steps_max = steps > tally.steps_max ? steps : tally.steps_max;
}

static void failure_show(struct bounds bounds)
{
	printf("%s fails, after %llu schedules: %s\n", scenario->name,
	       (unsigned long long)tally.schedules, reason);
	tracing = true;
	schedule_run(bounds);
	tracing = false;
	printf("%s: %s\n", scenario->name, failed ? reason : "not repeatable");
}

/* One search, with what is known to be shared now. */
static void search(struct bounds bounds, uint64_t most)
{
	uint32_t shared = memory_shared_count();
	memory_know_shared();
	tally = (struct tally){.shared = shared};
	path_length = 0;
	do {
		schedule_run(bounds);
		if (failed || tally.schedules == most)
			return;
	} while (path_next());
	tally.complete = true;
}

bool sched_explore(const struct scenario *s, struct bounds bounds, uint64_t most,
                   struct tally *result)
{
	/* Short searches first find most of what is shared. */
	const struct bounds rounds[] = {
		{.preemptions = bounds.preemptions > 0}, {.deaths = bounds.deaths > 0}, bounds};
	scenario = s;
	memset(sched_region, 0, sizeof sched_region);
	s->prepare();
	memcpy(region_copy, sched_region, sizeof region_copy);
	memcpy(kept_copy, kept, kept_size);
	memory_forget_shared();
	for (int round = 0; round < 3; round++) {
		do
			search(rounds[round], most);
		while (!failed && memory_shared_count() != tally.shared);
		if (failed) {
			failure_show(rounds[round]);
			break;
		}
	}
	*result = tally;
	return !failed;
}
