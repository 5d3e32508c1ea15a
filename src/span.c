/* span.c - runs of chunks: claiming, giving back, growing the heap.
 *
 * A run is claimed by its head: FREE to CLAIM, then each tail from left to
 * right, FREE to TAIL(distance to the head); on a conflict the tails are undone
 * from right to left and the head last. So whatever a thread leaves when it
 * dies is a head that names it, followed by a prefix of tails that name the
 * head: span_finish frees exactly that. Releasing walks the same way back:
 * head to XFREE (the commit), tails from right to left, head last.
 *
 * Every change is a compare-exchange that raises the word's epoch, so a word
 * that was read is the word that is changed. Claims acquire, releases release:
 * what the last holder wrote into a chunk happened before the next one has it.
 */
#include "span.h"

#include "host.h"
#include "map.h"

/* Change a word that only we may change. */
static void word_set(_Atomic uint64_t *word, uint32_t kind, uint32_t slot, uint32_t arg)
{
	uint64_t w = load_relaxed(word);
	cas64(word, w, word_next(w, kind, slot, arg));
}

/* Advisory: pairs with nothing. A lost update hides a chunk until a search
 * from the bottom finds it. */
static void free_low_lower(struct view *v, uint32_t chunk)
{
	_Atomic uint32_t *low = &view_header(v)->free_low;
	uint32_t seen = load_relaxed(low);
	if (chunk < seen)
		cas32(low, seen, chunk);
}

uint32_t span_tails(struct view *v, uint32_t head)
{
	uint32_t i = map_index(v, head), n = 0;
	uint32_t end = min32(v->piece_count, v->chunks - v->piece_first) - i;
	while (n + 1 < end) {
		uint64_t w = load_acquire(map_word(v, head + n + 1));
		if (WORD_KIND(w) != KIND_TAIL || WORD_ARG(w) != n + 1)
			break;
		n++;
	}
	return n;
}

void span_cut(struct view *v, uint32_t head, uint32_t keep, uint64_t word)
{
	_Atomic uint64_t *h = map_word(v, head);
	for (uint32_t i = span_tails(v, head); i >= keep && i > 0; i--) {
		_Atomic uint64_t *tail = map_word(v, head + i);
		uint64_t t = load_acquire(tail);
		/* The tail first, then the head once more: if the head is still
		 * what it was, the tail that we read belongs to it. */
		if (load_acquire(h) != word)
			return;
		if (WORD_KIND(t) == KIND_TAIL && WORD_ARG(t) == i)
			cas64(tail, t, word_next(t, KIND_FREE, 0, 0));
	}
	free_low_lower(v, head + keep);
}

void span_finish(struct view *v, uint32_t head)
{
	_Atomic uint64_t *h = map_word(v, head);
	uint64_t w = load_acquire(h);
	span_cut(v, head, 1, w);
	if (cas64(h, w, word_next(w, KIND_FREE, 0, 0)))
		free_low_lower(v, head);
}

void span_release(struct view *v, uint32_t head, uint32_t slot)
{
	_Atomic uint64_t *h = map_word(v, head);
	uint64_t w = load_relaxed(h);
	if (WORD_KIND(w) != KIND_XFREE && !cas64(h, w, word_next(w, KIND_XFREE, slot, 0)))
		return;
	span_finish(v, head);
}

void span_commit(struct view *v, uint32_t head, uint32_t kind, uint32_t slot, uint32_t arg)
{
	word_set(map_word(v, head), kind, slot, arg);
}

/* Claim exactly the n chunks at head. */
static bool claim_at(struct view *v, uint32_t head, uint32_t n)
{
	_Atomic uint64_t *h = map_word(v, head);
	uint64_t w = load_relaxed(h);
	if (WORD_KIND(w) != KIND_FREE ||
	    !cas64(h, w, word_next(w, KIND_CLAIM, view_slot(v), 0)))
		return false;
	for (uint32_t i = 1; i < n; i++) {
		_Atomic uint64_t *tail = map_word(v, head + i);
		uint64_t t = load_relaxed(tail);
		if (WORD_KIND(t) == KIND_FREE &&
		    cas64(tail, t, word_next(t, KIND_TAIL, 0, i)))
			continue;
		span_finish(v, head);
		return false;
	}
	return true;
}

/* Search [from, to), which lies within one piece. Counts into v->conflicts and
 * v->in_flight. */
static uint32_t claim_within(struct view *v, uint32_t from, uint32_t to, uint32_t n,
                             uint32_t align)
{
	uint32_t run = 0, c = from;
	while (c < to) {
		uint64_t w = load_relaxed(map_word(v, c));
		if (WORD_KIND(w) != KIND_FREE) {
			if (WORD_KIND(w) == KIND_CLAIM || WORD_KIND(w) == KIND_XFREE)
				v->in_flight += (w ^ w >> 29) * (c | 1);
			run = 0;
			c += word_length(w);
			continue;
		}
		c++;
		if (run == 0 && ((c - 1 + v->skew) & (align - 1)) != 0)
			continue;
		if (++run < n)
			continue;
		if (claim_at(v, c - n, n))
			return c - n;
		v->conflicts++;
		run = 0;
	}
	return 0;
}

/* One search through all pieces from chunk `start` on. */
static uint32_t claim_pass(struct view *v, uint32_t start, uint32_t n, uint32_t align)
{
	uint32_t first = piece_start(v->map_first, start);
	while (first < v->chunks) {
		map_seek(v, first);
		uint32_t end = first + v->piece_count;
		uint32_t from = piece_usable(v->slots_first, v->chunk_log2, first, v->piece_count);
		uint32_t head = claim_within(v, max32(from, start), min32(end, v->chunks), n, align);
		if (head)
			return head;
		first = end;
	}
	return 0;
}

void view_refresh(struct view *v)
{
	uint32_t n = load_acquire(&view_header(v)->committed);
	if (n > v->chunks)
		v->chunks = min32(min32(n, host_backed(v)), v->chunks_max);
}

uint32_t span_claim(struct view *v, uint32_t n, uint32_t align)
{
	_Atomic uint32_t *low = &view_header(v)->free_low;
	uint32_t start = load_relaxed(low);
	uint64_t before = 0;
	view_refresh(v);
	if (n == 0 || n > v->chunks)
		return 0;
	/* A pass proves that there is no room only if it lost no chunk to another
	 * claimer and met no word in transition that moved since the pass before;
	 * a thread that was stopped half-way does not keep us here. Whoever makes
	 * us try again has itself got on. */
	for (uint32_t tries = 0; tries < 1000; tries++) {
		v->conflicts = 0;
		v->in_flight = 0;
		uint32_t head = claim_pass(v, start < v->chunks ? start : 0, n, align);
		if (head) {
			if (n == 1 && align == 1 && head >= start)
				cas32(low, start, head + 1);
			return head;
		}
		if (start == 0 && v->conflicts == 0 && v->in_flight == before)
			return 0;
		before = start == 0 ? v->in_flight : 0;
		start = 0;
	}
	return 0;
}

bool span_stretch(struct view *v, uint32_t head, uint32_t old_n, uint32_t n)
{
	uint32_t i = map_index(v, head);
	if (n > min32(v->piece_count, v->chunks - v->piece_first) - i)
		return false;
	uint64_t w = load_relaxed(map_word(v, head));
	for (uint32_t k = old_n; k < n; k++) {
		_Atomic uint64_t *tail = map_word(v, head + k);
		uint64_t t = load_relaxed(tail);
		if (WORD_KIND(t) == KIND_FREE && cas64(tail, t, word_next(t, KIND_TAIL, 0, k)))
			continue;
		span_cut(v, head, old_n, w);
		return false;
	}
	return true;
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

/* Where a run of n chunks would end that starts at or behind chunk `start`. */
static uint64_t run_end(const struct view *v, uint32_t start, uint32_t n)
{
	for (;;) {
		uint32_t first = piece_start(v->map_first, start);
		uint32_t length = piece_length(v->map_first, v->chunks_max, first);
		uint32_t usable = piece_usable(v->slots_first, v->chunk_log2, first, length);
		uint64_t end = (uint64_t)max32(start, usable) + n;
		if (end <= (uint64_t)first + length || first + length >= v->chunks_max)
			return end;
		start = first + length;
	}
}

bool heap_extend(struct view *v, uint32_t n, uint32_t align)
{
	uint32_t had = v->chunks;
	heap_adopt(v);
	if (v->chunks > had)
		return true;
	if (v->chunks >= v->chunks_max || n > v->chunks_max)
		return false;
	/* An eighth more, or what is needed; what is free at the end may already
	 * be enough, so the maximum is tried even if it seems too small. */
	uint64_t need = run_end(v, v->chunks, n + (align - 1));
	uint64_t wish = (uint64_t)v->chunks + v->chunks / 8 + 1;
	uint32_t least = need < v->chunks_max ? (uint32_t)need : v->chunks_max;
	uint32_t most = wish < least ? least : wish < v->chunks_max ? (uint32_t)wish : v->chunks_max;
	if (host_grow(v, most) < least)
		host_grow(v, least);
	heap_adopt(v);
	return v->chunks > had;
}

int heap_grow(struct view *v, size_t bytes)
{
	uint32_t had = v->chunks;
	uint64_t want = (uint64_t)had + (bytes >> v->chunk_log2);
	if (want > v->chunks_max)
		return LSHM_ERR_NOMEM;
	uint32_t got = host_grow(v, (uint32_t)want);
	heap_adopt(v);
	return got < want ? LSHM_ERR_NOMEM : 0;
}
