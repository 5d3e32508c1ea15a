/* bytes.h for wasm32: copying and clearing. Plain loops: after another thread
 * grew the memory, some engines still refuse bulk instructions there. */
#ifndef LSHM_BYTES_H
#define LSHM_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned64;

inline __attribute__((always_inline)) uint64_t bytes_load64(const uint8_t *p)
{
	return *(const unaligned64 *)p;
}

inline __attribute__((always_inline)) void bytes_store64(uint8_t *p, uint64_t x)
{
	*(unaligned64 *)p = x;
}

/* A look at bytes that their user may be writing. */
static inline uint64_t bytes_peek64(const uint8_t *p)
{
	return *(const unaligned64 *)p;
}

/* A look at what may be a header, before what it says is looked at. */
static inline uint64_t header_peek(const uint8_t *p)
{
	return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	for (; size >= 8; size -= 8, to += 8, from += 8)
		bytes_store64(to, bytes_load64(from));
	while (size--)
		*to++ = *from++;
}

inline void bytes_clear(uint8_t *to, size_t size)
{
	for (; size >= 8; size -= 8, to += 8)
		bytes_store64(to, 0);
	while (size--)
		*to++ = 0;
}

#endif
