/* scribble.h - what a hostile peer writes: not noise alone, most of which the
 * first check refuses, but words of the layout with arguments that lie, labels
 * with a right check (the secret stands in the heap), and words from elsewhere.
 * Two numbers say what is written where, so that a random stream and a fuzzer's
 * input drive the same pen.
 */
#ifndef SCRIBBLE_H
#define SCRIBBLE_H

#include <stdbool.h>
#include <string.h>

#include "label.h"

struct pen {
	unsigned char *base;
	size_t bytes;         /* that may be written */
	struct header header; /* as it was when all was well */
};

/* One word as it was: to be put back. */
struct stroke {
	size_t at; /* a multiple of 8 */
	uint64_t was;
};

static inline struct pen pen_make(void *base, size_t bytes)
{
	struct pen pen = {.base = base, .bytes = bytes};
	memcpy(&pen.header, base, sizeof pen.header);
	return pen;
}

static inline _Atomic uint64_t *pen_word(const struct pen *pen, size_t at)
{
	return (_Atomic uint64_t *)(void *)(pen->base + at);
}

/* Where the map's entry of a chunk stands. */
static inline size_t pen_entry(const struct pen *pen, uint32_t chunk)
{
	const struct header *h = &pen->header;
	size_t first = 0, next = h->map_first;
	while (chunk >= next) {
		first = next;
		next *= MAP_GROWTH;
	}
	size_t at = first << h->chunk_log2;
	if (!first)
		at = sizeof *h + h->slots_first * sizeof(struct slot);
	return at + (chunk - first) * sizeof(struct entry);
}

/* A number that is likely to be a bound or just beyond one. */
static inline uint32_t pen_number(const struct pen *pen, uint64_t r, uint32_t bits)
{
	uint32_t chunks = (uint32_t)(pen->bytes >> pen->header.chunk_log2);
	uint32_t mask = (uint32_t)((1ull << bits) - 1), x = (uint32_t)(r >> 8);
	switch (r % 8) {
	case 0:
		return mask;
	case 1:
		return chunks & mask;
	case 2:
		return (chunks - x % 4) & mask;
	case 3:
		return x & mask;
	case 4:
		return (1u << x % bits) & mask;
	default:
		return x % 8 & mask;
	}
}

/* A map word: the epoch stays, all else is of another. */
static inline uint64_t pen_map_word(const struct pen *pen, uint64_t was, uint64_t r)
{
	static const uint8_t kinds[] = {KIND_SLAB,  KIND_SLAB,   KIND_SLAB,  KIND_SPAN,
	                                KIND_SPAN,  KIND_SPAN,   KIND_TAIL,  KIND_TAIL,
	                                KIND_XFREE, KIND_RESIZE, KIND_CLAIM, KIND_META,
	                                KIND_FREE,  KIND_SLAB,   8,          15};
	uint32_t kind = kinds[r & 15], slot = (uint32_t)(r >> 4 & 15);
	uint32_t arg = pen_number(pen, r >> 8, 24);
	uint32_t class = r >> 63 ? WORD_CLASS(was) : (uint32_t)(r >> 56 & 63);
	slot = slot < 8 ? slot / 2 : slot == 8 ? 255 : WORD_SLOT(was);
	uint64_t dirty = kind == KIND_SLAB && r >> 62 & 1 ? WORD_DIRTY : 0;
	return (uint64_t)arg << 40 | dirty | (was & 0x7ffffc0000) | WORD_CLASSED(class) |
	       OWNER(kind, slot);
}

/* A label with a right check, for the header at `at`. */
static inline uint64_t pen_label(const struct pen *pen, size_t at, uint64_t r)
{
	struct view view = {.secret = pen->header.secret};
	uint64_t value = pen_number(pen, r, r & 1 ? 32 : 15);
	if (r & 2) /* by one of the first threads */
		value = (value & 0x7fff) | (r >> 44 & 3) << LABEL_SIZE_BITS;
	uint64_t bits = LABEL_MAKE(r >> 40 & 3, value) | (r >> 42 & 1 ? LABEL_SPAN : 0);
	return label_seal(&view, at + HEADER_SIZE, bits);
}

/* A chunk: often the first or the last ones. */
static inline uint32_t pen_chunk(const struct pen *pen, uint64_t r)
{
	uint32_t chunks = (uint32_t)(pen->bytes >> pen->header.chunk_log2);
	uint32_t few = (uint32_t)(r >> 3) % 3 % chunks;
	if (r % 8 < 2)
		return r % 8 ? few : chunks - 1 - few;
	return (uint32_t)(r >> 3) % chunks;
}

/* The place that `r` means: of a map word, an entry's notes, a label, a slot,
 * the header, or any. */
static inline size_t pen_place(const struct pen *pen, uint32_t kind, uint64_t r)
{
	const struct header *h = &pen->header;
	size_t granules = pen->bytes / GRANULE, at = r % (pen->bytes / 8) * 8;
	size_t chunk = (size_t)pen_chunk(pen, r) << h->chunk_log2;
	if (kind <= 2)
		at = pen_entry(pen, pen_chunk(pen, r)) + (kind == 2 ? 8 + (r >> 32) % 3 * 8 : 0);
	else if (kind == 3)
		at = (r >> 32 & 1 ? chunk : r % granules * GRANULE) + (r >> 33) % 16 * GRANULE -
		     HEADER_SIZE;
	else if (kind == 4)
		at = sizeof *h + r % h->slots_first * sizeof(struct slot) + (r >> 32) % 24 * 8;
	else if (kind == 5)
		at = r % (sizeof *h / 8) * 8;
	return at <= pen->bytes - 8 ? at : pen->bytes - 8;
}

/* The notes of an entry whose word lies, so that the lie is believed: a list, and
 * blocks up to the end. */
static inline void pen_notes(const struct pen *pen, size_t entry, uint64_t r)
{
	struct entry *e = (struct entry *)(void *)(pen->base + entry);
	store_relaxed(&e->fresh, (uint16_t)(r & 1 ? 0xffff : r >> 8));
	store_relaxed(&e->head, (uint16_t)(r & 2 ? 1 : r >> 24));
}

/* Writes a word: `where` says which, `what` says with what. */
static inline struct stroke scribble(const struct pen *pen, uint64_t where, uint64_t what)
{
	uint32_t kind = (uint32_t)(where & 7), how = (uint32_t)(what & 7);
	size_t at = pen_place(pen, kind, where >> 3);
	_Atomic uint64_t *word = pen_word(pen, at);
	uint64_t was = load_relaxed(word), next = what >> 3;
	if (how == 0)
		next = was ^ 1ull << (what >> 3) % 64;
	else if (how == 1)
		next = was + pen_number(pen, what >> 3, 32) - 4;
	else if (how == 2)
		next = load_relaxed(pen_word(pen, (what >> 3) % (pen->bytes / 8) * 8));
	else if (how == 3)
		next = (was & ~0xffffffffull) | pen_number(pen, what >> 3, 32);
	else if (kind <= 1)
		next = pen_map_word(pen, was, what >> 3);
	else if (kind == 3 || kind == 6)
		next = pen_label(pen, at, what >> 3);
	if (kind == 1 && how > 3)
		pen_notes(pen, at, where >> 32);
	store_relaxed(word, next);
	return (struct stroke){.at = at, .was = was};
}

static inline void stroke_undo(const struct pen *pen, struct stroke s)
{
	store_relaxed(pen_word(pen, s.at), s.was);
}

#endif
