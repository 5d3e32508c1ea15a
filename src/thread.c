/* thread.c - slots: attaching, leaving, and recovering what the dead held.
 *
 * A slot's word says who has it and what it is doing; its epoch rises with each
 * tenant. Everything that a thread can leave half-done names its slot, in map
 * words CLAIM, XFREE, RESIZE, SLAB and META and in name entries, or is noted in the
 * slot. So recovery is one pass over the map and the notes. It may be cut short
 * anywhere and begun again by another thread; only a slot's own reaper works on it.
 */
#include "thread.h"

#include "host.h"
#include "slab.h"

/* --- the table ---------------------------------------------------------------- */

/* The slot of a number in the heap at base, of which so many chunks may be looked at. */
static struct slot *slot_at(uint8_t *base, const struct geometry *g, uint32_t chunks, uint32_t slot)
{
	struct header *h = (struct header *)(void *)base;
	uint32_t i = slot - 1, first = 0, n = g->slots_first;
	size_t at = sizeof *h;
	if (i >= SLOT_MAX)
		return 0;
	/* Piece k holds as many slots as there are before it. */
	for (_Atomic uint32_t *piece = h->slot_piece; i >= first + n; piece++) {
		n = first += n;
		if (piece == h->slot_piece + SLOT_PIECES)
			return 0; /* damaged */
		/* Acquire: pairs with the compare-exchange in slots_extend. */
		uint32_t chunk = load_acquire(piece);
		uint64_t room = (uint64_t)(chunks - chunk) << g->chunk_log2;
		if (!chunk || chunk >= chunks || n * sizeof(struct slot) > room)
			return 0;
		at = (size_t)chunk << g->chunk_log2;
	}
	return (struct slot *)(void *)(base + at) + (i - first);
}

struct slot *slot_of(struct view *v, uint32_t slot)
{
	view_refresh(v); /* the table may have grown */
	return slot_at(v->base, &v->geometry, v->chunks, slot);
}

uint64_t slot_word(struct view *v, uint32_t slot)
{
	struct slot *s = slot_of(v, slot);
	return s ? load_acquire(&s->state) : 0;
}

/* Take the reserved slot of `thread`, or (0) a free one, into `state`. */
static int slot_take(struct view *v, uint8_t *base, const struct geometry *g, uint32_t chunks,
                     uint32_t thread, uint64_t state)
{
	uint32_t slot = thread ? THREAD_SLOT(thread) : 1;
	uint32_t from = thread ? SLOT_RESERVED : SLOT_FREE;
	struct slot *s;
	while ((s = slot_at(base, g, chunks, slot)) != 0) {
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

/* One more piece of the table, if slot `taken` is in its upper half: it grows
 * before it is full, so that one who is stopped here stops nobody; but for heaps that
 * began with one page or less, whose upper half is one slot. */
static void slots_extend(struct view *v, uint32_t taken)
{
	_Atomic uint32_t *piece = view_header(v)->slot_piece;
	uint32_t have = v->slots_first;
	for (; have - 1 < SLOT_MAX && load_relaxed(piece); piece++)
		have *= 2;
	size_t bytes = have * sizeof(struct slot) - sizeof(uint64_t);
	uint32_t n = chunks_for(v, bytes);
	if (have - 1 >= SLOT_MAX || taken * 2 <= have)
		return;
	uint32_t c = span_claim(v, n, 1, 0);
	if (!c && heap_extend(v, n, 1))
		c = span_claim(v, n, 1, 0);
	if (!c)
		return;
	bytes_clear(v->base + chunk_offset(v, c), bytes);
	span_commit(v, c, KIND_META, view_slot(v), n);
	if (cas32(piece, 0, c))
		span_commit(v, c, KIND_META, 0, n);
	else
		span_release(v, c, map_word(v, c));
}

/* --- coming ---------------------------------------------------------------------- */

/* No blocks yet. A thread may keep some 8 KiB of each class, and less in a small
 * heap: what one keeps, others lack. */
static void class_lists_begin(struct view *v)
{
	uint32_t first = 0, bytes = min32(CACHE_BYTES, v->chunks_max << (v->chunk_log2 - 10) >> 2);
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		struct class_list *list = &v->list[class];
		uint32_t stride = class_stride(class) * GRANULE;
		ring_forget(list);
		list->inverse = UINT32_MAX / stride + 1;
		list->capacity = (uint16_t)(stride - HEADER_SIZE);
		list->demand = 0;
		list->first = (uint16_t)first;
		list->count = 0;
		list->limit = (uint8_t)max32(1, min32(CACHE_MOST, bytes / stride));
		first += list->limit;
	}
}

/* Slot s is ours and says ATTACHING. */
static void thread_enter(struct view *v, struct slot *s, uint32_t slot)
{
	uint64_t w = load_relaxed(&s->state);
	v->mine = OWNER(KIND_SLAB, slot);
	v->thread = THREAD(slot, SLOT_EPOCH(w));
	v->state = SLOT_WORD(SLOT_ALIVE, 0, 0, SLOT_EPOCH(w));
	v->slot = s;
	v->gathered = 0;
	v->error = 0;
	class_lists_begin(v);
	v->own = label_base(STATE_LIVE, v->thread);
	for (uint32_t i = 0; i < LIVE_COUNT; i++)
		v->live[i] = v->own;
	v->cached = label_base(STATE_CACHED, v->thread);
	cas64(&s->state, w, v->state);
	slots_extend(v, slot);
}

int thread_attach(struct view *v, uint32_t thread)
{
	view_refresh(v);
	int slot = slot_take(v, v->base, &v->geometry, v->chunks, thread,
	                     SLOT_WORD(SLOT_ATTACHING, 0, 0, 0));
	struct slot *s = slot < 0 ? 0 : slot_of(v, (uint32_t)slot);
	if (!s) /* or the table was damaged meanwhile */
		return slot < 0 ? slot : LSHM_ERR_DAMAGED;
	thread_enter(v, s, (uint32_t)slot);
	return 0;
}

struct view *thread_attach_inplace(uint8_t *base, uint64_t bytes, uint32_t thread)
{
	struct header *h = (struct header *)(void *)base;
	int error = heap_verify(base, bytes);
	if (!error)
		error = slot_take(0, base, &h->geometry, load_relaxed(&h->committed), thread,
		                  SLOT_WORD(SLOT_ATTACHING, 0, 0, 0));
	/* Where slot_take found it; or the table was damaged meanwhile. */
	struct slot *s = error < 0 ? 0 : slot_at(base, &h->geometry, UINT32_MAX, (uint32_t)error);
	if (!s)
		return (struct view *)(intptr_t)(error < 0 ? error : LSHM_ERR_DAMAGED);
	struct view *v = (struct view *)(void *)s->workspace;
	/* It may have grown since `bytes` were counted: what is committed is backed,
	 * so this does not fail. */
	heap_open(v, base, UINT64_MAX);
	v->skew = (uint32_t)((uintptr_t)base >> v->chunk_log2);
	thread_enter(v, s, (uint32_t)error);
	return v;
}

uint32_t thread_reserve(struct view *v)
{
	view_refresh(v);
	int slot = slot_take(v, v->base, &v->geometry, v->chunks, 0,
	                     SLOT_WORD(SLOT_RESERVED, 0, v->thread, 0));
	struct slot *s = slot < 0 ? 0 : slot_of(v, (uint32_t)slot);
	if (!s) {
		v->error = slot < 0 ? slot : LSHM_ERR_DAMAGED;
		return 0;
	}
	slots_extend(v, (uint32_t)slot);
	return THREAD((uint32_t)slot, SLOT_EPOCH(load_relaxed(&s->state)));
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
	cache_empty(v);
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		struct class_list *list = &v->list[class];
		for (uint32_t tries = 0; list->slab && tries < v->chunks; tries++) {
			uint64_t w = slab_ours(v, class, list->slab);
			if (w)
				slab_settle(v, list->slab, w);
			else
				ring_forget(list); /* damaged: left to the walkers */
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
	uint32_t kind = WORD_KIND(w);
	uint64_t dirty = 0;
	if (kind == KIND_SLAB) {
		dirty = WORD_DIRTY;
	} else if (kind == KIND_RESIZE) {
		span_cut(v, c, word_length(w), w);
		kind = KIND_SPAN;
	} else if (kind != KIND_META || !slots_have(v, c)) {
		span_release(v, c, w);
		return;
	}
	cas64(&map_at(v, c)->word, w, word_next(w, kind, 0, word_length(w)) | dirty);
	if (dirty)
		parked_lower(v, WORD_CLASS(w), c);
}

/* The owner of its slab is to look at the block at p. */
static void block_hint(struct view *v, size_t p)
{
	hints_send(v, (uint32_t)(p >> v->chunk_log2), hint_of(v, p));
}

/* Tell of all that was given back of slab k. */
static void recover_slab(struct view *v, uint32_t k, uint64_t w)
{
	uint32_t stride = word_stride(w);
	for (uint32_t x = 0, fresh = slab_fresh(v, k, w); x + stride <= fresh; x += stride)
		if (label_look(v, slab_payload(v, k, x)) == STATE_XFREE)
			block_hint(v, slab_payload(v, k, x));
}

/* What the thread kept is free since the slot says REAPING: who owns the slabs is to look
 * at what it noted. In an image that was taken while it worked its notes may be older
 * than its labels: who has the time looks at `all` of these. */
static void recover(struct view *v, struct slot *s, uint32_t thread, bool all)
{
	struct name *names = view_header(v)->names;
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t w = map_word(v, c);
		n = word_length(w);
		if (all && slab_word_valid(v, c, w))
			recover_slab(v, c, w);
		if (WORD_SLOT(w) == THREAD_SLOT(thread) && WORD_KIND(w) != KIND_TAIL)
			recover_chunk(v, c, w);
	}
	for (uint32_t i = 0; i < CACHE_COUNT; i++) {
		/* No block is at 0, but at 4 GiB there may be one. */
		uint64_t low = load_relaxed(&s->kept[i]), p = low ? low : 1ull << 32;
		for (; p < v->end; p += 1ull << 32)
			block_hint(v, (size_t)p);
	}
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

/* Free, or only count, what the thread allocated; into v->found. */
static void recover_blocks(struct view *v, uint32_t thread, bool freeall)
{
	size_t p = 0, bytes = 0;
	uint32_t blocks = 0;
	while ((p = walk_next(v, p)) != 0) {
		size_t footprint = v->found.footprint;
		if (v->found.thread != thread || (freeall && heap_free(v, p) != 0))
			continue;
		blocks++;
		bytes += footprint;
	}
	v->found.size = bytes;
	v->found.count = blocks;
}

int thread_reap(struct view *v, uint32_t thread, enum reap how)
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
	if (SLOT_STATE(w) == SLOT_REAPING && by && by != v->thread &&
	    SLOT_EPOCH(slot_word(v, THREAD_SLOT(by))) == THREAD_EPOCH(by))
		return LSHM_ERR_THREAD_UNKNOWN;
	uint32_t flags = SLOT_FLAGS(w) | (how == REAP_FREE ? SLOT_FREEALL : 0);
	uint64_t reaping = SLOT_WORD(SLOT_REAPING, flags, v->thread, epoch);
	if (!cas64(&s->state, w, reaping))
		return LSHM_ERR_THREAD_UNKNOWN;
	bool all = flags & SLOT_FREEALL || how == REAP_COUNT;
	recover(v, s, thread, all);
	if (all)
		recover_blocks(v, thread, flags & SLOT_FREEALL);
	cas64(&s->state, reaping, SLOT_WORD(SLOT_FREE, 0, 0, epoch + 1));
	return 0;
}
