/* refill.c - where blocks come from when a thread's list of a class is empty,
 * and what becomes of frees in slabs that other threads own.
 *
 * In this order: what others freed in the current slab, blocks of it that were
 * never used, the next slab of the ring, a slab that somebody gave up, chunks;
 * then heap_relieve: all that is free but held, a larger heap, the dead.
 */
#include "slab.h"

#include "host.h"

enum {
	CARVE_GRANULES = 128, /* carved at once: 2 KiB, at least one block */
	OUTBOX_BYTES = 4096,  /* sent when this much waits in it */
	PARKED_TRIES = 8,
	BUSY = 8,             /* slabs of a class after which they get longer */
};

/* Blocks [from, to) granules of our slab k: XFREE becomes FREE. */
static bool collect_range(struct view *v, uint32_t k, uint64_t word, uint32_t from, uint32_t to)
{
	uint32_t stride = class_stride(SLAB_CLASS(word));
	uint32_t x = divide(from + stride - 1, view_header(v)->reciprocal[SLAB_CLASS(word)]) * stride;
	bool any = false;
	for (; x < to && x >= from; x += stride) {
		size_t header = slab_header(v, k, x);
		if (label_look(v, header) != STATE_XFREE)
			continue;
		any = true;
		slab_put(v, k, word, header);
		/* The last block of a slab that is not current frees it. */
		if (WORD_OWNER(load_relaxed(map_word(v, k))) != v->mine)
			return true;
	}
	return any;
}

bool slab_collect(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t unit_log2 = v->chunk_log2 - 6 - GRANULE_LOG2;
	uint32_t fresh = slab_fresh(v, k, word);
	bool any = false;
	for (uint32_t i = 0; i < SLAB_LENGTH(word); i++) {
		_Atomic uint64_t *hints = map_hints(v, k + i);
		if (!load_relaxed(hints))
			continue;
		uint64_t bits = exchange_acquire(hints, 0);
		for (; bits; bits &= bits - 1) {
			uint32_t from = (i << 6 | (uint32_t)__builtin_ctzll(bits)) << unit_log2;
			if (!collect_range(v, k, word, from, min32(from + (1u << unit_log2), fresh)))
				continue;
			any = true;
			if (WORD_OWNER(load_relaxed(map_word(v, k))) != v->mine)
				return true;
		}
	}
	return any;
}

/* The current slab's list is empty: label some blocks that were never used. */
static bool slab_carve(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
	struct record *r = map_record(v, k);
	uint32_t fresh = slab_fresh(v, k, word), total = slab_granules(v, word);
	uint32_t limit = min32(fresh + max32(CARVE_GRANULES, stride), total), x = fresh;
	if (fresh + stride > total)
		return false;
	for (; x + stride <= limit; x += stride) {
		size_t header = slab_header(v, k, x);
		bool more = x + 2 * stride <= limit;
		label_free_before(v, header, more ? header + stride * GRANULE : 0);
	}
	/* Labels before the bound: pairs with the acquire in slab_fresh. */
	store_release(&r->fresh, (uint16_t)x);
	v->list[class].head = slab_header(v, k, fresh);
	return true;
}

/* Chunks for the next slab of a class: little waste at the end, longer when
 * the thread has many of them, one block at least. */
static uint32_t slab_length(struct view *v, uint32_t class)
{
	uint32_t bytes = class_stride(class) * GRANULE, chunk = 1u << v->chunk_log2;
	uint32_t least = (bytes + chunk - 1) >> v->chunk_log2;
	uint32_t n = least;
	while (((n << v->chunk_log2) % bytes) * 8 > n << v->chunk_log2)
		n++;
	for (uint32_t d = v->demand[class] / BUSY; d && n * 2 << v->chunk_log2 <= SLAB_BYTES_MAX / 2; d /= 2)
		n *= 2;
	return n <= max32(least, v->chunks / 32) ? n : least;
}

static bool slab_create(struct view *v, uint32_t class, uint32_t n)
{
	uint32_t k = span_claim(v, n, 1);
	if (!k)
		return false;
	struct record *r = map_record(v, k);
	store_owned16(&r->head, 0);
	r->used = 0;
	store_relaxed(&r->fresh, 0);
	span_commit(v, k, KIND_SLAB, view_slot(v), SLAB_ARG(class, 0, n));
	if (v->demand[class] < 255)
		v->demand[class]++;
	slab_enlist(v, class, k);
	return true;
}

/* `parked` is a chain of hints: each says where to look for the next. */
static bool slab_take_parked(struct view *v, uint32_t class)
{
	_Atomic uint32_t *parked = &view_header(v)->parked[class];
	for (uint32_t i = 0; i < PARKED_TRIES; i++) {
		uint32_t k = load_relaxed(parked);
		if (!k || k >= v->chunks)
			return false;
		uint64_t w = load_acquire(map_word(v, k));
		bool slab = WORD_OWNER(w) == OWNER(KIND_SLAB, 0) && SLAB_CLASS(w) == class;
		uint32_t next = slab ? load_relaxed(&map_record(v, k)->next) : 0;
		if (cas32(parked, k, next == k ? 0 : next) && slab && slab_adopt(v, k, w))
			return true;
	}
	return false;
}

/* Become the owner of one more slab of the class. */
static bool slab_obtain(struct view *v, uint32_t class)
{
	uint32_t n = slab_length(v, class);
	uint32_t least = (class_stride(class) * GRANULE + (1u << v->chunk_log2) - 1) >> v->chunk_log2;
	for (uint32_t step = 1; step;) {
		if (slab_take_parked(v, class) || slab_create(v, class, n) ||
		    (n > least && slab_create(v, class, least)))
			return true;
		step = heap_relieve(v, least, 1, step);
	}
	return false;
}

size_t slab_refill(struct view *v, uint32_t class)
{
	struct class_list *list = &v->list[class];
	while (list->slab || slab_obtain(v, class)) {
		uint32_t k = list->slab;
		uint64_t w = load_relaxed(map_word(v, k));
		if (list->head)
			return list->head;
		if (WORD_OWNER(w) != v->mine || SLAB_CLASS(w) != class || !slab_word_valid(v, k, w)) {
			list->slab = 0; /* not ours: reaped by force, or damaged */
			continue;
		}
		if (slab_collect(v, k, w) || slab_carve(v, k, w))
			continue;
		struct record *r = map_record(v, k);
		store_owned16(&r->head, 0);
		r->used = (uint16_t)divide(slab_fresh(v, k, w), view_header(v)->reciprocal[class]);
		slab_park(v, k, w);
	}
	return 0;
}

/* --- frees in other threads' slabs ---------------------------------------------- */

static void hints_send(struct view *v, uint32_t chunk, uint64_t mask)
{
	if (mask && chunk < v->chunks)
		fetch_or_release(map_hints(v, chunk), mask);
}

void outbox_send(struct slot *slot, struct view *v)
{
	for (uint32_t i = 0; i < OUTBOX_COUNT; i++) {
		struct outbox *o = &slot->outbox[i];
		hints_send(v, load_relaxed(&o->chunk), load_relaxed(&o->mask));
		store_owned64(&o->mask, 0);
	}
}

void outbox_note(struct view *v, size_t payload, uint32_t bytes)
{
	uint32_t chunk = (uint32_t)(payload >> v->chunk_log2);
	uint32_t bit = (uint32_t)(payload >> (v->chunk_log2 - 6)) & 63;
	struct outbox *o = &v->slot->outbox[chunk % OUTBOX_COUNT];
	v->pending += bytes;
	if (v->pending > OUTBOX_BYTES) {
		v->pending = 0;
		outbox_send(v->slot, v);
	}
	if (load_relaxed(&o->chunk) != chunk) {
		hints_send(v, load_relaxed(&o->chunk), load_relaxed(&o->mask));
		store_owned64(&o->mask, 0);
		store_owned32(&o->chunk, chunk);
	}
	store_owned64(&o->mask, load_relaxed(&o->mask) | 1ull << bit);
}

/* --- when memory is short ---------------------------------------------------------- */

/* Whether an ownerless slab may have something free. A stale look is harmless. */
static bool slab_worth_a_look(struct view *v, uint32_t k, uint64_t word)
{
	if (!slab_word_valid(v, k, word))
		return false;
	if (SLAB_DIRTY(word) || slab_has_fresh(v, k, word) || load_relaxed(&map_record(v, k)->head))
		return true;
	for (uint32_t i = 0; i < SLAB_LENGTH(word); i++)
		if (load_relaxed(map_hints(v, k + i)))
			return true;
	return false;
}

void heap_gather(struct view *v)
{
	v->pending = 0;
	outbox_send(v->slot, v);
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t w = load_acquire(map_word(v, c));
		n = word_length(w);
		if (WORD_OWNER(w) == OWNER(KIND_SLAB, 0) && slab_worth_a_look(v, c, w) &&
		    slab_adopt(v, c, w))
			w = load_relaxed(map_word(v, c));
		if (WORD_OWNER(w) == v->mine && slab_word_valid(v, c, w))
			slab_settle(v, c, w);
	}
}

uint32_t heap_relieve(struct view *v, uint32_t n, uint32_t align, uint32_t step)
{
	if (!view_attached(v))
		return 0;
	if (step == 1) {
		heap_gather(v);
		return 2;
	}
	if (step < 1000 && heap_extend(v, n, align))
		return step + 1;
	if (step > 1000 || !host_reap(v))
		return 0;
	heap_gather(v);
	return 1001;
}
