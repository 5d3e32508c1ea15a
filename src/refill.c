/* refill.c - where blocks come from when a thread keeps none of a class.
 *
 * In this order: what others freed in the current slab, blocks of it that were
 * never used, the next slab of the ring, a slab that somebody gave up, chunks;
 * then heap_relieve: all that is free but held, unless that was little of late; a
 * larger heap; the dead.
 */
#include "slab.h"

#include "host.h"

enum {
	CARVE_GRANULES = 128,     /* carved at once: 2 KiB, at least one block */
	PARKED_LOOKS = 64,        /* words looked at for a parked slab, */
	PARKED_LOOKS_MOST = 1024, /* and in a heap that cannot grow instead */
	BUSY = 8,                 /* slabs of a class after which they get longer */
};

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
	/* A checker that reads this sees that the word is another one by now: pairs
	 * with the acquire in slab_fresh. */
	store_release(&e->fresh, (uint16_t)0);
	span_commit(v, k, KIND_SLAB, view_slot(v), n);
	if (v->list[class].demand < UINT8_MAX)
		v->list[class].demand++;
	slab_enlist(v, class, k);
	return true;
}

/* Look at so many words for an ownerless slab of the class, from the lowest chunk
 * on where one with room may be. Who parks a lower one meanwhile changes `parked`;
 * one that is parked behind us is left to a gather. */
static bool slab_take_parked(struct view *v, uint32_t class, uint32_t looks)
{
	_Atomic uint32_t *parked = &view_header(v)->parked[class];
	uint32_t seen = load_relaxed(parked), c = seen;
	bool found = false;
	for (; c < v->chunks && !found && looks; looks--) {
		uint64_t w = map_word(v, c);
		found = WORD_CLASS(w) == class && slab_has_room(v, c, w) && slab_adopt(v, c, w);
		c += word_length(w);
	}
	cas32(parked, seen, c);
	/* We need not make so many. */
	if (found && v->list[class].demand)
		v->list[class].demand--;
	return found;
}

/* Become the owner of one more slab of the class. */
static bool slab_obtain(struct view *v, uint32_t class)
{
	uint32_t least = slab_least(v, class), step = 1;
	do {
		uint32_t looks = v->chunks < v->chunks_max ? PARKED_LOOKS : PARKED_LOOKS_MOST;
		if (slab_take_parked(v, class, looks) ||
		    slab_create(v, class, slab_length(v, class)) || slab_create(v, class, least))
			return true;
		step = heap_relieve(v, least, 1, step);
	} while (step);
	return slab_take_parked(v, class, v->chunks);
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
		uint64_t w = slab_ours(v, class, k);
		if (!w) {
			ring_forget(list); /* reaped by force, or damaged */
		} else if (load_relaxed(&map_at(v, k)->head) || slab_collect(v, k, w) ||
		           slab_carve(v, k, w)) {
			cache_fill(v, list, w);
			return true;
		} else {
			slab_park(v, k, w);
		}
	}
	return false;
}

/* --- when memory is short ---------------------------------------------------------- */

/* Give back what we keep. Own every slab for a moment that is ours or nobody's: free
 * it if it is empty, else leave it where the next one finds it. Returns how many
 * chunks that freed. */
static uint32_t heap_gather(struct view *v)
{
	uint32_t freed = 0;
	cache_empty(v);
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t w = map_word(v, c);
		n = word_length(w);
		if (slab_has_room(v, c, w))
			slab_adopt(v, c, w);
		w = slab_ours(v, WORD_CLASS(w), c);
		if (w && slab_settle(v, c, w))
			freed += n;
	}
	return freed;
}

/* Steps from here on: all was gathered for this one; the dead were reaped too. Each
 * growth is a step: more than so many are somebody's play with our view. */
enum { GATHERED = 1000, REAPED = 2000 };

uint32_t heap_relieve(struct view *v, uint32_t n, uint32_t align, uint32_t step)
{
	if (!view_attached(v))
		return 0;
	bool gathered = step >= GATHERED || v->gathered == v->chunks;
	if (gathered && step < REAPED && heap_extend(v, n, align))
		return step + 1;
	if (step >= REAPED || (step >= GATHERED && !host_reap(v)))
		return 0;
	/* Where little was found, a larger heap spares us to look again for every little
	 * that was freed since. */
	v->gathered = heap_gather(v) > v->chunks / 8 ? 0 : v->chunks;
	return step < GATHERED ? GATHERED : REAPED;
}
