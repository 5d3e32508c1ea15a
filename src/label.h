/* label.h - block headers: what they say and how damage shows.
 *
 * check = code(the header's other 48 bits) ^ pad(offset, secret).
 *
 * code is a linear code over bytes: with header bytes b0..b5 it is the pair
 *     c0 = b0 ^ b1 ^ ... ^ b5
 *     c1 = b0 t^0 ^ b1 t^1 ^ ... ^ b5 t^5   modulo t^8 + t^3 + 1 over GF(2)
 * t^k + 1 is invertible for k = 1..5, so any two damaged bytes of the eight
 * show (distance 3); other damage passes with 2^-16. pad ties a header to its
 * place and heap: a copied header is no header.
 */
#ifndef LSHM_LABEL_H
#define LSHM_LABEL_H

#include "core.h"

#define LABEL_SIZE_BITS 15 /* of a slab's block; its thread stands above */
#define LABEL_SIZE(h) (((1u << LABEL_SIZE_BITS) - 1) & (uint32_t)(h))
#define LABEL_THREAD(h) ((uint32_t)((h) >> LABEL_SIZE_BITS) & ((1u << 30) - 1))
#define LABEL_VALUE(h) ((h) & ((1ull << 45) - 1))
#define LABEL_STATE(h) ((uint32_t)((h) >> 45) & 3u)
#define LABEL_SPAN (1ull << 47)
#define LABEL_BITS ((1ull << 48) - 1)
#define LABEL_MAKE(state, value) ((uint64_t)(state) << 45 | (value))

/* What ties a header to the place of its payload. */
inline uint32_t label_pad(const struct view *v, size_t payload)
{
	uint32_t x = (uint32_t)(payload >> GRANULE_LOG2) ^ (uint32_t)v->secret;
	return x * 0x9e3779b1u >> 16;
}

/* The code of 48 bits. */
inline uint32_t label_code(uint64_t x)
{
	uint64_t even = x & 0x00ff00ff00ffull, odd = x >> 8 & 0x00ff00ff00ffull;
	uint64_t sum = even ^ odd;
	uint32_t c0 = (uint32_t)(sum ^ sum >> 16 ^ sum >> 32) & 0xff;
	uint32_t e = (uint32_t)(even ^ even >> 14 ^ even >> 28) & 0xffff;
	uint32_t o = (uint32_t)(odd ^ odd >> 14 ^ odd >> 28) & 0xffff;
	uint32_t u = e ^ o << 1, over = u >> 8;
	return c0 | ((u ^ over ^ over << 3) & 0xff) << 8;
}

/* The code of a low half below 2^15 with nothing above it. */
inline uint32_t label_code_low(uint32_t x)
{
	uint32_t high = x >> 8, low = x & 0xff;
	return (high ^ low) | (low ^ high << 1) << 8;
}

/* The header of the block at `payload` that says `bits` (the 48). */
inline uint64_t label_seal(const struct view *v, size_t payload, uint64_t bits)
{
	return bits | (uint64_t)(label_code(bits) ^ label_pad(v, payload)) << 48;
}

inline bool label_valid(const struct view *v, size_t payload, uint64_t h)
{
	return label_seal(v, payload, h & LABEL_BITS) == h;
}

/* The header that says what `bits` does, sealed for no place, but for a low half
 * that is 0 there and below 2^15 here: the code is linear. */
INLINE uint64_t label_blend(uint64_t bits, uint32_t pad, uint32_t low)
{
	return bits ^ low ^ (uint64_t)(label_code_low(low) ^ pad) << 48;
}

/* A free block's header; `next` is a granule + 1. */
INLINE uint64_t label_free(const struct view *v, size_t payload, uint32_t next)
{
	return label_blend(0, label_pad(v, payload), next);
}

/* The same label in another state, for a valid header. */
INLINE uint64_t label_turn(uint64_t h, uint32_t from, uint32_t to)
{
	const uint64_t bits = LABEL_MAKE(from ^ to, 0);
	return h ^ bits ^ (uint64_t)label_code(bits) << 48;
}

/* Bits and their code, for label_blend. */
INLINE uint64_t label_base(uint32_t state, uint32_t thread)
{
	uint64_t bits = LABEL_MAKE(state, (uint64_t)thread << LABEL_SIZE_BITS);
	return bits | (uint64_t)label_code(bits) << 48;
}

/* The header before `payload`. */
INLINE uint8_t *header_at(const struct view *v, size_t payload)
{
	return v->base + payload - HEADER_SIZE;
}

/* Canaries: the first 8 bytes behind the requested size, as far as the block
 * reaches. All of a heap's canary bytes are alike, so a resize in place never
 * damages the canary that still counts. They are neither zero nor ASCII. */
INLINE uint64_t canary_word(uint64_t secret)
{
	return (secret >> 56 | 0x80) * 0x0101010101010101ull;
}

/* Where, in a block, eight bytes end with its canary. */
INLINE size_t canary_place(size_t size, size_t capacity)
{
	size_t most = capacity - CANARY_BYTES;
	return size < most ? size : most;
}

/* For a block that is new: the last bytes of its payload mean nothing yet. */
INLINE void canary_set(const struct view *v, size_t payload, size_t size, size_t capacity)
{
	bytes_store64(v->base + payload + canary_place(size, capacity), v->canary);
}

/* Whether `bytes`, read at the canary's place, end with it. */
INLINE bool canary_is(const struct view *v, uint64_t bytes, size_t size, size_t place)
{
	uint32_t half = 4 * (uint32_t)(size - place) & 63;
	return !((bytes ^ v->canary) >> half >> half);
}

#endif
