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

#define LABEL_SPAN (1ull << 34)
#define LABEL_BITS ((1ull << 48) - 1)
#define LABEL_STATE(h) ((uint32_t)((h) >> 32) & 3u)
#define LABEL_TAG(h) ((uint32_t)((h) >> 36) & 0xfffu)
#define LABEL_MAKE(state, span, tag) ((uint64_t)(state) << 32 | (span) | (uint64_t)(tag) << 36)

inline uint32_t label_pad(const struct view *v, size_t header)
{
	uint32_t x = (uint32_t)(header >> GRANULE_LOG2) ^ (uint32_t)v->secret;
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

/* A whole header for `bits` (the 48). */
INLINE uint64_t label_seal(const struct view *v, size_t header, uint64_t bits)
{
	return bits | (uint64_t)(label_code(bits) ^ label_pad(v, header)) << 48;
}

/* Bits and their code, without a place: xored into a place's pad and size. */
INLINE uint64_t label_seal_bits(uint64_t bits)
{
	return bits | (uint64_t)label_code(bits) << 48;
}

inline bool label_valid(const struct view *v, size_t header, uint64_t h)
{
	return label_seal(v, header, h & LABEL_BITS) == h;
}

/* A free block's header; link is below 2^15. */
INLINE uint64_t label_free(const struct view *v, size_t header, uint32_t link)
{
	return link | (uint64_t)(label_code_low(link) ^ label_pad(v, header)) << 48;
}

/* The header of a slab's live block of ours; size is below 2^15. */
inline uint64_t label_live(const struct view *v, size_t header, uint32_t size)
{
	return v->live ^ size ^ (uint64_t)(label_code_low(size) ^ label_pad(v, header)) << 48;
}

/* LIVE to XFREE, for any valid header: the code is linear. */
INLINE uint64_t label_flip(uint64_t h)
{
	const uint64_t bits = (uint64_t)(STATE_LIVE ^ STATE_XFREE) << 32;
	return h ^ bits ^ (uint64_t)label_code(bits) << 48;
}

/* Links: granules to the next free block, modulo 2^15. */
inline uint32_t link_to(size_t from, size_t to)
{
	return to ? (uint32_t)((to - from) >> GRANULE_LOG2) & 0x7fff : 0;
}

inline size_t link_follow(size_t from, uint32_t link)
{
	int32_t distance = (int32_t)(link << 17) >> 17;
	return link ? from + (size_t)((intptr_t)distance * GRANULE) : 0;
}

/* Canaries: the first 8 bytes behind the requested size, as far as the block
 * reaches. Which byte stands at an address depends on the address alone, so a
 * resize in place never damages the canary that still counts. No byte of it is
 * zero or ASCII. */
INLINE uint32_t canary_bytes(size_t size, size_t capacity)
{
	return capacity - size < CANARY_BYTES ? (uint32_t)(capacity - size) : CANARY_BYTES;
}

/* The eight canary bytes that would stand at `offset`. */
inline uint64_t canary_at(const struct view *v, size_t offset)
{
	uint64_t x = v->secret | 0x8080808080808080ull;
	uint32_t turn = (uint32_t)offset % 8 * 8;
	return x >> turn | x << (-turn & 63);
}

/* May write into the last bytes of the payload too: they are undefined yet. */
inline void canary_set(const struct view *v, size_t payload, size_t size, size_t capacity)
{
	size_t at = payload + size + canary_bytes(size, capacity) - CANARY_BYTES;
	if (size < capacity)
		bytes_store64(v->base + at, canary_at(v, at));
}

/* Whether `bytes`, read where canary_set wrote, are what it wrote. */
inline bool canary_is(const struct view *v, size_t at, uint32_t n, uint64_t bytes)
{
	return !n || (bytes ^ canary_at(v, at)) >> (64 - 8 * n) == 0;
}

inline bool canary_stands(const struct view *v, size_t payload, size_t size, size_t capacity)
{
	uint32_t n = canary_bytes(size, capacity);
	size_t at = payload + size + n - CANARY_BYTES;
	return canary_is(v, at, n, bytes_load64(v->base + at));
}

#endif
