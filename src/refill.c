/* refill.c - where blocks come from when a thread keeps none of a class.
 *
 * In this order: what others freed in the current slab, blocks of it that were
 * never used, the next slab of the ring, a slab that somebody gave up, chunks;
 * then heap_relieve: all that is free but held, a larger heap, the dead.
 */
#include "slab.h"

#include "host.h"

enum {
	CARVE_GRANULES = 128, /* carved at once: 2 KiB, at least one block */
	PARKED_TRIES = 8,
	BUSY = 8, /* slabs of a class after which they get longer */
};

/* Take back what other threads freed in our slab k, which is current: XFREE
 * becomes FREE. Whether there was any. */
static bool slab_collect(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = word_stride(word);
	uint32_t unit_log2 = v->chunk_log2 - 6 - GRANULE_LOG2;
	uint32_t fresh = slab_fresh(v, k, word);
	struct entry *e = map_at(v, k);
	for (uint32_t i = 0; i < WORD_ARG(word); i++) {
		if (!load_relaxed(&e[i].hints))
			continue;
		for (uint64_t bits = exchange_acquire(&e[i].hints, 0); bits; bits &= bits - 1) {
			uint32_t x = (i << 6 | (uint32_t)__builtin_ctzll(bits)) << unit_log2;
			uint32_t end = min32(x + (1u << unit_log2), fresh);
			for (x += stride - 1, x -= x % stride; x < end; x += stride)
				if (label_look(v, slab_payload(v, k, x)) == STATE_XFREE)
					slab_put(v, k, slab_payload(v, k, x));
		}
	}
	return load_relaxed(&e->head);
}

/* The current slab's list is empty: label some blocks that were never used. */
static bool slab_carve(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = word_stride(word), fresh = slab_fresh(v, k, word);
	uint32_t room = min32(max32(CARVE_GRANULES, stride), slab_granules(v, word) - fresh);
	uint32_t end = fresh + room - room % stride;
	struct entry *e = map_at(v, k);
	for (uint32_t x = end; x > fresh;) {
		x -= stride;
		list_push(v, e, k, slab_payload(v, k, x));
	}
	/* Labels before the bound: pairs with the acquire in slab_fresh. */
	store_release(&e->fresh, (uint16_t)end);
	return load_relaxed(&e->head);
}

/* Chunks for one block of a class. */
static uint32_t slab_least(struct view *v, uint32_t class)
{
	return chunks_for(v, class_capacity(class));
}

/* Chunks for the next slab of a class: little waste at the end, longer when
 * the thread has many of them, one block at least. */
static uint32_t slab_length(struct view *v, uint32_t class)
{
	uint32_t stride = class_stride(class), least = slab_least(v, class), n = least;
	uint32_t per_chunk = 1u << (v->chunk_log2 - GRANULE_LOG2);
	uint32_t most = max32(v->chunks / 256, min32(v->chunks / 32, 4));
	most = min32(most, SLAB_BYTES_MAX / GRANULE / 2 / per_chunk);
	while (n * per_chunk % stride * 8 > n * per_chunk)
		n++;
	for (uint32_t d = v->list[class].demand / BUSY; d && 2 * n <= most; d /= 2)
		n *= 2;
	return n <= max32(least, most) ? n : least;
}

static bool slab_create(struct view *v, uint32_t class, uint32_t n)
{
	uint32_t k = span_claim(v, n, 1, class);
	if (!k)
		return false;
	struct entry *e = map_at(v, k);
	store_owned16(&e->head, 0);
	store_owned16(&e->used, 0);
	store_relaxed(&e->fresh, 0);
	span_commit(v, k, KIND_SLAB, view_slot(v), n);
	if (v->list[class].demand < UINT16_MAX)
		v->list[class].demand++;
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
		struct entry *e = map_at(v, k);
		uint64_t w = load_acquire(&e->word);
		bool slab = WORD_OWNER(w) == OWNER(KIND_SLAB, 0) && WORD_CLASS(w) == class;
		uint32_t next = slab ? load_relaxed(&e->next) : 0;
		if (cas32(parked, k, next == k ? 0 : next) && slab && slab_adopt(v, k, w))
			return true;
	}
	return false;
}

/* Become the owner of one more slab of the class. */
static bool slab_obtain(struct view *v, uint32_t class)
{
	uint32_t least = slab_least(v, class), step = 1;
	do {
		if (slab_take_parked(v, class) || slab_create(v, class, slab_length(v, class)) ||
		    slab_create(v, class, least))
			return true;
		step = heap_relieve(v, least, 1, step);
	} while (step);
	return false;
}

bool slab_refill(struct view *v, uint32_t class)
{
	struct class_list *list = &v->list[class];
	/* No more tries than slabs: else somebody plays with us. */
	for (uint32_t tries = 0; tries <= v->chunks; tries++) {
		uint32_t k = list->slab;
		if (!k) {
			if (!slab_obtain(v, class))
				return false;
			continue;
		}
		struct entry *e = map_at(v, k);
		uint64_t w = load_relaxed(&e->word);
		if (WORD_OWNER(w) != v->mine || WORD_CLASS(w) != class ||
		    !slab_word_valid(v, k, w)) {
			list->slab = 0; /* not ours: reaped by force, or damaged */
		} else if (load_relaxed(&e->head) || slab_collect(v, k, w) || slab_carve(v, k, w)) {
			cache_fill(v, list, w);
			return true;
		} else {
			slab_park(v, k, w);
		}
	}
	return false;
}

/* --- when memory is short ---------------------------------------------------------- */

/* Whether an ownerless slab may have something free. A stale look is harmless. */
static bool slab_worth_a_look(struct view *v, uint32_t k, uint64_t word)
{
	struct entry *e = map_at(v, k);
	if (!slab_word_valid(v, k, word))
		return false;
	if (word & WORD_DIRTY || slab_has_fresh(v, k, word) || load_relaxed(&e->head))
		return true;
	for (uint32_t i = 0; i < WORD_ARG(word); i++)
		if (load_relaxed(&e[i].hints))
			return true;
	return false;
}

/* Give back what we keep. Own every slab for a moment that is ours or nobody's: free
 * it if it is empty, else leave it where the next one finds it. */
static void heap_gather(struct view *v)
{
	cache_empty(v);
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		_Atomic uint64_t *word = &map_at(v, c)->word;
		uint64_t w = load_acquire(word);
		n = word_length(w);
		if (WORD_OWNER(w) == OWNER(KIND_SLAB, 0) && slab_worth_a_look(v, c, w) &&
		    slab_adopt(v, c, w))
			w = load_relaxed(word);
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
