/* thread.c - slots: attaching, leaving, and recovering what the dead held.
 *
 * A slot's word says who has it and what it is doing; its epoch rises with each
 * tenant. Everything that a thread can leave half-done names its slot: map
 * words CLAIM, XFREE, RESIZE, SLAB and META, name entries, and the outbox in
 * the slot. So recovery is one pass over the map. It may be cut short anywhere
 * and begun again by another thread; only a slot's own reaper works on it.
 */
#include "thread.h"

#include "host.h"
#include "slab.h"

/* --- the table ---------------------------------------------------------------- */

extern inline struct slot *slot_of(struct view *v, uint32_t slot);

struct slot *slot_at(uint8_t *base, uint32_t slots_first, uint32_t chunk_log2, uint32_t chunks,
                     uint32_t slot)
{
	struct header *h = (struct header *)(void *)base;
	uint32_t i = slot - 1, first = slots_first;
	if (i >= SLOT_MAX)
		return 0;
	if (i < first)
		return (struct slot *)(void *)(base + sizeof *h) + i;
	_Atomic uint32_t *piece = h->slot_piece;
	for (; i >= 2 * first; first *= 2)
		piece++;
	/* Acquire: pairs with the compare-exchange in slots_extend. */
	uint32_t chunk = load_acquire(piece);
	size_t length = first * sizeof(struct slot) >> chunk_log2;
	if (!chunk || chunk >= chunks || length >= chunks - chunk)
		return 0;
	return (struct slot *)(void *)(base + ((size_t)chunk << chunk_log2)) + (i - first);
}

/* Take the reserved slot of `thread`, or (0) a free one, into `state`. */
static int slot_take(struct view *v, uint8_t *base, uint32_t slots_first, uint32_t chunk_log2,
                     uint32_t chunks, uint32_t thread, uint64_t state)
{
	uint32_t slot = thread ? THREAD_SLOT(thread) : 1;
	uint32_t from = thread ? SLOT_RESERVED : SLOT_FREE;
	struct slot *s;
	while ((s = slot_at(base, slots_first, chunk_log2, chunks, slot)) != 0) {
		uint64_t w = load_acquire(&s->state);
		bool fits = SLOT_STATE(w) == from && SLOT_EPOCH(w) < SLOT_EPOCH_MAX &&
		            (!thread || SLOT_EPOCH(w) == THREAD_EPOCH(thread));
		if (fits && host_claim_slot(v, slot)) {
			if (cas64(&s->state, w, state | (uint64_t)SLOT_EPOCH(w) << 40))
				return (int)slot;
			host_release_slot(v, slot);
		}
		if (thread)
			break;
		slot++;
	}
	return thread ? LSHM_ERR_THREAD_GONE : LSHM_ERR_THREADS_FULL;
}

/* More slots, as long as there are any to be had: called when slot `taken` was,
 * does something if that lies in the table's upper half, so that the table
 * grows before it is full. */
static void slots_extend(struct view *v, uint32_t taken)
{
	_Atomic uint32_t *piece = view_header(v)->slot_piece;
	uint32_t first = v->slots_first, slot = view_slot(v);
	while (first <= SLOT_MAX && load_relaxed(piece)) {
		first *= 2;
		piece++;
	}
	uint32_t n = chunks_for(v, first * sizeof(struct slot));
	if (first > SLOT_MAX || taken <= first / 2)
		return;
	uint32_t c = span_claim(v, n, 1);
	if (!c && heap_extend(v, n, 1))
		c = span_claim(v, n, 1);
	if (!c)
		return;
	bytes_clear(v->base + chunk_offset(v, c), first * sizeof(struct slot));
	span_commit(v, c, KIND_META, slot, n);
	if (cas32(piece, 0, c))
		span_commit(v, c, KIND_META, 0, n);
	else
		span_release(v, c, load_relaxed(&map_at(v, c)->word));
}

/* --- coming ---------------------------------------------------------------------- */

/* The slot is ours and says ATTACHING. */
static void thread_enter(struct view *v, uint32_t slot)
{
	struct slot *s = slot_of(v, slot);
	uint64_t w = load_relaxed(&s->state);
	v->mine = OWNER(KIND_SLAB, slot);
	v->thread = THREAD(slot, SLOT_EPOCH(w));
	v->state = SLOT_WORD(SLOT_ALIVE, 0, 0, SLOT_EPOCH(w));
	v->slot = s;
	v->pending = 0;
	v->error = 0;
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		v->list[class].head = 0;
		v->list[class].slab = 0;
		v->demand[class] = 0;
	}
	store_relaxed(&s->tag, 0);
	v->live = label_seal_bits(LABEL_MAKE(STATE_LIVE, 0, 0));
	cas64(&s->state, w, v->state);
	tag_take(v);
	v->live = label_seal_bits(LABEL_MAKE(STATE_LIVE, 0, load_relaxed(&s->tag)));
	slots_extend(v, slot);
}

int thread_attach(struct view *v, uint32_t thread)
{
	view_refresh(v);
	int slot = slot_take(v, v->base, v->slots_first, v->chunk_log2, v->chunks, thread,
	                     SLOT_WORD(SLOT_ATTACHING, 0, 0, 0));
	if (slot < 0)
		return slot;
	thread_enter(v, (uint32_t)slot);
	return 0;
}

struct view *thread_attach_inplace(uint8_t *base, uint64_t bytes, uint32_t thread)
{
	struct header *h = (struct header *)(void *)base;
	int error = heap_verify(base, bytes);
	if (!error)
		error = slot_take(0, base, h->slots_first, h->chunk_log2,
		                  load_relaxed(&h->committed), thread,
		                  SLOT_WORD(SLOT_ATTACHING, 0, 0, 0));
	if (error < 0)
		return (struct view *)(intptr_t)error;
	/* Where slot_take found it. */
	struct slot *s = slot_at(base, h->slots_first, h->chunk_log2, UINT32_MAX, (uint32_t)error);
	struct view *v = (struct view *)(void *)s->workspace;
	/* It may have grown since `bytes` were counted: what is committed is backed,
	 * so this does not fail. */
	heap_open(v, base, UINT64_MAX);
	v->skew = (uint32_t)((uintptr_t)base >> v->chunk_log2);
	thread_enter(v, (uint32_t)error);
	return v;
}

uint32_t thread_reserve(struct view *v)
{
	view_refresh(v);
	int slot = slot_take(v, v->base, v->slots_first, v->chunk_log2, v->chunks, 0,
	                     SLOT_WORD(SLOT_RESERVED, 0, v->thread, 0));
	if (slot < 0) {
		v->error = slot;
		return 0;
	}
	slots_extend(v, (uint32_t)slot);
	uint64_t w = load_relaxed(&slot_of(v, (uint32_t)slot)->state);
	return THREAD((uint32_t)slot, SLOT_EPOCH(w));
}

void thread_mark(struct view *v)
{
	uint64_t marked = v->state | (uint64_t)SLOT_PROVABLE << 3;
	if (cas64(&v->slot->state, v->state, marked))
		v->state = marked;
}

uint32_t thread_next(struct view *v, uint32_t slot)
{
	struct slot *s;
	while ((s = slot_of(v, ++slot)) != 0) {
		uint64_t w = load_acquire(&s->state);
		if (SLOT_STATE(w) == SLOT_FREE)
			continue;
		v->found.size = (size_t)(SLOT_STATE(w) | SLOT_FLAGS(w) << 3);
		return THREAD(slot, SLOT_EPOCH(w));
	}
	return 0;
}

/* --- going --------------------------------------------------------------------------- */

void thread_trim(struct view *v)
{
	if (!view_attached(v))
		return;
	v->pending = 0;
	outbox_send(v->slot, v);
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		struct class_list *list = &v->list[class];
		while (list->slab) {
			uint64_t w = load_relaxed(&map_at(v, list->slab)->word);
			if (WORD_OWNER(w) == v->mine && slab_word_valid(v, list->slab, w))
				slab_settle(v, list->slab, w);
			else
				list->head = list->slab = 0; /* damaged: left to the walkers */
		}
	}
}

void thread_detach(struct view *v)
{
	struct slot *s = v->slot;
	if (!view_attached(v))
		return;
	thread_trim(v);
	uint64_t alive = v->state;
	uint32_t slot = view_slot(v);
	/* The view may stand in the slot: it is the next tenant's from here on.
	 * Release: pairs with the acquire in slot_take. */
	v->slot = 0;
	store_relaxed(&s->tag, 0); /* a reserved slot must not show it */
	cas64(&s->state, alive, SLOT_WORD(SLOT_FREE, 0, 0, SLOT_EPOCH(alive) + 1));
	host_release_slot(v, slot);
}

/* --- recovering -------------------------------------------------------------------------- */

/* Whether chunk c is a published piece of the slot table. */
static bool slots_have(struct view *v, uint32_t c)
{
	for (uint32_t i = 0; i < SLOT_PIECES; i++)
		if (load_acquire(&view_header(v)->slot_piece[i]) == c)
			return true;
	return false;
}

/* Finish or undo what the slot that w names was doing with chunk c. */
static void recover_chunk(struct view *v, uint32_t c, uint64_t w)
{
	uint32_t kind = WORD_KIND(w), arg = WORD_ARG(w);
	if (kind == KIND_SLAB) {
		arg |= SLAB_ARG(0, 1, 0);
	} else if (kind == KIND_RESIZE) {
		arg = word_length(w); /* at least 1 */
		span_cut(v, c, arg, w);
		kind = KIND_SPAN;
	} else if (kind != KIND_META || !slots_have(v, c)) {
		span_release(v, c, w);
		return;
	}
	cas64(&map_at(v, c)->word, w, word_next(w, kind, 0, arg));
}

static void recover(struct view *v, struct slot *s, uint32_t thread)
{
	struct name *names = view_header(v)->names;
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t w = load_acquire(&map_at(v, c)->word);
		n = word_length(w);
		if (WORD_SLOT(w) == THREAD_SLOT(thread) && WORD_KIND(w) != KIND_TAIL)
			recover_chunk(v, c, w);
	}
	outbox_send(s, v);
	for (uint32_t i = 0; i < NAME_COUNT; i++)
		cas64(&names[i].state, (uint64_t)thread << 8 | 1, 0);
	/* Numbers that it had reserved for others are of no use any more. */
	struct slot *other;
	for (uint32_t i = 1; (other = slot_of(v, i)) != 0; i++) {
		uint64_t reserved = load_acquire(&other->state);
		if (SLOT_STATE(reserved) == SLOT_RESERVED && SLOT_BY(reserved) == thread)
			cas64(&other->state, reserved,
			      SLOT_WORD(SLOT_FREE, 0, 0, SLOT_EPOCH(reserved) + 1));
	}
}

/* Free, or only count, what the thread of `tag` allocated; into v->found. */
static void recover_blocks(struct view *v, uint32_t tag, bool freeall)
{
	size_t p = 0, bytes = 0;
	uint32_t blocks = 0;
	while (tag && (p = walk_next(v, p)) != 0) {
		size_t footprint = v->found.footprint;
		if (v->found.tag != tag || (freeall && heap_free(v, p) != 0))
			continue;
		blocks++;
		bytes += footprint;
	}
	v->found.size = bytes;
	v->found.tag = blocks;
}

int thread_reap(struct view *v, uint32_t thread, bool freeall)
{
	uint32_t slot = THREAD_SLOT(thread), epoch = THREAD_EPOCH(thread);
	struct slot *s = slot_of(v, slot);
	/* A view that never attached may reap where its host sees to it that
	 * nobody else does: so room is made for one that finds all slots taken. */
	if (v->slot && !view_attached(v))
		return LSHM_ERR_DETACHED;
	if (!s || thread == v->thread)
		return LSHM_ERR_INVALID;
	uint64_t w = load_acquire(&s->state);
	if (SLOT_STATE(w) == SLOT_FREE || SLOT_EPOCH(w) != epoch)
		return LSHM_ERR_THREAD_GONE;
	/* Somebody is at it: his to finish, unless he is gone himself; then his
	 * slot has another epoch. */
	uint32_t by = SLOT_BY(w);
	struct slot *other = slot_of(v, THREAD_SLOT(by));
	if (SLOT_STATE(w) == SLOT_REAPING && by != v->thread && other &&
	    SLOT_EPOCH(load_acquire(&other->state)) == THREAD_EPOCH(by))
		return LSHM_ERR_THREAD_UNKNOWN;
	uint32_t flags = SLOT_FLAGS(w) | (freeall ? SLOT_FREEALL : 0);
	uint64_t reaping = SLOT_WORD(SLOT_REAPING, flags, v->thread, epoch);
	if (!cas64(&s->state, w, reaping))
		return LSHM_ERR_THREAD_UNKNOWN;
	recover(v, s, thread);
	recover_blocks(v, load_relaxed(&s->tag), flags & SLOT_FREEALL);
	store_relaxed(&s->tag, 0);
	cas64(&s->state, reaping, SLOT_WORD(SLOT_FREE, 0, 0, epoch + 1));
	return 0;
}
