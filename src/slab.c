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
static size_t record_head(struct view *v, uint32_t k, struct record *r)
{
	uint32_t head = load_relaxed(&r->head);
	size_t header = head ? slab_header(v, k, head - 1) : 0;
	return header >> v->chunk_log2 < v->chunks ? header : 0;
}

void slab_enlist(struct view *v, uint32_t class, uint32_t k)
{
	struct class_list *list = &v->list[class];
	struct record *r = map_record(v, k);
	if (!list->slab) {
		store_owned32(&r->next, k);
		r->prev = k;
		list->slab = k;
		list->head = record_head(v, k, r);
		return;
	}
	struct record *first = map_record(v, list->slab);
	uint32_t last = first->prev < v->chunks ? first->prev : list->slab;
	store_owned32(&r->next, list->slab);
	r->prev = last;
	first->prev = k;
	store_owned32(&map_record(v, last)->next, k);
}

static void ring_remove(struct view *v, uint32_t class, uint32_t k)
{
	struct class_list *list = &v->list[class];
	struct record *r = map_record(v, k);
	uint32_t next = load_relaxed(&r->next), prev = r->prev;
	if (next < v->chunks && prev < v->chunks) {
		store_owned32(&map_record(v, prev)->next, next);
		map_record(v, next)->prev = prev;
	}
	if (list->slab != k)
		return;
	list->slab = 0;
	list->head = 0;
	if (next == k || next >= v->chunks ||
	    WORD_OWNER(load_relaxed(map_word(v, next))) != v->mine)
		return;
	r = map_record(v, next);
	list->slab = next;
	list->head = record_head(v, next, r);
}

/* --- labels to lists -------------------------------------------------------- */

void slab_put(struct view *v, uint32_t k, uint64_t word, size_t header)
{
	uint32_t class = SLAB_CLASS(word);
	struct class_list *list = &v->list[class];
	if (list->slab == k) {
		list->head = label_free_before(v, header, list->head);
		return;
	}
	struct record *r = map_record(v, k);
	label_free_before(v, header, record_head(v, k, r));
	store_owned16(&r->head, slab_granule(v, k, header) + 1);
	if (--r->used == 0)
		slab_release(v, k, word);
}

void slab_rebuild(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t class = SLAB_CLASS(word), stride = class_stride(class);
	struct record *r = map_record(v, k);
	uint32_t fresh = slab_fresh(v, k, word);
	uint32_t count = divide(fresh, view_header(v)->reciprocal[class]);
	uint32_t used = 0;
	size_t head = 0;
	/* Hints first: one that arrives later belongs to a label that we see. */
	for (uint32_t i = 0; i < SLAB_LENGTH(word); i++)
		exchange_acquire(map_hints(v, k + i), 0);
	/* The reciprocal is shared, and may have been written over. */
	for (uint32_t x = min32(count * stride, fresh); x >= stride;) {
		x -= stride;
		size_t header = slab_header(v, k, x);
		uint32_t state = label_look(v, header);
		if (state == STATE_FREE || state == STATE_XFREE)
			head = label_free_before(v, header, head);
		else
			used++; /* a damaged one too: it is not handed out */
	}
	r->used = (uint16_t)used;
	store_owned16(&r->head, head ? slab_granule(v, k, head) + 1 : 0);
	if (v->list[class].slab == k)
		v->list[class].head = head;
}

/* --- owning ------------------------------------------------------------------ */

bool slab_adopt(struct view *v, uint32_t k, uint64_t word)
{
	uint64_t mine = word_next(word, KIND_SLAB, view_slot(v),
	                          SLAB_ARG(SLAB_CLASS(word), 0, SLAB_LENGTH(word)));
	if (!slab_word_valid(v, k, word) || WORD_SLOT(word) != 0 ||
	    !cas64(map_word(v, k), word, mine))
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
	struct record *r = map_record(v, k);
	bool room = load_relaxed(&r->head) || slab_has_fresh(v, k, word);
	ring_remove(v, class, k);
	store_owned32(&r->next, room ? load_relaxed(parked) : 0);
	/* Pairs with the compare-exchange in slab_adopt. Only we may change the
	 * word, unless we were reaped by force. */
	cas64(map_word(v, k), word, word_next(word, KIND_SLAB, 0, WORD_ARG(word)));
	if (room)
		store_relaxed(parked, k);
}

bool slab_release(struct view *v, uint32_t k, uint64_t word)
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
	span_release(v, k, view_slot(v));
	return true;
}

void slab_settle(struct view *v, uint32_t k, uint64_t word)
{
	slab_rebuild(v, k, word);
	if (!slab_release(v, k, word))
		slab_park(v, k, word);
}
