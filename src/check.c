/* check.c - whether the heap is what layout.h says.
 *
 * Read-only and live: what others change meanwhile is not damage. A finding
 * counts only if the words around it are still what they were when it was
 * made; a region that never comes to rest is looked at again a few times and
 * then passed over.
 */
#include "host.h"
#include "slab.h"
#include "thread.h"

enum { LOOKS = 100 };

static uint32_t broken(struct report *out, uint32_t invariant, size_t offset)
{
	out->invariant = invariant;
	out->offset = offset;
	return invariant;
}

/* One block below `fresh` or one span: I8, I9, I10, I11. */
static uint32_t check_block(struct view *v, struct report *out, size_t p, size_t capacity, bool span)
{
	size_t header = p - HEADER_SIZE;
	for (uint32_t looks = 0; looks < LOOKS; looks++) {
		uint64_t h = bytes_peek64(v->base + header);
		uint32_t invariant = 0;
		if (!label_valid(v, header, h) || LABEL_STATE(h) > STATE_XFREE)
			invariant = span ? 11 : 8;
		else if (LABEL_STATE(h) != STATE_LIVE)
			invariant = span ? 11 : 0;
		else if (block_size(h, capacity) > capacity || span != !!(h & LABEL_SPAN))
			invariant = span ? 11 : 9;
		else {
			size_t size = block_size(h, capacity);
			uint32_t n = canary_bytes(size, capacity);
			size_t at = p + size + n - CANARY_BYTES;
			if (!canary_is(v, at, n, bytes_peek64(v->base + at)))
				invariant = 10;
		}
		if (bytes_peek64(v->base + header) != h)
			continue;
		if (!invariant && LABEL_STATE(h) == STATE_LIVE)
			out->blocks++;
		else if (!invariant)
			out->free_blocks++;
		return invariant ? broken(out, invariant, p) : 0;
	}
	return 0;
}

/* The n - 1 tails of head: I6. */
static uint32_t check_tails(struct view *v, struct report *out, uint32_t head, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		uint64_t w = load_acquire(map_word(v, head + i));
		if (WORD_KIND(w) != KIND_TAIL || WORD_ARG(w) != i)
			return broken(out, 6, chunk_offset(v, head + i));
	}
	return 0;
}

static uint32_t check_slab(struct view *v, struct report *out, uint32_t k, uint64_t w)
{
	uint32_t stride = class_stride(SLAB_CLASS(w));
	uint32_t fresh = load_acquire(&map_record(v, k)->fresh);
	out->slabs++;
	if (fresh > slab_granules(v, w) || fresh % stride)
		return broken(out, 7, chunk_offset(v, k));
	for (uint32_t x = 0; x + stride <= fresh; x += stride)
		if (check_block(v, out, slab_header(v, k, x) + HEADER_SIZE,
		                class_capacity(SLAB_CLASS(w)), false))
			return out->invariant;
	return check_tails(v, out, k, SLAB_LENGTH(w));
}

/* Whether a word names no slot, or one that somebody has: I12. */
static bool slot_stands(struct view *v, uint64_t w)
{
	uint32_t slot = WORD_SLOT(w);
	struct slot *s = slot ? slot_of(v, slot) : 0;
	return !slot || (s && SLOT_STATE(load_acquire(&s->state)) != SLOT_FREE);
}

/* Whether a tail's head covers it: I5. */
static bool tail_stands(struct view *v, uint32_t c, uint64_t w)
{
	uint32_t back = WORD_ARG(w);
	if (back == 0 || back > c - v->piece_first)
		return false;
	uint64_t head = load_acquire(map_word(v, c - back));
	uint32_t kind = WORD_KIND(head);
	return kind == KIND_CLAIM || kind == KIND_XFREE || kind == KIND_RESIZE ||
	       (kind != KIND_FREE && kind != KIND_TAIL && word_length(head) > back);
}

/* What the word of chunk c says, and all that belongs to it. */
static uint32_t check_word(struct view *v, struct report *out, uint32_t c, uint64_t w)
{
	uint32_t kind = WORD_KIND(w), n = word_length(w);
	uint32_t room = min32(v->piece_first + v->piece_count, v->chunks) - c;
	if (kind == KIND_FREE)
		out->free_chunks++;
	if (kind > KIND_META || n > room || (kind == KIND_SLAB && !slab_word_valid(v, c, w)))
		return broken(out, 4, chunk_offset(v, c));
	if (!slot_stands(v, w))
		return broken(out, 12, chunk_offset(v, c));
	if (kind == KIND_TAIL && !tail_stands(v, c, w))
		return broken(out, 5, chunk_offset(v, c));
	if (kind == KIND_SLAB)
		return check_slab(v, out, c, w);
	if (kind == KIND_META)
		return check_tails(v, out, c, n);
	if (kind != KIND_SPAN)
		return 0;
	out->spans++;
	if (check_block(v, out, chunk_offset(v, c), span_capacity(v, n), true))
		return out->invariant;
	return check_tails(v, out, c, n);
}

/* Chunk c and what it heads; returns how many chunks that is. */
static uint32_t check_chunk(struct view *v, struct report *out, uint32_t c)
{
	uint64_t blocks = out->blocks, free_blocks = out->free_blocks;
	uint64_t slabs = out->slabs, spans = out->spans, free_chunks = out->free_chunks;
	for (uint32_t looks = 0; looks < LOOKS; looks++) {
		uint64_t w = load_acquire(map_word(v, c));
		if (!check_word(v, out, c, w))
			return WORD_KIND(w) == KIND_RESIZE ? 1 : word_length(w);
		/* Damage only if nobody changed the word meanwhile. */
		if (load_acquire(map_word(v, c)) == w && looks > 1)
			return word_length(w);
		/* Or the heap has grown, and the word is of a chunk behind. */
		view_refresh(v);
		out->invariant = 0;
		out->blocks = blocks;
		out->free_blocks = free_blocks;
		out->slabs = slabs;
		out->spans = spans;
		out->free_chunks = free_chunks;
	}
	return 1;
}

/* I1, I2, I3. */
static uint32_t check_header(struct view *v, struct report *out)
{
	struct header *h = view_header(v);
	uint32_t committed = load_acquire(&h->committed);
	for (uint32_t i = 0; i < NULL_BYTES; i += 8)
		if (bytes_peek64(v->base + i))
			return broken(out, 1, i);
	if (load_acquire(&h->magic) != LAYOUT_MAGIC || h->version != LAYOUT_VERSION ||
	    h->signature != LAYOUT_SIGNATURE || h->chunk_log2 != v->chunk_log2 ||
	    h->chunks_max != v->chunks_max || h->map_first != v->map_first ||
	    h->slots_first != v->slots_first || h->secret != v->secret)
		return broken(out, 2, NULL_BYTES);
	if (committed > v->chunks_max || committed > host_backed(v))
		return broken(out, 3, offsetof(struct header, committed));
	return 0;
}

/* I13, I14. */
static uint32_t check_tables(struct view *v, struct report *out)
{
	struct header *h = view_header(v);
	struct slot *s;
	for (uint32_t slot = 1; (s = slot_of(v, slot)) != 0; slot++)
		if (SLOT_STATE(load_acquire(&s->state)) > SLOT_REAPING)
			return broken(out, 13, (size_t)((uint8_t *)s - v->base));
	for (uint32_t i = 0; i < NAME_COUNT; i++) {
		uint64_t w = load_acquire(&h->names[i].state);
		if ((w & 0xff) > 2 || ((w & 0xff) == 2 && (w >> 8 || !h->names[i].text[0] ||
		                                            h->names[i].text[NAME_BYTES - 1])))
			return broken(out, 14, (size_t)((uint8_t *)&h->names[i] - v->base));
	}
	return 0;
}

void heap_check(struct view *v, struct report *out)
{
	bytes_clear((uint8_t *)out, sizeof *out);
	view_refresh(v);
	if (check_header(v, out) || check_tables(v, out))
		return;
	for (uint32_t c = 0; c < v->chunks && !out->invariant;) {
		map_seek(v, c);
		uint32_t usable = piece_usable(v->slots_first, v->chunk_log2, v->piece_first, v->piece_count);
		c = c < usable ? usable : c + check_chunk(v, out, c);
	}
}
