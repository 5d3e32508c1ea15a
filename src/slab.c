/* slab.c - chunks cut into blocks of one class.
 *
 * The labels are the truth; a slab's list, `used` and its place in a ring are
 * the owner's cache over them. Each owned slab is on its owner's ring of the
 * class; the first of the ring is current, and what its owner keeps for malloc
 * comes from its list. A slab whose list runs empty is given up: whoever gives a
 * block of it back next becomes its owner, and gives up its oldest if it has too
 * many. So nobody hoards what others free.
 *
 *   in our slab       CACHED to FREE, on the list
 *   in another's      CACHED to XFREE, and a hint bit beside the map; the owner
 *                     collects when its list runs empty, or before it gives the
 *                     slab up
 *
 * Nothing believes a list, a hint or a counter without looking at the label.
 */
#include "slab.h"

#include "thread.h"

uint32_t label_look(struct view *v, size_t p)
{
	uint64_t h = header_load(header_at(v, p));
	if (!label_valid(v, p, h))
		return STATE_DAMAGED;
	if (LABEL_STATE(h) != STATE_CACHED)
		return LABEL_STATE(h);
	const struct slot *s = slot_of(v, THREAD_SLOT(LABEL_THREAD(h)));
	uint64_t w = s ? load_acquire(&s->state) : 0;
	bool keeps = SLOT_STATE(w) - 1 < SLOT_DEAD - 1; /* nor FREE */
	bool gone = s && (!keeps || SLOT_EPOCH(w) != THREAD_EPOCH(LABEL_THREAD(h)));
	/* It may have used the block since we looked: what the label says now, after
	 * the slot's word, is its last word. */
	return gone && header_load(header_at(v, p)) == h ? STATE_XFREE : STATE_CACHED;
}

uint32_t pointer_head(struct view *v, size_t p)
{
	uint32_t c = (uint32_t)(p >> v->chunk_log2);
	uint64_t w = map_word(v, c);
	uint32_t back = WORD_ARG(w);
	return WORD_KIND(w) == KIND_TAIL && back <= c ? c - back : c;
}

/* Slabs of a class that a thread has at most, before it gives one up for another
 * that it frees into: less in a small heap, where what one has, others lack. */
enum { HELD_MOST = 16, HELD_LEAST = 2, HELD_CHUNKS = 128 };

/* --- rings ---------------------------------------------------------------- */

static void ring_link(struct view *v, uint32_t prev, uint32_t next)
{
	store_owned32(&map_at(v, prev)->next, next);
	store_owned32(&map_at(v, next)->prev, prev);
}

void slab_enlist(struct view *v, uint32_t class, uint32_t k)
{
	uint32_t *first = &v->list[class].slab, last = k;
	if (*first)
		last = load_relaxed(&map_at(v, *first)->prev);
	else
		*first = k;
	ring_link(v, last < v->chunks ? last : k, k);
	ring_link(v, k, *first);
	v->list[class].held++;
}

static void ring_remove(struct view *v, uint32_t class, uint32_t k)
{
	uint32_t *first = &v->list[class].slab;
	struct entry *e = map_at(v, k);
	uint32_t next = load_relaxed(&e->next), prev = load_relaxed(&e->prev);
	if (next >= v->chunks || prev >= v->chunks)
		next = k; /* damaged */
	else
		ring_link(v, prev, next);
	v->list[class].held--;
	if (*first == k)
		*first = next == k ? 0 : next;
}

/* --- lists ---------------------------------------------------------------- */

bool slab_release(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = WORD_CLASS(word), stride = class_stride(class);
	uint32_t fresh = slab_fresh(v, k, word);
	if (load_relaxed(&map_at(v, k)->used))
		return false;
	for (uint32_t x = 0; x + stride <= fresh; x += stride)
		if (label_look(v, slab_payload(v, k, x)) != STATE_FREE)
			return false;
	ring_remove(v, class, k);
	if (v->list[class].demand)
		v->list[class].demand--;
	span_release(v, k, word);
	return true;
}

void list_push(struct view *v, struct entry *e, uint32_t k, size_t p)
{
	header_store(header_at(v, p), label_free(v, p, load_relaxed(&e->head)));
	store_owned16(&e->head, slab_granule(v, k, p) + 1);
}

void slab_put(struct view *v, uint32_t k, size_t p)
{
	struct entry *e = map_at(v, k);
	list_push(v, e, k, p);
	store_owned16(&e->used, load_relaxed(&e->used) - 1u);
}

bool slab_collect(struct view *v, uint32_t k, uint64_t word)
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

void slab_rebuild(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = word_stride(word);
	uint32_t fresh = slab_fresh(v, k, word), used = 0;
	struct entry *e = map_at(v, k);
	/* Hints first: one that arrives later belongs to a label that we see. */
	for (uint32_t i = 0; i < WORD_ARG(word); i++)
		exchange_acquire(&e[i].hints, 0);
	store_owned16(&e->head, 0);
	for (uint32_t x = fresh - fresh % stride; x;) {
		x -= stride;
		size_t p = slab_payload(v, k, x);
		uint32_t state = label_look(v, p);
		if (state == STATE_FREE || state == STATE_XFREE)
			list_push(v, e, k, p);
		else
			used++; /* a damaged one too: it is not handed out */
	}
	store_owned16(&e->used, used);
}

/* --- owning ------------------------------------------------------------------ */

uint64_t slab_ours(struct view *v, uint32_t class, uint32_t k)
{
	uint64_t w = k < v->chunks ? map_word(v, k) : 0;
	bool ours = WORD_OWNER(w) == v->mine && WORD_CLASS(w) == class;
	return ours && slab_word_valid(v, k, w) ? w : 0;
}

bool slab_has_room(struct view *v, uint32_t k, uint64_t word)
{
	struct entry *e = map_at(v, k);
	if (WORD_OWNER(word) != OWNER(KIND_SLAB, 0) || !slab_word_valid(v, k, word))
		return false;
	if (word & WORD_DIRTY || slab_has_fresh(v, k, word) || load_relaxed(&e->head))
		return true;
	for (uint32_t i = 0; i < WORD_ARG(word); i++)
		if (load_relaxed(&e[i].hints))
			return true;
	return false;
}

void parked_lower(struct view *v, uint32_t class, uint32_t k)
{
	_Atomic uint32_t *parked = &view_header(v)->parked[class];
	uint32_t low = load_relaxed(parked);
	if (low > k)
		cas32(parked, low, k); /* a hint */
}

void slab_park(struct view *v, uint32_t k, uint64_t word)
{
	ring_remove(v, WORD_CLASS(word), k);
	/* Pairs with the compare-exchange in slab_adopt. Only we may change the
	 * word, unless we were reaped by force. */
	word = map_change(v, k, word, KIND_SLAB, 0, WORD_ARG(word));
	if (slab_has_room(v, k, word))
		parked_lower(v, WORD_CLASS(word), k);
}

/* Free our slab k if it is empty (true), else give it up; its notes are right. */
static bool slab_leave(struct view *v, uint32_t k, uint64_t word)
{
	bool empty = slab_release(v, k, word);
	if (!empty)
		slab_park(v, k, word);
	return empty;
}

bool slab_settle(struct view *v, uint32_t k, uint64_t word)
{
	slab_rebuild(v, k, word);
	return slab_leave(v, k, word);
}

/* One more slab of the class is to be ours. If that is too many, the one goes that we
 * have had for longest and that is not current: else a thread that frees what others
 * allocate would keep all of it. */
static void slab_make_way(struct view *v, uint32_t class)
{
	struct class_list *list = &v->list[class];
	if (list->held < min32(HELD_MOST, max32(HELD_LEAST, v->chunks / HELD_CHUNKS)))
		return;
	uint32_t k = load_relaxed(&map_at(v, list->slab)->next);
	uint64_t w = slab_ours(v, class, k);
	if (!w)
		return; /* damaged */
	slab_collect(v, k, w);
	slab_leave(v, k, w);
}

bool slab_adopt(struct view *v, uint32_t k, uint64_t word)
{
	if (!slab_word_valid(v, k, word) || WORD_SLOT(word) != 0)
		return false;
	uint64_t mine = map_change(v, k, word, KIND_SLAB, view_slot(v), WORD_ARG(word));
	if (!mine)
		return false;
	if (word & WORD_DIRTY)
		slab_rebuild(v, k, mine);
	slab_make_way(v, WORD_CLASS(word));
	slab_enlist(v, WORD_CLASS(word), k);
	return true;
}
