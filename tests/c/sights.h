/* sights.h - what is in a region: its live blocks and their content, and whether
 * all the rest is to be had.
 */
#ifndef SIGHTS_H
#define SIGHTS_H

#include "peers.h"

enum { SIGHT_BLOCKS = 1024 };

struct seen {
	size_t offset, size;
	uint64_t first;  /* a sum of its first bytes, that a realloc keeps */
	uint64_t all;    /* a sum of all of them */
	uint32_t thread; /* that allocated it, as far as it is attached */
};

struct sight {
	struct seen block[SIGHT_BLOCKS];
	int count;
};

static uint64_t content_sum(const struct view *v, size_t offset, size_t size)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ v->base[offset + i]) * 0x100000001b3ull;
	return sum;
}

/* All live blocks. */
static void sight_take(struct view *v, struct sight *s)
{
	enum { FIRST = 64 };
	size_t p = 0;
	for (s->count = 0; (p = walk_next(v, p)) != 0; s->count++) {
		CHECK(s->count < SIGHT_BLOCKS);
		size_t size = v->found.size;
		s->block[s->count] = (struct seen){
			.offset = p,
			.size = size,
			.first = content_sum(v, p, size < FIRST ? size : FIRST),
			.all = content_sum(v, p, size),
			.thread = v->found.thread,
		};
	}
}

static const struct seen *sight_find(const struct sight *s, const struct seen *b)
{
	for (int i = 0; i < s->count; i++)
		if (s->block[i].offset == b->offset && s->block[i].size == b->size)
			return &s->block[i];
	return NULL;
}

/* Stamped blocks hold one byte, their number, to the end. */
static void stamp(const struct view *v, size_t p, size_t size)
{
	static uint8_t number;
	memset(v->base + p, ++number, size);
}

static bool stamped(const struct view *v, size_t p, size_t size)
{
	for (size_t i = 1; i < size; i++)
		if (v->base[p + i] != v->base[p])
			return false;
	return true;
}

/* --- nothing is broken, nothing is lost ------------------------------------------ */

static void expect_sound(struct view *v)
{
	const struct report *r = &v->report;
	heap_check(v);
	if (r->invariant)
		fprintf(stderr, "invariant %d is broken at %d\n", (int)r->invariant,
		        (int)r->offset);
	CHECK(!r->invariant);
	CHECK(r->used + r->free + r->metadata == r->committed);
}

/* A block that others freed in slab k and its owner has not collected is hinted
 * at, or the slab says that its labels are to be read. */
static void expect_hints(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = class_stride(WORD_CLASS(word)), fresh = slab_fresh(v, k, word);
	for (uint32_t x = 0; x + stride <= fresh; x += stride) {
		size_t p = slab_payload(v, k, x);
		uint64_t hints = map_at(v, (uint32_t)(p >> v->chunk_log2))->hints;
		CHECK(label_look(v, p) != STATE_XFREE || word & WORD_DIRTY ||
		      hints & hint_of(v, p));
	}
}

static bool table_has(struct view *v, uint32_t chunk)
{
	bool has = false;
	for (int i = 0; i < SLOT_PIECES; i++)
		has |= view_header(v)->slot_piece[i] == chunk;
	return has && !WORD_SLOT(map_at(v, chunk)->word);
}

/* The dead have left nothing half-done. `alive` says whose numbers may stand. */
static void expect_settled(struct view *v, uint32_t alive, uint32_t reserved)
{
	uint32_t thread = 0;
	while ((thread = thread_next(v, THREAD_SLOT(thread))) != 0) {
		bool known = thread == reserved;
		for (int i = 0; i < PEERS; i++)
			known |= (alive >> i & 1) && peers[i].view.thread == thread;
		CHECK(known);
	}
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t w = map_at(v, c)->word;
		uint32_t kind = WORD_KIND(w);
		n = 1;
		if (map_usable(v, c) != c)
			continue;
		CHECK(kind == KIND_FREE || kind == KIND_SPAN || kind == KIND_SLAB ||
		      kind == KIND_META);
		CHECK(kind != KIND_META || table_has(v, c));
		n = word_length(w);
		if (kind == KIND_SLAB)
			expect_hints(v, c, w);
	}
	for (int i = 0; i < NAME_COUNT; i++) {
		uint64_t state = view_header(v)->names[i].state;
		CHECK(state == 0 || state == 2);
	}
}

/* All blocks freed, every chunk can be had once memory is short. */
static void expect_whole(struct view *v, uint32_t alive)
{
	const struct report *r = &v->report;
	for (size_t p = 0; (p = walk_next(v, p)) != 0;)
		CHECK(heap_free(v, p) == 0);
	for (int i = 0; i < PEERS; i++)
		if (alive >> i & 1)
			thread_detach(&peers[i].view);
	CHECK(thread_attach(v, 0) == 0);
	CHECK(!heap_malloc(v, (size_t)peer_of(v)->world->limit << v->chunk_log2));
	heap_check(v);
	CHECK(!r->invariant && r->blocks == 0 && r->slabs == 0 && r->spans == 0);
	CHECK((r->free_chunks << v->chunk_log2) + r->metadata == r->committed);
	size_t all = heap_malloc(v, r->largest_free);
	CHECK(all && heap_free(v, all) == 0);
}

#endif
