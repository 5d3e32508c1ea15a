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

/* A finding; the first one is reported. */
static void broken(struct view *v, uint32_t invariant, size_t offset)
{
	struct report *r = &v->report;
	if (r->invariant || map_word(v, r->chunk) != r->word)
		return;
	r->invariant = invariant;
	r->offset = offset;
}

/* What the chunk says that is looked at from now on. */
static uint64_t look_begin(struct view *v, uint32_t chunk)
{
	v->report.chunk = chunk;
	return v->report.word = map_word(v, chunk);
}

/* --- blocks ------------------------------------------------------------------- */

/* The number of the invariant that a look at a block found broken, or 0. */
static uint32_t block_breaks(struct view *v, size_t p, uint64_t h, int error)
{
	if (error == LSHM_ERR_OVERRUN)
		return 10;
	if (WORD_KIND(v->report.word) != KIND_SLAB)
		return 11;
	return error == LSHM_ERR_FREED ? 0 : label_valid(v, p, h) ? 9 : 8;
}

/* One block below `fresh` or one span: I8 to I11. */
static void check_block(struct view *v, size_t p)
{
	struct report *r = &v->report;
	for (uint32_t looks = 0; looks < LOOKS; looks++) {
		uint64_t h = header_peek(header_at(v, p));
		int error = block_look_at(v, p, r->chunk, r->word);
		uint32_t invariant = error ? block_breaks(v, p, h, error) : 0;
		if (header_peek(header_at(v, p)) != h)
			continue;
		if (invariant) {
			broken(v, invariant, p);
		} else if (error) {
			r->free_blocks++;
		} else {
			r->blocks++;
			r->used += v->found.footprint;
		}
		return;
	}
}

/* --- chunks ------------------------------------------------------------------- */

static void check_slab(struct view *v, uint32_t k, uint64_t w)
{
	uint32_t stride = word_stride(w);
	uint32_t fresh = load_acquire(&map_at(v, k)->fresh);
	v->report.slabs++;
	if (fresh > slab_granules(v, w) || fresh % stride)
		broken(v, 7, chunk_offset(v, k));
	else
		for (uint32_t x = 0; x < fresh; x += stride)
			check_block(v, slab_payload(v, k, x));
}

/* Whether a tail's head covers it: I5. */
static bool tail_stands(struct view *v, uint32_t c, uint64_t w)
{
	uint32_t back = WORD_ARG(w);
	if (back == 0 || back > c)
		return false;
	uint64_t head = map_word(v, c - back);
	uint32_t kind = WORD_KIND(head);
	return kind == KIND_CLAIM || kind == KIND_XFREE || kind == KIND_RESIZE ||
	       (kind != KIND_FREE && kind != KIND_TAIL && word_length(head) > back);
}

/* The number of the invariant that chunk c's word breaks by itself, or 0. */
static uint32_t word_breaks(struct view *v, uint32_t c, uint64_t w)
{
	uint32_t kind = WORD_KIND(w);
	if (kind > KIND_META || word_length(w) > map_room(v, c) ||
	    (kind == KIND_SLAB && !slab_word_valid(v, c, w)))
		return 4;
	if (WORD_SLOT(w) && !SLOT_STATE(slot_word(v, WORD_SLOT(w))))
		return 12;
	return kind == KIND_TAIL && !tail_stands(v, c, w) ? 5 : 0;
}

/* Chunk c and what it heads; returns how many chunks that is. */
static uint32_t check_chunk(struct view *v, uint32_t c)
{
	struct report *r = &v->report;
	uint64_t w = look_begin(v, c);
	uint32_t kind = WORD_KIND(w), n = word_length(w);
	view_refresh(v);
	uint32_t invariant = word_breaks(v, c, w);
	if (invariant)
		broken(v, invariant, chunk_offset(v, c));
	if (invariant == 4 || kind == KIND_RESIZE)
		return 1;
	if (kind == KIND_SLAB)
		check_slab(v, c, w);
	if (kind == KIND_META)
		r->metadata += n;
	if (kind == KIND_SPAN) {
		r->spans++;
		check_block(v, chunk_offset(v, c));
	}
	uint32_t run = span_run(v, c, w);
	if (run < n)
		broken(v, 6, chunk_offset(v, c + run));
	return n;
}

/* --- header and tables -------------------------------------------------------- */

/* I1, I2, I3. */
static void check_header(struct view *v)
{
	struct header *h = view_header(v);
	/* In this order: somebody may be growing the heap, and backs first. */
	uint32_t committed = load_acquire(&h->committed), backed = host_backed(v);
	for (uint32_t i = 0; i < NULL_BYTES; i += 8)
		if (bytes_peek64(v->base + i))
			broken(v, 1, i);
	if (committed > min32(backed, v->chunks_max))
		broken(v, 3, offsetof(struct header, committed));
	if (heap_verify(v->base, UINT64_MAX))
		broken(v, 2, NULL_BYTES);
	const uint8_t *is = (const uint8_t *)&h->geometry, *was = (const uint8_t *)&v->geometry;
	for (uint32_t i = 0; i < sizeof h->geometry; i += 8)
		if (bytes_load64(is + i) != bytes_load64(was + i))
			broken(v, 2, NULL_BYTES);
}

/* I13, I14. */
static void check_tables(struct view *v)
{
	struct header *h = view_header(v);
	struct slot *s;
	for (uint32_t slot = 1; (s = slot_of(v, slot)) != 0; slot++) {
		uint32_t state = SLOT_STATE(load_acquire(&s->state));
		if (state > SLOT_REAPING)
			broken(v, 13, (size_t)((uint8_t *)s - v->base));
		v->report.threads += state != SLOT_FREE;
	}
	for (struct name *n = h->names; n < h->names + NAME_COUNT; n++) {
		uint64_t w = load_acquire(&n->state);
		if ((w & 0xff) > 2 ||
		    ((w & 0xff) == 2 && (w >> 8 || !n->text[0] || n->text[NAME_BYTES - 1])))
			broken(v, 14, (size_t)((uint8_t *)n - v->base));
	}
}

void heap_check(struct view *v)
{
	struct report *r = &v->report;
	uint32_t run = 0, longest = 0, c = 0;
	view_refresh(v);
	bytes_clear((uint8_t *)r, sizeof *r);
	look_begin(v, 0);
	check_header(v);
	check_tables(v);
	while (c < v->chunks) {
		uint32_t usable = map_usable(v, c);
		if (c < usable) {
			r->metadata += usable - c;
			c = usable;
			run = 0;
			continue;
		}
		c += check_chunk(v, c);
		bool free = !WORD_KIND(r->word);
		r->free_chunks += free;
		run = free ? run + 1 : 0;
		longest = max32(longest, run);
	}
	r->committed = chunk_offset(v, v->chunks);
	r->maximum = chunk_offset(v, v->chunks_max);
	r->metadata <<= v->chunk_log2;
	r->free = r->committed - r->metadata - r->used;
	r->largest_free = longest ? span_capacity(v, longest) : 0;
}
