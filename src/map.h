/* map.h - the way from a chunk to its entry in the map.
 *
 * Piece 0 describes the chunks [0, map_first) and stands behind the slots.
 * Piece k describes [f, 8f) with f = map_first * 8^(k-1) and stands at chunk f,
 * the first that it describes. Nobody makes a piece: its place is arithmetic,
 * and zero bytes mean FREE. Slabs and spans never reach over a piece's end.
 */
#ifndef LSHM_MAP_H
#define LSHM_MAP_H

#include "core.h"

INLINE struct header *view_header(const struct view *v)
{
	return (struct header *)(void *)v->base;
}

INLINE size_t chunk_offset(const struct view *v, uint32_t chunk)
{
	return (size_t)chunk << v->chunk_log2;
}

INLINE uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

INLINE uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Chunks that `bytes` take, the header in front of them included. */
inline uint32_t chunks_for(const struct view *v, size_t bytes)
{
	return (uint32_t)((bytes + HEADER_SIZE - 1) >> v->chunk_log2) + 1;
}

/* v->chunks has changed. */
void map_learn(struct view *v);
/* Makes `part` the piece that describes `chunk`, which is below v->chunks_max. */
void map_seek(const struct view *v, struct map_part *part, uint32_t chunk);

/* The piece that describes `chunk`, if it is one of the two at hand. Which of them
 * changes from call to call: computed without a branch. */
INLINE struct map_part *map_near(struct view *v, size_t chunk)
{
	return &v->near[chunk >= v->near[1].first];
}

/* The piece that describes `chunk`, which is below v->chunks_max. */
inline struct map_part *map_part(struct view *v, uint32_t chunk)
{
	struct map_part *part = map_near(v, chunk);
	if (__builtin_expect(chunk - part->first >= part->ready, 0))
		map_seek(v, part = &v->near[0], chunk);
	return part;
}

/* `chunk` must be below v->chunks. The pointer stays good. */
inline struct entry *map_at(struct view *v, uint32_t chunk)
{
	const struct map_part *part = map_part(v, chunk);
	return part->entry + (chunk - part->first);
}

/* The first chunk from `chunk` on that the map does not take up itself. */
inline uint32_t map_usable(struct view *v, uint32_t chunk)
{
	return max32(chunk, map_part(v, chunk)->usable);
}

/* Chunks from `chunk` to the end of its piece, as far as they are backed; 0 where
 * the map itself stands. */
inline uint32_t map_room(struct view *v, uint32_t chunk)
{
	const struct map_part *part = map_part(v, chunk);
	return chunk < part->usable ? 0 : part->first + part->ready - chunk;
}

/* A word's successor: other content, next epoch, not dirty; the class stays until
 * all is FREE. */
inline uint64_t word_next(uint64_t word, uint32_t kind, uint32_t slot, uint32_t arg)
{
	/* Epoch and class. */
	uint64_t kept = kind == KIND_FREE ? 0x7ffffc0000 : 0x7ffffff000;
	return (uint64_t)arg << 40 | ((word + (1 << 18)) & kept) | OWNER(kind, slot);
}

/* Chunks that a word speaks for, 1 where it does not say. */
inline uint32_t word_length(uint64_t word)
{
	uint32_t n = WORD_ARG(word);
	return n && WORD_KIND(word) > KIND_TAIL ? n : 1;
}

/* What chunk c says. */
inline uint64_t map_word(struct view *v, uint32_t c)
{
	return load_acquire(&map_at(v, c)->word);
}

/* Chunk c says something else, if it still says `word`. Returns what it says then, or
 * 0: it is another word by now. */
inline uint64_t map_change(struct view *v, uint32_t c, uint64_t word, uint32_t kind, uint32_t slot,
                           uint32_t arg)
{
	uint64_t next = word_next(word, kind, slot, arg);
	return cas64(&map_at(v, c)->word, word, next) ? next : 0;
}

/* The slot of the thread that calls. */
INLINE uint32_t view_slot(const struct view *v)
{
	return v->mine >> 4;
}

/* Whether we still are who we were when we attached: a slot that was reaped by
 * force has another epoch. Pairs with the reaper's compare-exchange. */
inline bool view_attached(const struct view *v)
{
	return v->slot && load_relaxed(&v->slot->state) == v->state;
}

#endif
