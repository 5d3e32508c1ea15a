/* walk.c - finding live blocks: one by its pointer, or all, without stopping
 * anybody. Writes nothing shared.
 */
#include "slab.h"
#include "thread.h"

/* The number of the attached thread that allocates under `tag`, or 0. */
static uint32_t tag_thread(struct view *v, uint32_t tag)
{
	struct slot *s;
	if (v->slot && tag && tag == LABEL_TAG(v->live))
		return v->thread;
	for (uint32_t slot = 1; tag && (s = slot_of(v, slot)) != 0; slot++) {
		uint64_t w = load_acquire(&s->state);
		if (SLOT_STATE(w) != SLOT_FREE && load_acquire(&s->tag) == tag)
			return THREAD(slot, SLOT_EPOCH(w));
	}
	return 0;
}

/* Describe the block at p if its label is LIVE. */
static bool block_found(struct view *v, size_t p, size_t capacity)
{
	size_t header = p - HEADER_SIZE;
	uint64_t h = bytes_peek64(v->base + header);
	if (LABEL_STATE(h) != STATE_LIVE || !label_valid(v, header, h))
		return false;
	/* The same tag as last time: the thread too. */
	uint32_t tag = LABEL_TAG(h);
	if (tag != v->found.tag || !v->found.thread)
		v->found.thread = tag_thread(v, tag);
	v->found.tag = tag;
	v->found.offset = p;
	v->found.size = block_size(h, capacity);
	v->found.footprint = capacity + HEADER_SIZE;
	return v->found.size <= capacity;
}

int heap_find(struct view *v, size_t p)
{
	int error = pointer_check(v, p);
	if (error)
		return error;
	uint32_t k = pointer_head(v, p);
	uint64_t w = load_acquire(map_word(v, k));
	error = block_check(v, p, k, w);
	if (error)
		return error;
	size_t capacity = WORD_KIND(w) == KIND_SLAB ? class_capacity(SLAB_CLASS(w))
	                                            : span_capacity(v, span_length(v, k, w));
	return block_found(v, p, capacity) ? 0 : LSHM_ERR_FREED;
}

/* The first live block of slab k from granule x on. */
static size_t walk_slab(struct view *v, uint32_t k, uint64_t w, uint32_t x)
{
	uint32_t stride = class_stride(SLAB_CLASS(w)), fresh = slab_fresh(v, k, w);
	for (; x + stride <= fresh; x += stride) {
		size_t p = slab_header(v, k, x) + HEADER_SIZE;
		if (!block_found(v, p, class_capacity(SLAB_CLASS(w))))
			continue;
		/* Still that slab: then the label was one. */
		uint64_t now = load_acquire(map_word(v, k));
		if (WORD_KIND(now) == KIND_SLAB && SLAB_CLASS(now) == SLAB_CLASS(w))
			return p;
	}
	return 0;
}

size_t walk_next(struct view *v, size_t cursor)
{
	uint32_t c = (uint32_t)(cursor >> v->chunk_log2);
	if (!cursor)
		v->found.thread = 0; /* whose tag it was may have left since */
	view_refresh(v);
	while (c < v->chunks) {
		map_seek(v, c);
		uint32_t usable = piece_usable(v->slots_first, v->chunk_log2, v->piece_first, v->piece_count);
		if (c < usable) {
			c = usable;
			cursor = 0;
			continue;
		}
		uint32_t k = cursor ? pointer_head(v, cursor) : c;
		uint64_t w = load_acquire(map_word(v, k));
		uint32_t n = word_length(w), kind = WORD_KIND(w);
		size_t p = 0, start = chunk_offset(v, k);
		if (kind == KIND_SLAB && slab_word_valid(v, k, w))
			p = walk_slab(v, k, w, cursor ? slab_granule(v, k, cursor - HEADER_SIZE) + class_stride(SLAB_CLASS(w)) : 0);
		else if ((kind == KIND_SPAN || kind == KIND_RESIZE) && !cursor &&
		         block_found(v, start, span_capacity(v, span_length(v, k, w))))
			p = start;
		if (p)
			return p;
		c = max32(k + n, c + 1);
		cursor = 0;
	}
	return 0;
}

/* --- statistics -------------------------------------------------------------- */

void heap_stats(struct view *v, struct stats *out)
{
	uint64_t used = 0, blocks = 0, metadata = 0;
	uint32_t run = 0, longest = 0, slabs = 0, spans = 0, threads = 0;
	for (size_t p = 0; (p = walk_next(v, p)) != 0; blocks++)
		used += v->found.footprint;
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		map_seek(v, c);
		uint32_t usable = piece_usable(v->slots_first, v->chunk_log2, v->piece_first, v->piece_count);
		uint64_t w = c < usable ? 0 : load_relaxed(map_word(v, c));
		uint32_t kind = WORD_KIND(w);
		n = c < usable ? usable - c : word_length(w);
		run = kind == KIND_FREE && c >= usable ? run + 1 : 0;
		longest = max32(longest, run);
		slabs += kind == KIND_SLAB;
		spans += kind == KIND_SPAN;
		if (c < usable || kind == KIND_META)
			metadata += (uint64_t)n << v->chunk_log2;
	}
	for (uint32_t slot = 0, thread; (thread = thread_next(v, slot)) != 0; slot = THREAD_SLOT(thread))
		threads++;
	out->committed = (uint64_t)v->chunks << v->chunk_log2;
	out->maximum = (uint64_t)v->chunks_max << v->chunk_log2;
	out->used = used;
	out->metadata = metadata;
	out->free = out->committed - metadata - used;
	out->largest_free = longest ? span_capacity(v, longest) : 0;
	out->blocks = blocks;
	out->threads = threads;
	out->slabs = slabs;
	out->spans = spans;
}
