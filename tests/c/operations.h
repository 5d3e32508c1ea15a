/* operations.h - what deaths.c kills a process in: for each operation the heap
 * that it finds, and the call.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "sights.h"

enum { HANDS = 256 };

/* How the live blocks may change, and what else is particular. */
enum {
	AT_ONCE = 0,  /* all of it by one instruction */
	BOTH = 1,     /* what is new comes first, then what is old goes */
	STEPWISE = 2, /* several calls in one */
	LEAVES = 4,   /* the thread's blocks stay when it is done */
	SHORT = 8,    /* of memory: the survivor may be told so */
};

struct operation {
	const char *name;
	void (*prepare)(void);
	void (*act)(struct peer *p);
	int flags;
};

/* What is prepared. Peers are bits. */
static uint32_t present, dead;
static uint32_t reserved; /* by the survivor */
static size_t given;      /* the victim's block, which plays no part */
static size_t hand[HANDS];

/* --- what they find ------------------------------------------------------- */

static struct view *view_of(int number)
{
	return &peers[number].view;
}

static void come(int number)
{
	peer_attach(number);
	present |= 1u << number;
}

static size_t take(int number, size_t size)
{
	size_t p = heap_malloc(view_of(number), size);
	CHECK(p);
	stamp(view_of(number), p, size);
	return p;
}

/* A size for a span: four chunks and so many more. */
static size_t large(uint32_t more)
{
	const struct view *v = &peers[SURVIVOR].view;
	return v->small_max + ((size_t)more << v->chunk_log2);
}

static void drop(int number, size_t p)
{
	CHECK(heap_free(view_of(number), p) == 0);
}

/* Where the next block of a class comes from: the thread keeps none of it, and
 * its current slab has some on its list, or some that were never used, or none. */
enum source { SLAB_LIST, FRESH_BLOCKS, ANOTHER_SLAB };

static bool comes_from(int number, size_t size, enum source source)
{
	struct view *v = view_of(number);
	const struct class_list *list = &v->list[class_of(size)];
	const struct entry *e = map_at(v, list->slab);
	if (list->count || !list->slab)
		return false;
	if (e->head)
		return source == SLAB_LIST;
	return source == (slab_has_fresh(v, list->slab, e->word) ? FRESH_BLOCKS : ANOTHER_SLAB);
}

/* Takes blocks until the next one would come from there; returns how many, in
 * hand[]. */
static int take_until(int number, size_t size, enum source source)
{
	int count = 0;
	do {
		CHECK(count < HANDS);
		hand[count++] = take(number, size);
	} while (!comes_from(number, size, source));
	return count;
}

/* A size of which a thread keeps one free block and gives the former one back. */
enum { KEPT_ONE = 400 };

static bool keeps_one(void)
{
	return view_of(VICTIM)->list[class_of(KEPT_ONE)].limit == 1;
}

/* Three that have blocks, some freed, some of them by others. */
static void lively(void)
{
	size_t p[4];
	for (int i = SURVIVOR; i <= VICTIM; i++)
		come(i);
	for (int i = SURVIVOR; i <= VICTIM; i++) {
		for (int k = 0; k < 4; k++)
			p[k] = take(i, k % 2 ? 100 : 24);
		drop(i, p[0]);
		drop((i + 1) % 3, p[1]);
		given = p[3];
	}
	take(SURVIVOR, large(1));
}

/* Free memory is not zero. */
static void littered(void)
{
	lively();
	drop(VICTIM, take(VICTIM, large(5)));
}

static void kept_none(void)
{
	lively();
	take_until(VICTIM, 24, SLAB_LIST);
}

/* A size of which not all blocks of a slab are labelled at once. */
enum { WIDE = 696 };

static void labelled(void)
{
	lively();
	take_until(VICTIM, WIDE, FRESH_BLOCKS);
}

static void exhausted(void)
{
	lively();
	take_until(VICTIM, 24, ANOTHER_SLAB);
}

/* Others have freed blocks of the exhausted slab, and said so. */
static void collectable(void)
{
	lively();
	int count = take_until(VICTIM, 24, ANOTHER_SLAB);
	for (int i = 1; i <= 3; i++)
		drop(SECOND, hand[count - i]);
	thread_trim(view_of(SECOND));
}

/* A slab with room that nobody owns. */
static void parked(void)
{
	lively();
	hand[0] = take(SECOND, 200);
	drop(SECOND, take(SECOND, 200));
	thread_trim(view_of(SECOND));
}

static void fill_by(int number)
{
	world->limit = world->backed;
	for (size_t size = 64 << 10; size >= 500; size /= 2)
		while (heap_malloc(view_of(number), size))
			;
}

/* No chunk is free, but the victim's slab of another class is empty. */
static void gatherable(void)
{
	lively();
	hand[0] = take(VICTIM, 1000);
	fill_by(SECOND);
	drop(VICTIM, hand[0]);
}

/* No chunk is free, but one who died has an empty slab. */
static void reapable(void)
{
	lively();
	peer_attach(EXTRA);
	hand[0] = take(EXTRA, 1000);
	fill_by(SECOND);
	drop(EXTRA, hand[0]);
	dead = world->dead = 1 << EXTRA;
}

static void held_small(void)
{
	lively();
	hand[0] = take(VICTIM, 90);
}

static void held_span(void)
{
	lively();
	hand[0] = take(VICTIM, large(1));
}

static void held_long_span(void)
{
	lively();
	hand[0] = take(VICTIM, large(12));
}

/* A span with some room behind it, but not enough. */
static void held_span_blocked(void)
{
	lively();
	for (int i = 0; i < 3; i++)
		hand[i] = take(VICTIM, large(1));
	CHECK(hand[1] - hand[0] == hand[2] - hand[1] && hand[1] > hand[0]);
	drop(VICTIM, hand[1]);
}

static void held_foreign(void)
{
	lively();
	hand[0] = take(SECOND, 24);
}

/* So many blocks that the victim keeps as many as it may, of a slab of its own
 * that is not the current one. */
static void kept_many(void)
{
	lively();
	const struct class_list *list = &view_of(VICTIM)->list[class_of(24)];
	int count = take_until(VICTIM, 24, ANOTHER_SLAB);
	take_until(VICTIM, 24, ANOTHER_SLAB);
	hand[0] = take(VICTIM, 24);
	for (int i = 1; i < count && (i < 3 * list->limit || list->count < list->limit); i++)
		drop(VICTIM, hand[i]);
	CHECK(list->count == list->limit);
}

/* In the following the victim keeps hand[1], which it gives back where that is
 * from when it frees hand[0]. */

/* To the current slab. */
static void kept_own(void)
{
	lively();
	hand[0] = take(VICTIM, KEPT_ONE);
	drop(VICTIM, hand[1] = take(VICTIM, KEPT_ONE));
	CHECK(keeps_one());
}

/* To one that was given up when it was exhausted; with `last`, it has been taken
 * again, and this is its last block. */
static void kept_former(bool last)
{
	lively();
	int count = take_until(VICTIM, KEPT_ONE, ANOTHER_SLAB);
	size_t other = take(VICTIM, KEPT_ONE);
	for (int i = last ? count : 1; i; i--)
		drop(VICTIM, hand[i - 1]);
	hand[0] = other;
	CHECK(keeps_one());
}

static void kept_adopting(void)
{
	kept_former(false);
}

static void kept_releasing(void)
{
	kept_former(true);
}

/* To one that was given up, while the victim has as many slabs of the class as it may:
 * the older one is given up for it, of which another thread freed a block. */
static void kept_surplus(void)
{
	size_t older[2], other;
	lively();
	take_until(VICTIM, KEPT_ONE, ANOTHER_SLAB);
	older[0] = hand[0];
	older[1] = hand[1];
	take_until(VICTIM, KEPT_ONE, ANOTHER_SLAB);
	hand[1] = hand[0];
	other = take(VICTIM, KEPT_ONE);
	drop(VICTIM, older[0]);
	drop(VICTIM, hand[1]);
	drop(SECOND, older[1]);
	thread_trim(view_of(SECOND));
	hand[0] = other;
	CHECK(keeps_one() && view_of(VICTIM)->list[class_of(KEPT_ONE)].held == 2);
}

/* To one that a dead thread left. */
static void kept_orphaned(void)
{
	lively();
	peer_attach(EXTRA);
	hand[1] = take(EXTRA, KEPT_ONE);
	drop(EXTRA, take(EXTRA, KEPT_ONE));
	world->dead = 1 << EXTRA;
	CHECK(reap_dead(view_of(SURVIVOR), REAP_KEEP) == 1);
	hand[0] = take(SECOND, KEPT_ONE);
	drop(VICTIM, hand[1]);
	CHECK(keeps_one());
}

/* To one that another thread owns. */
static void kept_foreign(void)
{
	lively();
	hand[0] = take(SECOND, KEPT_ONE);
	drop(VICTIM, hand[1] = take(SECOND, KEPT_ONE));
	CHECK(keeps_one());
}

/* The victim keeps as many of two others' blocks as it may, and hand[0] is one more. */
static void kept_foreign_many(void)
{
	lively();
	int limit = view_of(VICTIM)->list[0].limit;
	for (int i = 0; i <= limit; i++)
		hand[i] = take(i & 2 ? SURVIVOR : SECOND, 1);
	for (int i = 1; i <= limit; i++)
		drop(VICTIM, hand[i]);
	CHECK(limit > 4);
}

static uint32_t reserve_by(int number)
{
	uint32_t thread = thread_reserve(view_of(number));
	CHECK(thread);
	host_release_slot(view_of(number), THREAD_SLOT(thread));
	return thread;
}

/* Whether the slot that the next one takes makes the table grow. */
static bool table_short(void)
{
	struct view *v = view_of(SURVIVOR);
	uint32_t slots = 0, next = 0;
	for (const struct slot *s; (s = slot_of(v, slots + 1)) != NULL; slots++)
		if (!next && SLOT_STATE(s->state) == SLOT_FREE)
			next = slots + 1;
	return !next || 2 * next > slots;
}

static void crowded(void)
{
	lively();
	if (!table_short())
		reserved = reserve_by(SURVIVOR);
	CHECK(table_short());
}

/* The table has grown, and a slot is reserved. */
static void roomy(void)
{
	lively();
	reserved = reserve_by(SURVIVOR);
	if (table_short()) {
		peer_attach(EXTRA);
		thread_detach(view_of(EXTRA));
	}
	CHECK(!table_short());
}

/* One has not come yet. */
static void crowded_absent(void)
{
	crowded();
	peer_open(EXTRA);
	actor = EXTRA;
}

static void absent(void)
{
	roomy();
	peer_open(EXTRA);
	actor = EXTRA;
}

/* The actor's view stands in its slot, where only WebAssembly's fits. */
static void attach_in_slot(struct peer *p)
{
	const struct view *in_slot = thread_attach_inplace(base, REGION_BYTES, 0);
	CHECK((const uint8_t *)in_slot > base && (const uint8_t *)in_slot < base + REGION_BYTES);
	p->view.thread = in_slot->thread;
}

/* As src/native/lshm.c does it. */
static void name_set(struct view *v, uint64_t offset)
{
	static const uint8_t text[NAME_BYTES] = "name";
	_Atomic uint64_t *value = name_value(v, text, true);
	CHECK(value != NULL);
	store_release(value, offset);
}

static void named(void)
{
	lively();
	name_set(view_of(VICTIM), given);
}

/* One has died with all that can be left at rest; EXTRA looks on. */
static void died(void)
{
	lively();
	come(EXTRA);
	take(VICTIM, large(3));
	take(VICTIM, 1000);
	drop(VICTIM, take(SECOND, 300));
	reserve_by(VICTIM);
	dead = world->dead = 1 << VICTIM;
	actor = SECOND;
}

/* --- what they do --------------------------------------------------------- */

#define MALLOC(name, size) \
	static void malloc_##name(struct peer *p) \
	{ \
		CHECK(heap_malloc(&p->view, size)); \
	}
MALLOC(24, 24)
MALLOC(200, 200)
MALLOC(wide, WIDE)
MALLOC(1000, 1000)
MALLOC(large, large(5))
MALLOC(growing, ((size_t)p->world->backed << p->view.chunk_log2) / 4 * 3)

#define REALLOC(name, size) \
	static void realloc_##name(struct peer *p) \
	{ \
		CHECK(heap_realloc(&p->view, hand[0], size, GRANULE)); \
	}
REALLOC(100, 100)
REALLOC(900, 900)
REALLOC(large, large(2))
REALLOC(larger, large(5))
REALLOC(largest, large(13))

static void malloc_too_much(struct peer *p)
{
	CHECK(!heap_malloc(&p->view, (size_t)p->world->limit << p->view.chunk_log2));
}

static void aligned_256(struct peer *p)
{
	CHECK(heap_malloc_aligned(&p->view, 100, 256));
}

static void aligned_8192(struct peer *p)
{
	CHECK(heap_malloc_aligned(&p->view, 100, 8192));
}

static void calloc_100(struct peer *p)
{
	CHECK(heap_calloc(&p->view, 4, 25, GRANULE));
}

static void calloc_large(struct peer *p)
{
	CHECK(heap_calloc(&p->view, 2, large(2) / 2, GRANULE));
}

static void free_it(struct peer *p)
{
	CHECK(heap_free(&p->view, hand[0]) == 0);
}

static void free_and_malloc(struct peer *p)
{
	CHECK(heap_free(&p->view, hand[0]) == 0 && heap_malloc(&p->view, large(2)));
}

static void grow(struct peer *p)
{
	CHECK(heap_grow(&p->view, 20000) == 0);
}

static void trim(struct peer *p)
{
	thread_trim(&p->view);
}

static void attach(struct peer *p)
{
	CHECK(thread_attach(&p->view, 0) == 0);
}

static void attach_reserved(struct peer *p)
{
	CHECK(thread_attach(&p->view, reserved) == 0);
}

static void mark(struct peer *p)
{
	thread_mark(&p->view);
}

static void detach(struct peer *p)
{
	thread_detach(&p->view);
}

static void reserve(struct peer *p)
{
	uint32_t thread = thread_reserve(&p->view);
	CHECK(thread);
	host_release_slot(&p->view, THREAD_SLOT(thread));
}

static void reap_keep(struct peer *p)
{
	CHECK(reap_dead(&p->view, REAP_KEEP) > 0);
}

static void reap_free(struct peer *p)
{
	reap_dead(&p->view, REAP_FREE);
}

static void name(struct peer *p)
{
	name_set(&p->view, hand[0]);
}

/* As src/native/lshm.c does them. */
static void root_store(struct peer *p)
{
	store_release(&view_header(&p->view)->root[1], hand[0]);
}

static void root_cas(struct peer *p)
{
	CHECK(cas64(&view_header(&p->view)->root[1], 0, hand[0]));
}

static const struct operation operations[] = {
	{"malloc", lively, malloc_24, AT_ONCE},
	{"malloc, from the slab's list", kept_none, malloc_24, AT_ONCE},
	{"malloc, labelling more of its slab", labelled, malloc_wide, AT_ONCE},
	{"malloc, giving up an exhausted slab", exhausted, malloc_24, AT_ONCE},
	{"malloc, collecting", collectable, malloc_24, AT_ONCE},
	{"malloc, claiming a slab", lively, malloc_200, AT_ONCE},
	{"malloc, taking an ownerless slab", parked, malloc_200, AT_ONCE},
	{"malloc, gathering", gatherable, malloc_200, SHORT},
	{"malloc, reaping", reapable, malloc_1000, SHORT},
	{"malloc, large", lively, malloc_large, AT_ONCE},
	{"malloc, growing the heap", lively, malloc_growing, AT_ONCE},
	{"malloc, more than there is", lively, malloc_too_much, AT_ONCE},
	{"aligned, small", lively, aligned_256, AT_ONCE},
	{"aligned, large", lively, aligned_8192, AT_ONCE},
	{"calloc, small", lively, calloc_100, AT_ONCE},
	{"calloc, large", littered, calloc_large, AT_ONCE},
	{"realloc, a slab's block in place", held_small, realloc_100, AT_ONCE},
	{"realloc, slab to slab", held_small, realloc_900, BOTH},
	{"realloc, slab to span", held_small, realloc_large, BOTH},
	{"realloc, span to slab", held_span, realloc_100, BOTH},
	{"realloc, a span grows in place", held_span, realloc_larger, AT_ONCE},
	{"realloc, a span cannot grow", held_span_blocked, realloc_largest, BOTH},
	{"realloc, a span shrinks", held_long_span, realloc_large, AT_ONCE},
	{"free", held_small, free_it, AT_ONCE},
	{"free, of another's", held_foreign, free_it, AT_ONCE},
	{"free, of nobody's", parked, free_it, AT_ONCE},
	{"free, giving back many", kept_many, free_it, AT_ONCE},
	{"free, giving back", kept_own, free_it, AT_ONCE},
	{"free, adopting the slab", kept_adopting, free_it, AT_ONCE},
	{"free, adopting one slab too many", kept_surplus, free_it, AT_ONCE},
	{"free, releasing the slab", kept_releasing, free_it, AT_ONCE},
	{"free, adopting a dead one's slab", kept_orphaned, free_it, AT_ONCE},
	{"free, giving back to another", kept_foreign, free_it, AT_ONCE},
	{"free, giving many back to others", kept_foreign_many, free_it, AT_ONCE},
	{"free, a span", held_span, free_it, AT_ONCE},
	{"free a span, malloc in its place", held_span, free_and_malloc, STEPWISE},
	{"grow", lively, grow, AT_ONCE},
	{"trim", collectable, trim, AT_ONCE},
	{"attach", absent, attach, AT_ONCE},
	{"attach, extending the table", crowded_absent, attach, AT_ONCE},
	{"attach, reserved", absent, attach_reserved, AT_ONCE},
	{"attach, its view in the slot", absent, attach_in_slot, AT_ONCE},
	{"mark", lively, mark, AT_ONCE},
	{"detach", collectable, detach, LEAVES},
	{"reserve", roomy, reserve, AT_ONCE},
	{"reserve, extending the table", crowded, reserve, AT_ONCE},
	{"reap", died, reap_keep, LEAVES},
	{"reap with free", died, reap_free, STEPWISE},
	{"name, new", held_small, name, AT_ONCE},
	{"name, again", named, name, AT_ONCE},
	{"root, set", held_small, root_store, AT_ONCE},
	{"root, compared", held_small, root_cas, AT_ONCE},
};

#endif
