/* memory.c - what a load of the core may see.
 *
 * Each word (a cell) has the list of its stores, newest last. A thread's view
 * is, per cell, the oldest store that it may still see. A store with release
 * carries the view of its thread; an acquire that sees it joins that view to its
 * own; a read-modify-write sees the newest, and passes on what it saw. That is
 * C11's release and acquire, with each cell's stores in the order in which they
 * were made. (Not covered: a store that comes before an older one in that order,
 * and a load that sees a store of its own future. The core has no fences and no
 * sequentially consistent operations; one that appears ends the test.)
 *
 * A plain access must have in its view all stores to its cell, and a plain store
 * all plain loads: else it is a data race, and fails the schedule.
 */
#include "sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum {
	CELLS = 1 << 13,
	ARENA = 32 << 20,
	STALE_BACK = 6, /* older stores that a load is tried with */
};

struct store {
	struct store *older;
	uint64_t value;
	uint16_t *carried; /* a view, or null */
	uint32_t carried_count;
	uint32_t stamp;
	bool plain;
	bool lazy; /* the value is what memory says until the next store */
};

struct cell {
	size_t at;
	uint32_t width;
	struct store *newest;
	/* The thread's clock at its last load, and at its last plain one. */
	uint16_t load[SCHED_THREADS], plain_load[SCHED_THREADS];
};

_Alignas(65536) uint8_t sched_region[SCHED_REGION];

/* The first SCHED_THREADS numbers of cells are the threads' clocks: how often a
 * thread has published its view. */
static struct cell cells[CELLS];
static uint32_t cell_count;
static uint16_t cell_at[SCHED_REGION]; /* by offset; 0 = none */
static uint16_t view[SCHED_THREADS][CELLS];
static uint8_t arena[ARENA];
static size_t arena_used;

/* --- who uses what ---------------------------------------------------------- */

/* Per two bytes: a bit for each thread that touched, and above for each that
 * wrote. `touched` is kept from schedule to schedule; `known` is what the search
 * goes by, and stays the same while it lasts. */
static uint8_t touched[SCHED_REGION / 2], known[SCHED_REGION / 2];
static uint32_t shared_count;

static bool is_shared(uint8_t bits)
{
	uint32_t users = bits & 15, writers = bits >> 4;
	return writers && (users & (users - 1));
}

bool memory_is_shared(size_t at)
{
	return is_shared(known[at / 2]);
}

static void touch_by(int thread, size_t at, uint32_t width, bool writes)
{
	uint8_t bit = (uint8_t)(1 << thread);
	for (size_t i = at / 2; i <= (at + width - 1) / 2; i++) {
		uint8_t was = touched[i], now = was | bit | (writes ? (uint8_t)(bit << 4) : 0);
		touched[i] = now;
		shared_count += !is_shared(was) && is_shared(now);
	}
}

static void touch(size_t at, uint32_t width, bool writes)
{
	touch_by(sched_self(), at, width, writes);
}

uint32_t memory_shared_count(void)
{
	return shared_count;
}

void memory_know_shared(void)
{
	memcpy(known, touched, sizeof known);
}

void memory_forget_shared(void)
{
	memset(touched, 0, sizeof touched);
	memset(known, 0, sizeof known);
	shared_count = 0;
}

/* --- cells -------------------------------------------------------------------- */

static void *arena_take(size_t bytes)
{
	void *p = arena + arena_used;
	arena_used += (bytes + 15) & ~(size_t)15;
	if (arena_used > ARENA)
		sched_fail("the schedule needs more memory than the checker has");
	return p;
}

void memory_reset(void)
{
	for (uint32_t i = SCHED_THREADS; i < cell_count; i++)
		cell_at[cells[i].at] = 0;
	for (uint32_t i = 0; i < SCHED_THREADS; i++) {
		memset(view[i], 0, sizeof view[i]);
		view[i][i] = 1;
	}
	cell_count = SCHED_THREADS;
	arena_used = 0;
}

static uint64_t region_read(size_t at, uint32_t width)
{
	uint64_t x = 0;
	memcpy(&x, sched_region + at, width);
	return x;
}

static struct cell *cell_make(size_t at, uint32_t width)
{
	if (cell_count == CELLS)
		sched_fail("the schedule uses more words than the checker has");
	struct cell *c = &cells[cell_count];
	*c = (struct cell){.at = at, .width = width, .newest = arena_take(sizeof *c->newest)};
	*c->newest = (struct store){.value = region_read(at, width)};
	for (int i = 0; i < SCHED_THREADS; i++)
		view[i][cell_count] = 0;
	cell_at[at] = (uint16_t)cell_count++;
	return c;
}

/* The cell of an access. Bytes belong to the cell of their eight. */
static struct cell *cell_of(size_t at, uint32_t width)
{
	if (width == 1) {
		at &= ~(size_t)7;
		width = 8;
	}
	struct cell *c = cell_at[at] ? &cells[cell_at[at]] : cell_make(at, width);
	if (c->width != width)
		sched_fail("%u and %u bytes are accessed at one place, %zu", c->width, width, at);
	return c;
}

static uint16_t *seen(int thread, const struct cell *c)
{
	return &view[thread][c - cells];
}

static void view_raise(uint16_t *to, const uint16_t *from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (to[i] < from[i])
			to[i] = from[i];
}

void memory_join(int a, int b)
{
	view_raise(view[b], view[a], cell_count);
	view[a][a]++;
}

static struct store *store_add(struct cell *c, uint64_t value)
{
	struct store *s = arena_take(sizeof *s);
	if (c->newest->lazy) {
		c->newest->value = region_read(c->at, c->width);
		c->newest->lazy = false;
	}
	*s = (struct store){.older = c->newest, .value = value, .stamp = c->newest->stamp + 1};
	c->newest = s;
	return s;
}

/* The store carries the thread's view, and what `before` carried. */
static void store_release_view(int thread, struct store *s, const struct store *before)
{
	s->carried_count = cell_count;
	s->carried = arena_take(cell_count * sizeof *s->carried);
	memcpy(s->carried, view[thread], cell_count * sizeof *s->carried);
	if (before && before->carried)
		view_raise(s->carried, before->carried, before->carried_count);
	view[thread][thread]++;
}

static void store_pass_on(struct store *s, const struct store *before)
{
	s->carried = before->carried;
	s->carried_count = before->carried_count;
}

/* --- races ------------------------------------------------------------------------ */

static void plain_check(struct cell *c, bool writes)
{
	int me = sched_self();
	if (c->newest->stamp > *seen(me, c))
		sched_fail("a data race: a plain access to %zu, which another thread wrote", c->at);
	for (int i = 0; writes && i < SCHED_THREADS; i++)
		if (i != me && c->load[i] > view[me][i])
			sched_fail("a data race: a plain store to %zu, which another thread reads",
			           c->at);
}

static void plain_access(size_t at, uint32_t width, bool writes)
{
	touch(at, width, writes);
	struct cell *c = cell_of(at, width);
	int me = sched_self();
	plain_check(c, writes);
	if (!writes) {
		c->load[me] = c->plain_load[me] = view[me][me];
		return;
	}
	struct store *s = store_add(c, 0);
	s->plain = s->lazy = true;
	*seen(me, c) = (uint16_t)s->stamp;
}

/* --- atomics ---------------------------------------------------------------------- */

static bool order_acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL;
}

static bool order_releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL;
}

static void order_check(int order)
{
	if (order == __ATOMIC_SEQ_CST || order == __ATOMIC_CONSUME)
		sched_fail("an order that memory.c does not know");
}

static void trace(const char *what, const struct cell *c, uint64_t value, const struct store *s)
{
	if (sched_tracing())
		printf("  thread %d: %s %zu: %016llx%s\n", sched_self(), what, c->at,
		       (unsigned long long)value, s == c->newest ? "" : " (stale)");
}

/* The store that a load sees: the newest, or one of the older ones that the
 * thread's view allows and `not` is not the value of. */
static struct store *store_pick(struct cell *c, int me, const uint64_t * not )
{
	struct store *at[STALE_BACK + 1] = {c->newest};
	uint32_t n = 1;
	if (c->newest->lazy)
		c->newest->value = region_read(c->at, c->width);
	struct store *s = c->newest;
	for (; sched_may_stale() && n <= STALE_BACK && s->stamp > *seen(me, c); n++)
		at[n] = s = s->older;
	uint32_t usable = 1;
	for (uint32_t i = 1; i < n; i++)
		if (!not || at[i]->value != *not )
			at[usable++] = at[i];
	uint32_t pick = usable > 1 ? sched_choose(usable) : 0;
	if (pick)
		sched_took_stale();
	return at[pick];
}

static void store_see(int me, struct cell *c, const struct store *s, int order)
{
	uint16_t *mine = seen(me, c);
	if (*mine < s->stamp)
		*mine = (uint16_t)s->stamp;
	if (order_acquires(order) && s->carried)
		view_raise(view[me], s->carried, s->carried_count);
}

/* `peek`: a look that may race with plain stores, by design. */
static uint64_t atomic_load_any(size_t at, uint32_t width, int order, bool peek)
{
	order_check(order);
	touch(at, width, false);
	sched_point(at, false, false);
	int me = sched_self();
	struct cell *c = cell_of(at, width);
	if (!peek) {
		c->load[me] = view[me][me];
		if (c->newest->plain && c->newest->stamp > *seen(me, c))
			sched_fail("a data race: a load of %zu, which another thread wrote plainly",
			           at);
	}
	struct store *s = store_pick(c, me, NULL);
	store_see(me, c, s, order);
	trace("load", c, s->value, s);
	return s->value;
}

static void atomic_put(struct cell *c, int me, uint64_t value, int order, bool modify)
{
	struct store *before = c->newest;
	for (int i = 0; i < SCHED_THREADS; i++)
		if (i != me && c->plain_load[i] > view[me][i])
			sched_fail("a data race: a store to %zu, which another thread reads",
			           c->at);
	struct store *s = store_add(c, value);
	*seen(me, c) = (uint16_t)s->stamp;
	if (order_releases(order))
		store_release_view(me, s, modify ? before : NULL);
	else if (modify)
		store_pass_on(s, before);
	memcpy(sched_region + c->at, &value, c->width);
}

static void atomic_store_any(size_t at, uint32_t width, uint64_t value, int order)
{
	order_check(order);
	touch(at, width, true);
	sched_point(at, true, false);
	struct cell *c = cell_of(at, width);
	trace("store", c, value, c->newest);
	atomic_put(c, sched_self(), value, order, false);
}

enum modify { EXCHANGE, OR, AND, ADD };

static uint64_t atomic_modify(size_t at, uint32_t width, enum modify how, uint64_t x, int order)
{
	order_check(order);
	touch(at, width, true);
	sched_point(at, true, false);
	struct cell *c = cell_of(at, width);
	int me = sched_self();
	uint64_t was = region_read(at, width);
	uint64_t now = how == EXCHANGE ? x : how == OR ? was | x : how == AND ? was & x : was + x;
	c->newest->value = was;
	store_see(me, c, c->newest, order);
	trace("modify", c, now, c->newest);
	atomic_put(c, me, now, order, true);
	return was;
}

/* One that fails is a load, and may see an older value than one that succeeds. */
static bool atomic_compare(size_t at, uint32_t width, uint64_t *expected, uint64_t next, int order,
                           int failed)
{
	order_check(order);
	touch(at, width, true);
	sched_point(at, true, false);
	struct cell *c = cell_of(at, width);
	int me = sched_self();
	struct store *s = store_pick(c, me, expected);
	if (s == c->newest && s->value == *expected) {
		store_see(me, c, s, order);
		trace("compare-exchange", c, next, s);
		atomic_put(c, me, next, order, true);
		return true;
	}
	store_see(me, c, s, failed);
	trace("failed compare-exchange", c, s->value, s);
	*expected = s->value;
	return false;
}

uint64_t memory_exchange(int thread, uint64_t *word, uint64_t value)
{
	size_t at = (size_t)((uint8_t *)word - sched_region);
	touch_by(thread, at, 8, true);
	struct cell *c = cell_of(at, 8);
	uint64_t was = *word;
	c->newest->value = was;
	atomic_put(c, thread, value, __ATOMIC_ACQ_REL, true);
	return was;
}

/* --- what bytes.h asks for ------------------------------------------------------------ */

/* Whether memory.c looks at an access: of a running thread, to the region. */
static bool watched(const volatile void *p, size_t *at)
{
	uintptr_t offset = (uintptr_t)p - (uintptr_t)sched_region;
	*at = (size_t)offset;
	return offset < SCHED_REGION && sched_self() >= 0;
}

/* The thread may die before a plain access. Where in the middle of many bytes
 * makes no difference: what they mean is said by a word that comes later. */
static void plain_point(size_t at, size_t size, bool writes)
{
	sched_point(at, writes, true);
	if (sched_tracing())
		printf("  thread %d: plain %s of %zu bytes at %zu\n", sched_self(),
		       writes ? "store" : "load", size, at);
}

/* A plain access of any width: to the word of eight bytes that it lies in, or to the
 * narrower ones that lie in it: compilers join and split what is plain. */
static void plain_words(size_t at, uint32_t width, bool writes)
{
	size_t eight = at & ~(size_t)7;
	bool any = false;
	if (cell_at[eight] && cells[cell_at[eight]].width == 8) {
		plain_access(eight, 8, writes);
		return;
	}
	for (size_t i = at; i < at + width; i++) {
		if (!cell_at[i])
			continue;
		plain_access(i, cells[cell_at[i]].width, writes);
		any = true;
	}
	if (!any)
		plain_access(at, width, writes);
}

static void plain_range(const uint8_t *p, size_t size, bool writes)
{
	size_t at;
	if (!watched(p, &at))
		return;
	plain_point(at, size, writes);
	bool sample = size > 256;
	for (size_t end = at + size; at < end;) {
		size_t eight = at & ~(size_t)7, next = eight + 8;
		/* Of many bytes some are enough to tell a race: those where a slot
		 * begins, and where a chunk's header would stand. */
		if (sample && eight % 64 != 56 && eight % 64 != 0) {
			at = next;
			continue;
		}
		plain_words(eight, 8, writes);
		at = next;
	}
}

uint64_t memory_load64(const uint8_t *p)
{
	uint64_t x;
	plain_range(p, 8, false);
	memcpy(&x, p, sizeof x);
	return x;
}

void memory_store64(uint8_t *p, uint64_t x)
{
	plain_range(p, 8, true);
	memcpy(p, &x, sizeof x);
}

uint64_t memory_peek64(const uint8_t *p, bool acquire)
{
	uint64_t x;
	size_t at;
	if (watched(p, &at) && at % 8 == 0)
		return atomic_load_any(at, 8, acquire ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED, true);
	memcpy(&x, p, sizeof x);
	return x;
}

void memory_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	plain_range(from, size, false);
	plain_range(to, size, true);
	memcpy(to, from, size);
}

void memory_clear(uint8_t *to, size_t size)
{
	plain_range(to, size, true);
	memset(to, 0, size);
}

/* --- what the compiler calls ------------------------------------------------------------ */

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *caller)
{
	(void)caller;
}
void __tsan_func_exit(void)
{
}

static void plain(const void *p, uint32_t width, bool writes)
{
	size_t at;
	if (!watched(p, &at))
		return;
	plain_point(at, width, writes);
	plain_words(at, width, writes);
}

#define PLAIN(width) \
	void __tsan_read##width(void *p); \
	void __tsan_write##width(void *p); \
	void __tsan_read##width(void *p) \
	{ \
		plain(p, width, false); \
	} \
	void __tsan_write##width(void *p) \
	{ \
		plain(p, width, true); \
	}

/* A struct that is assigned. */
void __tsan_read_range(const void *p, size_t size);
void __tsan_write_range(const void *p, size_t size);
void __tsan_read_range(const void *p, size_t size)
{
	plain_range(p, size, false);
}
void __tsan_write_range(const void *p, size_t size)
{
	plain_range(p, size, true);
}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)

#define ATOMIC(bits, type) \
	type __tsan_atomic##bits##_load(const volatile type *p, int order); \
	void __tsan_atomic##bits##_store(volatile type *p, type x, int order); \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *p, type *expected, \
	                                                  type next, int order, int failed); \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, \
	                                                type next, int order, int failed); \
	type __tsan_atomic##bits##_load(const volatile type *p, int order) \
	{ \
		size_t at; \
		return watched(p, &at) ? (type)atomic_load_any(at, sizeof *p, order, false) : *p; \
	} \
	void __tsan_atomic##bits##_store(volatile type *p, type x, int order) \
	{ \
		size_t at; \
		if (watched(p, &at)) \
			atomic_store_any(at, sizeof *p, x, order); \
		else \
			*p = x; \
	} \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *p, type *expected, \
	                                                  type next, int order, int failed) \
	{ \
		size_t at; \
		uint64_t old = *expected; \
		bool done = watched(p, &at) \
		                    ? atomic_compare(at, sizeof *p, &old, next, order, failed) \
		                    : *p == *expected; \
		if (!watched(p, &at)) { \
			old = *p; \
			*p = done ? next : *p; \
		} \
		*expected = (type)old; \
		return done; \
	} \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, \
	                                                type next, int order, int failed) \
	{ \
		type old = expected; \
		__tsan_atomic##bits##_compare_exchange_strong(p, &old, next, order, failed); \
		return old; \
	}

#define MODIFY(bits, type, name, how, otherwise) \
	type __tsan_atomic##bits##_##name(volatile type *p, type x, int order); \
	type __tsan_atomic##bits##_##name(volatile type *p, type x, int order) \
	{ \
		size_t at; \
		if (watched(p, &at)) \
			return (type)atomic_modify(at, sizeof *p, how, x, order); \
		type was = *p; \
		*p = otherwise; \
		return was; \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
MODIFY(32, uint32_t, exchange, EXCHANGE, x)
MODIFY(64, uint64_t, exchange, EXCHANGE, x)
MODIFY(32, uint32_t, fetch_or, OR, was | x)
MODIFY(64, uint64_t, fetch_or, OR, was | x)
MODIFY(64, uint64_t, fetch_and, AND, was &x)
MODIFY(64, uint64_t, fetch_add, ADD, was + x)
