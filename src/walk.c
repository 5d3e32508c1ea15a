/* walk.c - finding all live blocks without stopping anybody. Writes nothing
 * shared.
 */
#include "slab.h"

/* The first live block of slab or span k; behind cursor, unless that is 0. */
static size_t walk_within(struct view *v, uint32_t k, uint64_t w, size_t cursor)
{
	uint32_t kind = WORD_KIND(w), x = 0, stride = 1, end = 0;
	if (kind == KIND_SLAB && slab_word_valid(v, k, w)) {
		stride = word_stride(w);
		end = slab_fresh(v, k, w);
		if (cursor)
			x = (slab_granule(v, k, cursor) / stride + 1) * stride;
	} else if (kind == KIND_SPAN || kind == KIND_RESIZE) {
		end = !cursor;
	}
	for (; x < end; x += stride) {
		size_t p = slab_payload(v, k, x);
		int error = block_look_at(v, p, k, w);
		if (error && error != LSHM_ERR_OVERRUN)
			continue;
		/* Still that slab: then the label was one. */
		uint64_t change = map_word(v, k) ^ w;
		if (kind != KIND_SLAB || (!WORD_KIND(change) && !WORD_CLASS(change)))
			return p;
	}
	return 0;
}

size_t walk_next(struct view *v, size_t cursor)
{
	uint32_t c = (uint32_t)(cursor >> v->chunk_log2), usable;
	size_t p = 0;
	view_refresh(v);
	while (!p && (usable = map_usable(v, c)) < v->chunks) {
		if (usable != c)
			cursor = 0;
		uint32_t k = cursor ? pointer_head(v, cursor) : usable;
		uint64_t w = map_word(v, k);
		p = walk_within(v, k, w, cursor);
		c = max32(k + word_length(w), usable + 1);
		cursor = 0;
	}
	return p;
}
