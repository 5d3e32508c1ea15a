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
	size_t i = 0;
	for (; i + 8 <= size; i += 8)
		bytes_store64(to + i, bytes_load64(from + i));
	for (; i < size; i++)
		to[i] = from[i];
}

inline void bytes_clear(uint8_t *to, size_t size)
{
	size_t i = 0;
	for (; i + 8 <= size; i += 8)
		bytes_store64(to + i, 0);
	for (; i < size; i++)
		to[i] = 0;
}

#endif
