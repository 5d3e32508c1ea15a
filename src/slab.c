/* slab.c - chunks cut into blocks of one class.
 *
 * The labels are the truth; a slab's list, `used` and its place in a ring are
 * the owner's cache over them. Each owned slab is on its owner's ring of the
 * class. The first of the ring is current: its list stands in the view, and
 * malloc and free touch nothing else of it. A slab whose list runs empty is
 * given up: whoever frees a block of it next becomes its owner. So nobody
 * hoards what others free, and most frees are the owner's.
 *
 *   our frees      label FREE, on the list
 *   others' frees  noted in their outbox, label XFREE, later a hint bit beside
 *                  the map; the owner collects when its list runs empty
 *
 * Nothing believes a list, a hint or a counter without looking at the label.
 */
#include "slab.h"

/* --- labels ----------------------------------------------------------------- */

uint32_t label_look(struct view *v, size_t header)
{
	uint64_t h = header_load(v->base + header);
	return label_valid(v, header, h) ? LABEL_STATE(h) : STATE_DAMAGED;
}

size_t label_free_before(struct view *v, size_t header, size_t next)
{
	header_store(v->base + header, label_free(v, header, link_to(header, next)));
	return header;
}

/* --- rings ---------------------------------------------------------------- */

/* The first free block of a slab that is not current. */
static size_t notes_head(struct view *v, uint32_t k)
{
	uint32_t head = load_relaxed(&map_at(v, k)->head);
	size_t header = head ? slab_header(v, k, head - 1) : 0;
	return header >> v->chunk_log2 < v->chunks ? header : 0;
}

/* Slab k, or none (0), becomes the current one. */
static void list_set(struct view *v, uint32_t class, uint32_t k)
{
	v->list[class].slab = k;
	v->list[class].head = k ? notes_head(v, k) : 0;
}

static void ring_link(struct view *v, uint32_t prev, uint32_t next)
{
	store_owned32(&map_at(v, prev)->next, next);
	map_at(v, next)->prev = prev;
}

void slab_enlist(struct view *v, uint32_t class, uint32_t k)
{
	uint32_t first = v->list[class].slab;
	if (!first) {
		ring_link(v, k, k);
		list_set(v, class, k);
		return;
	}
	uint32_t last = map_at(v, first)->prev;
	ring_link(v, last < v->chunks ? last : first, k);
	ring_link(v, k, first);
}

static void ring_remove(struct view *v, uint32_t class, uint32_t k)
{
	struct entry *e = map_at(v, k);
	uint32_t next = load_relaxed(&e->next), prev = e->prev;
	bool whole = next < v->chunks && prev < v->chunks;
	if (whole)
		ring_link(v, prev, next);
	if (v->list[class].slab == k)
		list_set(v, class,
		         whole && next != k &&
		                         WORD_OWNER(load_relaxed(&map_at(v, next)->word)) == v->mine
		                 ? next
		                 : 0);
}

/* --- labels to lists -------------------------------------------------------- */

/* Free our slab k if all its blocks are. */
static bool slab_release(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
	uint32_t fresh = slab_fresh(v, k, word);
	for (uint32_t x = 0; x + stride <= fresh; x += stride) {
		if (label_look(v, slab_header(v, k, x)) != STATE_FREE)
			return false;
	}
	ring_remove(v, class, k);
	if (v->demand[class])
		v->demand[class]--;
	span_release(v, k, word);
	return true;
}

/* The free block at `header`, or none (0), becomes first of slab k's list. */
static void slab_head_set(struct view *v, uint32_t class, uint32_t k, size_t header)
{
	if (v->list[class].slab == k)
		v->list[class].head = header;
	store_owned16(&map_at(v, k)->head,
	              header ? slab_granule(v, k, header + HEADER_SIZE) + 1 : 0);
}

void slab_put(struct view *v, uint32_t k, uint64_t word, size_t header)
{
	uint32_t class = SLAB_CLASS(word);
	bool current = v->list[class].slab == k;
	size_t next = current ? v->list[class].head : notes_head(v, k);
	slab_head_set(v, class, k, label_free_before(v, header, next));
	if (!current && --map_at(v, k)->used == 0)
		slab_release(v, k, word);
}

void slab_rebuild(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
	uint32_t fresh = slab_fresh(v, k, word), used = 0;
	struct entry *e = map_at(v, k);
	size_t head = 0;
	/* Hints first: one that arrives later belongs to a label that we see. */
	for (uint32_t i = 0; i < SLAB_LENGTH(word); i++)
		exchange_acquire(&e[i].hints, 0);
	for (uint32_t x = fresh - fresh % stride; x;) {
		x -= stride;
		size_t header = slab_header(v, k, x);
		uint32_t state = label_look(v, header);
		if (state == STATE_FREE || state == STATE_XFREE)
			head = label_free_before(v, header, head);
		else
			used++; /* a damaged one too: it is not handed out */
	}
	e->used = (uint16_t)used;
	slab_head_set(v, class, k, head);
}

/* --- owning ------------------------------------------------------------------ */

bool slab_adopt(struct view *v, uint32_t k, uint64_t word)
{
	uint64_t mine = word_next(word, KIND_SLAB, view_slot(v),
	                          SLAB_ARG(SLAB_CLASS(word), 0, SLAB_LENGTH(word)));
	if (!slab_word_valid(v, k, word) || WORD_SLOT(word) != 0 ||
	    !cas64(&map_at(v, k)->word, word, mine))
		return false;
	if (SLAB_DIRTY(word))
		slab_rebuild(v, k, mine);
	slab_enlist(v, SLAB_CLASS(word), k);
	return true;
}

void slab_park(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = SLAB_CLASS(word);
	_Atomic uint32_t *parked = &view_header(v)->parked[class];
	struct entry *e = map_at(v, k);
	if (v->list[class].slab == k)
		slab_head_set(v, class, k, v->list[class].head);
	bool room = load_relaxed(&e->head) || slab_has_fresh(v, k, word);
	ring_remove(v, class, k);
	store_owned32(&e->next, room ? load_relaxed(parked) : 0);
	/* Pairs with the compare-exchange in slab_adopt. Only we may change the
	 * word, unless we were reaped by force. */
	cas64(&e->word, word, word_next(word, KIND_SLAB, 0, WORD_ARG(word)));
	if (room)
		store_relaxed(parked, k);
}

void slab_settle(struct view *v, uint32_t k, uint64_t word)
{
	slab_rebuild(v, k, word);
	if (!slab_release(v, k, word))
		slab_park(v, k, word);
}
