/* regions.c - the heap's address space as runs of chunks, read-only and live.
 *
 * Whatever the bytes are: a region has at least one chunk, lies within its
 * piece of the map, and of a slab no more labels are read than fit in it.
 */
#include "regions.h"

#include "slab.h"
#include "thread.h"

enum { REGION_LOOKS = 4 };

/* Whether a word, seen as `word` before, still speaks for the same blocks: the
 * owner may be another one. */
static bool same_blocks(uint64_t word, uint64_t now)
{
	return WORD_KIND(now) == WORD_KIND(word) && WORD_CLASS(now) == WORD_CLASS(word) &&
	       word_length(now) == word_length(word);
}

/* The chunk c and the TAILs that follow it, of which the first says `arg`. */
static uint32_t tails_end(struct view *v, uint32_t c, uint32_t arg)
{
	const struct entry *e = map_at(v, c);
	uint32_t room = map_room(v, c), n = 1;
	uint64_t w;
	while (n < room && (w = load_acquire(&e[n].word),
	                    WORD_KIND(w) == KIND_TAIL && WORD_ARG(w) == arg + n - 1))
		n++;
	return n;
}

static uint32_t look_free(struct view *v, uint32_t c)
{
	const struct entry *e = map_at(v, c);
	uint32_t room = map_room(v, c), n = 1;
	while (n < room && WORD_KIND(load_relaxed(&e[n].word)) == KIND_FREE)
		n++;
	return n;
}

/* The number of the thread that has the slot, 0 where nobody has. */
static uint32_t slot_thread(struct view *v, uint32_t slot)
{
	uint64_t w = slot_word(v, slot);
	return SLOT_STATE(w) != SLOT_FREE ? THREAD(slot, SLOT_EPOCH(w)) : 0;
}

static void look_slab(struct view *v, uint32_t c, uint64_t w, struct region *out)
{
	uint32_t stride = word_stride(w), fresh = slab_fresh(v, c, w);
	out->kind = REGION_SLAB;
	out->block_size = (uint64_t)stride * GRANULE;
	out->thread = slot_thread(v, WORD_SLOT(w));
	out->blocks = slab_granules(v, w) / stride;
	for (uint32_t x = 0; x + stride <= fresh; x += stride) {
		uint32_t state = label_look(v, slab_payload(v, c, x));
		out->used += state == STATE_LIVE;
		out->freed += state == STATE_XFREE;
		out->kept += state == STATE_CACHED;
	}
}

static void look_span(struct view *v, uint32_t c, uint64_t w, struct region *out)
{
	int error = block_look(v, chunk_offset(v, c), c, w);
	if (error && error != LSHM_ERR_OVERRUN)
		return;
	out->kind = REGION_SPAN;
	out->block_size = v->found.size;
	out->thread = v->found.thread;
	out->blocks = out->used = 1;
}

/* A TAIL where a region begins: its head changed since it was looked at, or, if
 * nobody claims it, is damaged. */
static uint32_t tail_kind(struct view *v, uint32_t c, uint32_t back)
{
	if (back == 0 || back > c)
		return REGION_DAMAGED;
	uint32_t kind = WORD_KIND(map_word(v, c - back));
	bool head = kind != KIND_FREE && kind != KIND_TAIL && kind <= KIND_META;
	return head ? REGION_CHANGING : REGION_DAMAGED;
}

/* The region at chunk c, whose word is w; returns its length. */
static uint32_t look(struct view *v, uint32_t c, uint64_t w, struct region *out)
{
	uint32_t kind = WORD_KIND(w), n = word_length(w);
	out->kind = REGION_DAMAGED;
	if (kind == KIND_FREE) {
		out->kind = REGION_FREE;
		return look_free(v, c);
	}
	if (kind == KIND_TAIL) {
		out->kind = tail_kind(v, c, WORD_ARG(w));
		return tails_end(v, c, WORD_ARG(w) + 1);
	}
	if (kind == KIND_CLAIM || kind == KIND_XFREE || kind == KIND_RESIZE) {
		out->kind = REGION_CHANGING;
		return tails_end(v, c, 1);
	}
	if (kind > KIND_META || n > map_room(v, c))
		return 1;
	if (kind == KIND_META)
		out->kind = REGION_METADATA;
	else if (kind == KIND_SPAN)
		look_span(v, c, w, out);
	else if (slab_word_valid(v, c, w))
		look_slab(v, c, w, out);
	else
		return 1;
	return n;
}

uint32_t region_next(struct view *v, uint32_t chunk, struct region *out)
{
	uint32_t n = 0;
	view_refresh(v);
	if (chunk >= v->chunks)
		return 0;
	uint32_t usable = min32(map_usable(v, chunk), v->chunks);
	bytes_clear((uint8_t *)out, sizeof *out);
	if (chunk < usable) {
		out->kind = REGION_METADATA;
		n = usable - chunk;
	}
	for (uint32_t looks = 0; !n; looks++) {
		uint64_t w = map_word(v, chunk);
		n = look(v, chunk, w, out);
		if (same_blocks(w, map_word(v, chunk)))
			break;
		/* What it was has gone: look anew, but not for ever. */
		bytes_clear((uint8_t *)out, sizeof *out);
		out->kind = REGION_CHANGING;
		if (looks < REGION_LOOKS)
			n = 0;
	}
	out->offset = (uint64_t)chunk << v->chunk_log2;
	out->length = (uint64_t)n << v->chunk_log2;
	return chunk + n;
}
