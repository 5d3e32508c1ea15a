/* map.h - the way from a chunk to its map word, hints and record.
 *
 * Piece 0 describes the chunks [0, map_first) and stands behind the slots.
 * Piece k describes [f, 8f) with f = map_first * 8^(k-1) and stands at chunk f,
 * the first that it describes. Nobody makes a piece: its place is arithmetic,
 * and zero bytes mean FREE. Within a piece the words come first, then the
 * hints, then the records. Slabs and spans never reach over a piece's end.
 */
#ifndef LSHM_MAP_H
#define LSHM_MAP_H

#include "core.h"

static inline struct header *view_header(const struct view *v)
{
	return (struct header *)(void *)v->base;
}

static inline size_t chunk_offset(const struct view *v, uint32_t chunk)
{
	return (size_t)chunk << v->chunk_log2;
}

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* First chunk of the piece that describes `chunk`, and how many it describes. */
static inline uint32_t piece_start(uint32_t map_first, uint32_t chunk)
{
	uint32_t first = map_first;
	if (chunk < map_first)
		return 0;
	while (chunk - first >= first * (MAP_GROWTH - 1))
		first *= MAP_GROWTH;
	return first;
}

static inline uint32_t piece_length(uint32_t map_first, uint32_t chunks_max, uint32_t first)
{
	return min32(first ? first * (MAP_GROWTH - 1) : map_first, chunks_max - first);
}

static inline size_t piece_offset(uint32_t slots_first, uint32_t chunk_log2, uint32_t first)
{
	return first ? (size_t)first << chunk_log2
	             : sizeof(struct header) + slots_first * sizeof(struct slot);
}

/* The first chunk behind a piece that is not taken up by the piece itself. */
static inline uint32_t piece_usable(uint32_t slots_first, uint32_t chunk_log2,
                                    uint32_t first, uint32_t length)
{
	uint64_t end = (uint64_t)piece_offset(slots_first, chunk_log2, first) +
	               (uint64_t)length * MAP_BYTES + HEADER_SIZE;
	return (uint32_t)((end + (1u << chunk_log2) - 1) >> chunk_log2);
}

/* Makes v->piece the piece of `chunk` (below v->chunks). */
static inline void map_seek(struct view *v, uint32_t chunk)
{
	uint32_t first = piece_start(v->map_first, chunk);
	v->piece_first = first;
	v->piece_count = piece_length(v->map_first, v->chunks_max, first);
	v->piece = v->base + piece_offset(v->slots_first, v->chunk_log2, first);
}

static inline uint32_t map_index(struct view *v, uint32_t chunk)
{
	if (__builtin_expect(chunk - v->piece_first >= v->piece_count, 0))
		map_seek(v, chunk);
	return chunk - v->piece_first;
}

/* `chunk` must be below v->chunks. The pointers stay good. */
static inline _Atomic uint64_t *map_word(struct view *v, uint32_t chunk)
{
	uint32_t i = map_index(v, chunk);
	return (_Atomic uint64_t *)(void *)v->piece + i;
}

static inline _Atomic uint64_t *map_hints(struct view *v, uint32_t chunk)
{
	uint32_t i = map_index(v, chunk);
	return (_Atomic uint64_t *)(void *)v->piece + v->piece_count + i;
}

static inline struct record *map_record(struct view *v, uint32_t chunk)
{
	uint32_t i = map_index(v, chunk);
	return (struct record *)(void *)(v->piece + (size_t)v->piece_count * 16) + i;
}

/* A word's successor: other content, next epoch. */
static inline uint64_t word_next(uint64_t word, uint32_t kind, uint32_t slot, uint32_t arg)
{
	return ((word >> 36) + 1) << 36 | (uint64_t)arg << 12 | slot << 4 | kind;
}

/* Chunks that a word's block spans, 1 where the word does not say. */
static inline uint32_t word_length(uint64_t word)
{
	uint32_t kind = WORD_KIND(word), n = 1;
	if (kind == KIND_SPAN || kind == KIND_META || kind == KIND_RESIZE)
		n = WORD_ARG(word);
	else if (kind == KIND_SLAB)
		n = SLAB_LENGTH(word);
	return n ? n : 1;
}

/* The slot of the thread that calls. */
static inline uint32_t view_slot(const struct view *v)
{
	return v->mine >> 4;
}

/* Whether we still are who we were when we attached: a slot that was reaped by
 * force has another epoch. Pairs with the reaper's compare-exchange. */
static inline bool view_attached(const struct view *v)
{
	return v->slot && load_relaxed(&v->slot->state) == v->state;
}

#endif
