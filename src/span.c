/* span.c - runs of chunks: claiming, giving back, growing the heap.
 *
 * A run is claimed by its head: FREE to CLAIM, then each tail from left to
 * right, FREE to TAIL(distance to the head); on a conflict the tails are undone
 * from right to left and the head last. So whatever a thread leaves when it
 * dies is a head that names it, followed by a prefix of tails that name the
 * head: span_release frees exactly that. Releasing walks the same way back:
 * head to XFREE (the commit), tails from right to left, head last.
 *
 * Every change is a compare-exchange that raises the word's epoch, so a word
 * that was read is the word that is changed. Claims acquire, releases release:
 * what the last holder wrote into a chunk happened before the next one has it.
 */
#include "span.h"

#include "host.h"
#include "map.h"

void map_seek(const struct view *v, struct map_part *part, uint32_t chunk)
{
	uint32_t first = 0, next = v->map_first;
	for (uint32_t k = 0; k < MAP_PIECES && chunk >= next && next < v->chunks_max; k++) {
		first = next;
		next *= MAP_GROWTH;
	}
	size_t at = chunk_offset(v, first);
	if (!first)
		at = sizeof(struct header) + v->slots_first * sizeof(struct slot);
	part->entry = (struct entry *)(void *)(v->base + at);
	part->first = first;
	part->end = min32(next, v->chunks_max);
	part->ready = max32(min32(next, v->chunks), first) - first;
	part->usable = chunks_for(v, at + (part->end - first) * sizeof(struct entry));
}

void map_learn(struct view *v)
{
	map_seek(v, &v->near[1], v->chunks - 1);
	map_seek(v, &v->near[0], max32(v->near[1].first, 1) - 1);
	v->end = span_capacity(v, v->chunks);
}

/* Our own hint where n FREE chunks may be. */
static uint32_t *room_for(struct view *v, uint32_t n)
{
	return &v->room[min32(n, ROOM_COUNT) - 1];
}

uint32_t span_run(struct view *v, uint32_t head, uint64_t word)
{
	const struct entry *e = map_at(v, head);
	uint32_t room = map_room(v, head), n = 1;
	for (; n < room; n++) {
		uint64_t t = load_acquire(&e[n].word);
		if (WORD_KIND(t) != KIND_TAIL || WORD_ARG(t) != n ||
		    WORD_CLASS(t) != WORD_CLASS(word))
			break;
	}
	return n;
}

uint32_t span_cut(struct view *v, uint32_t head, uint32_t keep, uint64_t word)
{
	struct entry *e = map_at(v, head);
	uint32_t n = span_run(v, head, word), i = n;
	while (--i && i >= keep) {
		uint64_t t = load_acquire(&e[i].word);
		/* The tail first, then the head once more: if the head is still
		 * what it was, the tail that we read belongs to it. */
		if (load_acquire(&e->word) != word)
			return n;
		if (WORD_KIND(t) == KIND_TAIL && WORD_ARG(t) == i)
			map_change(v, head + i, t, KIND_FREE, 0, 0);
	}
	return n;
}

bool span_release(struct view *v, uint32_t head, uint64_t word)
{
	if (WORD_KIND(word) != KIND_XFREE && WORD_KIND(word) != KIND_CLAIM) {
		uint32_t slot = WORD_SLOT(word) ? WORD_SLOT(word) : view_slot(v);
		word = map_change(v, head, word, KIND_XFREE, slot, 0);
		if (!word)
			return false;
	}
	uint32_t n = span_cut(v, head, 1, word);
	map_change(v, head, word, KIND_FREE, 0, 0);
	*room_for(v, n) = head;
	return true;
}

void span_commit(struct view *v, uint32_t head, uint32_t kind, uint32_t slot, uint32_t arg)
{
	map_change(v, head, map_word(v, head), kind, slot, arg);
}

/* FREE becomes `kind`, of us or of a head `arg` chunks before it. */
static bool chunk_claim(_Atomic uint64_t *word, uint32_t kind, uint32_t slot, uint32_t arg,
                        uint32_t class)
{
	uint64_t w = load_relaxed(word);
	return WORD_KIND(w) == KIND_FREE &&
	       cas64(word, w, word_next(w, kind, slot, arg) | WORD_CLASSED(class));
}

bool span_stretch(struct view *v, uint32_t head, uint32_t old_n, uint32_t n)
{
	struct entry *e = map_at(v, head);
	uint32_t class = WORD_CLASS(load_relaxed(&e->word));
	if (n > map_room(v, head))
		return false;
	for (uint32_t i = old_n; i < n; i++) {
		if (chunk_claim(&e[i].word, KIND_TAIL, 0, i, class))
			continue;
		span_cut(v, head, old_n, load_relaxed(&e->word));
		return false;
	}
	return true;
}

/* Claim exactly the n chunks at head. */
static bool claim_at(struct view *v, uint32_t head, uint32_t n, uint32_t class)
{
	_Atomic uint64_t *h = &map_at(v, head)->word;
	if (!chunk_claim(h, KIND_CLAIM, view_slot(v), 0, class))
		return false;
	if (span_stretch(v, head, 1, n))
		return true;
	span_release(v, head, load_relaxed(h));
	return false;
}

/* One search through all pieces from chunk `c` on. Counts into v->conflicts
 * and v->in_flight. */
static uint32_t claim_pass(struct view *v, uint32_t c, uint32_t n, uint32_t align, uint32_t class)
{
	while (c < v->chunks) {
		const struct map_part *part = map_part(v, c);
		uint32_t first = part->first, end = first + part->ready, run = 0;
		const struct entry *e = part->entry;
		c = map_usable(v, c);
		if (c >= end)
			break; /* no chunk behind its map, or damage */
		while (c < end) {
			uint64_t w = load_relaxed(&e[c - first].word);
			uint32_t kind = WORD_KIND(w);
			if (kind == KIND_CLAIM || kind == KIND_XFREE)
				v->in_flight += (uint32_t)w * (c | 1); /* epochs, mostly */
			run += kind == KIND_FREE && (run || !((c + v->skew) & (align - 1)));
			c += word_length(w);
			if (run == n && claim_at(v, c - n, n, class))
				return c - n;
			v->conflicts += run == n;
			if (run == n || kind != KIND_FREE)
				run = 0;
		}
	}
	return 0;
}

void view_refresh(struct view *v)
{
	uint32_t n = load_acquire(&view_header(v)->committed);
	if (n <= v->chunks)
		return;
	v->chunks = max32(v->chunks, min32(min32(n, host_backed(v)), v->chunks_max));
	map_learn(v);
}

uint32_t span_claim(struct view *v, uint32_t n, uint32_t align, uint32_t class)
{
	uint32_t *room = room_for(v, n), start = *room;
	uint32_t before = 0;
	view_refresh(v);
	/* A pass proves that there is no room only if it lost no chunk to another
	 * claimer and met no word in transition that moved since the pass before;
	 * a thread that was stopped half-way does not keep us here. Whoever makes
	 * us try again has itself got on. */
	for (uint32_t tries = 0; tries < 1000; tries++) {
		v->conflicts = 0;
		v->in_flight = 0;
		uint32_t head = claim_pass(v, start, n, align, class);
		if (head) {
			*room = head + n;
			return head;
		}
		if (start == 0 && v->conflicts == 0 && v->in_flight == before)
			return 0;
		before = start == 0 ? v->in_flight : 0;
		start = 0;
	}
	return 0;
}

/* --- growth -------------------------------------------------------------- */

/* `committed` rises to what the host backs; the one word that growth changes.
 * Release: pairs with the acquire in view_refresh. */
void heap_adopt(struct view *v)
{
	_Atomic uint32_t *committed = &view_header(v)->committed;
	uint32_t backed = min32(host_backed(v), v->chunks_max);
	uint32_t seen = load_relaxed(committed);
	while (seen < backed && !cas32(committed, seen, backed))
		seen = load_relaxed(committed);
	view_refresh(v);
}

/* Where a run of n chunks would end that starts with what is free at the end of
 * all that we have, or behind it. */
static uint32_t run_end(struct view *v, uint32_t n)
{
	uint32_t start = v->chunks;
	while (map_usable(v, start - 1) == start - 1 &&
	       WORD_KIND(load_relaxed(&map_at(v, start - 1)->word)) == KIND_FREE)
		start--;
	for (;;) {
		start = map_usable(v, start);
		uint32_t end = map_part(v, start)->end;
		/* Where `end` is not behind `start`, which only damage makes, this wraps
		 * and ends as well. */
		if (n - 1 <= end - start - 1 || end >= v->chunks_max)
			return start + n;
		start = end;
	}
}

bool heap_extend(struct view *v, uint32_t n, uint32_t align)
{
	uint32_t had = v->chunks;
	heap_adopt(v);
	if (v->chunks > had)
		return true;
	if (had >= v->chunks_max || n > v->chunks_max)
		return false;
	/* An eighth more, or what is needed. What cannot be had leaves the heap as
	 * it is; where a multiple of `align` lies is only known by trying. */
	uint32_t least = run_end(v, n + (align - 1));
	if (least > v->chunks_max && align == 1)
		return false;
	least = min32(least, v->chunks_max);
	uint32_t most = min32(had + had / 8 + 1, v->chunks_max);
	if (most <= least || host_grow(v, most) < least)
		host_grow(v, least);
	heap_adopt(v);
	return v->chunks > had;
}

int heap_grow(struct view *v, size_t bytes)
{
	uint32_t part = (uint32_t)bytes & ((1u << v->chunk_log2) - 1);
	view_refresh(v);
	uint64_t want = (uint64_t)v->chunks + (bytes >> v->chunk_log2) + (part != 0);
	if (want > v->chunks_max)
		return LSHM_ERR_NOMEM;
	uint32_t got = host_grow(v, (uint32_t)want);
	heap_adopt(v);
	return got < want ? LSHM_ERR_NOMEM : 0;
}
