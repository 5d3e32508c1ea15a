/* check.c - whether the heap is what layout.h says, and what is in it.
 *
 * Read-only and live: what others change meanwhile is not damage. A finding
 * counts only if the word of its chunk, whose epoch every change raises, is
 * still what it was when the look began.
 */
#include "host.h"
#include "slab.h"
#include "thread.h"

enum { LOOKS = 100 };

/* The first finding is the one that is reported. */
static void broken(struct report *out, uint32_t invariant, size_t offset)
{
	if (out->invariant)
		return;
	out->invariant = invariant;
	out->offset = offset;
}

/* A finding about what chunk c heads; its word was w. */
static void broken_in(struct view *v, struct report *out, uint32_t invariant, size_t offset,
                      uint32_t c, uint64_t w)
{
	if (load_acquire(&map_at(v, c)->word) == w)
		broken(out, invariant, offset);
}

/* Whether the thread is attached: I15. */
static bool thread_stands(struct view *v, uint32_t thread)
{
	struct slot *s = slot_of(v, THREAD_SLOT(thread));
	uint64_t w = s ? load_acquire(&s->state) : 0;
	return SLOT_STATE(w) != SLOT_FREE && SLOT_EPOCH(w) == THREAD_EPOCH(thread);
}

/* The number of the invariant that a look at a block found broken, or 0. */
static uint32_t block_breaks(struct view *v, size_t p, uint64_t h, int error, bool span)
{
	if (error == LSHM_ERR_OVERRUN)
		return 10;
	if (span)
		return 11;
	if (error != LSHM_ERR_FREED)
		return label_look(v, p) == STATE_DAMAGED ? 8 : 9;
	return LABEL_STATE(h) != STATE_CACHED || thread_stands(v, LABEL_THREAD(h)) ? 0 : 15;
}

/* One block below `fresh` or one span: I8 to I11, I15. */
static void check_block(struct view *v, struct report *out, size_t p, uint32_t k, uint64_t w)
{
	for (uint32_t looks = 0; looks < LOOKS; looks++) {
		uint64_t h = header_peek(header_at(v, p));
		int error = block_look(v, p, k, w);
		uint32_t invariant =
			error ? block_breaks(v, p, h, error, WORD_KIND(w) != KIND_SLAB) : 0;
		if (header_peek(header_at(v, p)) != h)
			continue;
		if (invariant) {
			broken_in(v, out, invariant, p, k, w);
		} else if (error) {
			out->free_blocks++;
		} else {
			out->blocks++;
			out->used += v->found.footprint;
		}
		return;
	}
}

static void check_slab(struct view *v, struct report *out, uint32_t k, uint64_t w)
{
	uint32_t stride = class_stride(WORD_CLASS(w));
	uint32_t fresh = load_acquire(&map_at(v, k)->fresh);
	out->slabs++;
	if (fresh > slab_granules(v, w) || fresh % stride)
		broken_in(v, out, 7, chunk_offset(v, k), k, w);
	else
		for (uint32_t x = 0; x < fresh; x += stride)
			check_block(v, out, chunk_offset(v, k) + (size_t)x * GRANULE, k, w);
}

/* Whether a tail's head covers it: I5. */
static bool tail_stands(struct view *v, uint32_t c, uint64_t w)
{
	uint32_t back = WORD_ARG(w);
	if (back == 0 || back > c - v->piece_first)
		return false;
	uint64_t head = load_acquire(&map_at(v, c - back)->word);
	uint32_t kind = WORD_KIND(head);
	return kind == KIND_CLAIM || kind == KIND_XFREE || kind == KIND_RESIZE ||
	       (kind != KIND_FREE && kind != KIND_TAIL && word_length(head) > back);
}

/* Whether a word names no slot, or one that somebody has: I12. */
static bool slot_stands(struct view *v, uint32_t slot)
{
	struct slot *s = slot_of(v, slot);
	return !slot || (s && SLOT_STATE(load_acquire(&s->state)) != SLOT_FREE);
}

/* Chunk c and what it heads; returns how many chunks that is. */
static uint32_t check_chunk(struct view *v, struct report *out, uint32_t c)
{
	struct entry *e = map_at(v, c);
	uint64_t w = load_acquire(&e->word);
	uint32_t kind = WORD_KIND(w), n = word_length(w);
	size_t at = chunk_offset(v, c);
	view_refresh(v);
	if (kind > KIND_META || n > map_room(v, c) ||
	    (kind == KIND_SLAB && !slab_word_valid(v, c, w))) {
		broken_in(v, out, 4, at, c, w);
		return 1;
	}
	if (!slot_stands(v, WORD_SLOT(w)))
		broken_in(v, out, 12, at, c, w);
	if (kind == KIND_TAIL && !tail_stands(v, c, w))
		broken_in(v, out, 5, at, c, w);
	if (kind == KIND_SLAB)
		check_slab(v, out, c, w);
	if (kind == KIND_META)
		out->metadata += n;
	if (kind == KIND_RESIZE)
		return 1;
	if (kind == KIND_SPAN) {
		out->spans++;
		check_block(v, out, at, c, w);
	}
	for (uint32_t i = 1; i < n; i++) {
		uint64_t t = load_acquire(&e[i].word);
		if (WORD_KIND(t) != KIND_TAIL || WORD_ARG(t) != i || WORD_CLASS(t) != WORD_CLASS(w))
			broken_in(v, out, 6, chunk_offset(v, c + i), c, w);
	}
	return n;
}

/* I1, I2, I3. */
static void check_header(struct view *v, struct report *out)
{
	struct header *h = view_header(v);
	/* In this order: somebody may be growing the heap, and backs first. */
	uint32_t committed = load_acquire(&h->committed), backed = host_backed(v);
	for (uint32_t i = 0; i < NULL_BYTES; i += 8)
		if (bytes_peek64(v->base + i))
			broken(out, 1, i);
	if (committed > min32(backed, v->chunks_max))
		broken(out, 3, offsetof(struct header, committed));
	if (heap_verify(v->base, UINT64_MAX) ||
	    h->chunk_log2 != v->chunk_log2 || h->chunks_max != v->chunks_max ||
	    h->map_first != v->map_first || h->slots_first != v->slots_first ||
	    h->secret != v->secret)
		broken(out, 2, NULL_BYTES);
}

/* I13, I14. */
static void check_tables(struct view *v, struct report *out)
{
	struct header *h = view_header(v);
	struct slot *s;
	for (uint32_t slot = 1; (s = slot_of(v, slot)) != 0; slot++) {
		uint32_t state = SLOT_STATE(load_acquire(&s->state));
		if (state > SLOT_REAPING)
			broken(out, 13, (size_t)((uint8_t *)s - v->base));
		out->threads += state != SLOT_FREE;
	}
	for (struct name *n = h->names; n < h->names + NAME_COUNT; n++) {
		uint64_t w = load_acquire(&n->state);
		if ((w & 0xff) > 2 ||
		    ((w & 0xff) == 2 && (w >> 8 || !n->text[0] || n->text[NAME_BYTES - 1])))
			broken(out, 14, (size_t)((uint8_t *)n - v->base));
	}
}

void heap_check(struct view *v, struct report *out)
{
	uint32_t run = 0, longest = 0;
	bytes_clear((uint8_t *)out, sizeof *out);
	view_refresh(v);
	check_header(v, out);
	check_tables(v, out);
	for (uint32_t c = 0; c < v->chunks;) {
		uint32_t usable = map_usable(v, c);
		if (c < usable) {
			out->metadata += usable - c;
			c = usable;
			run = 0;
			continue;
		}
		bool free = !WORD_KIND(load_relaxed(&map_at(v, c)->word));
		out->free_chunks += free;
		run = free ? run + 1 : 0;
		longest = max32(longest, run);
		c += check_chunk(v, out, c);
	}
	out->committed = (uint64_t)v->chunks << v->chunk_log2;
	out->maximum = (uint64_t)v->chunks_max << v->chunk_log2;
	out->metadata <<= v->chunk_log2;
	out->free = out->committed - out->metadata - out->used;
	out->largest_free = longest ? span_capacity(v, longest) : 0;
}
