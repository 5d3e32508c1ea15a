/* bytes.h for native builds: copying and clearing. */
#ifndef LSHM_BYTES_H
#define LSHM_BYTES_H

#include <stdint.h>
#include <string.h>

inline __attribute__((always_inline)) uint64_t bytes_load64(const uint8_t *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

inline __attribute__((always_inline)) void bytes_store64(uint8_t *p, uint64_t x)
{
	memcpy(p, &x, sizeof x);
}

typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned64;

/* A look at eight bytes that their user may be writing: the one place that the thread
 * sanitizer is asked to leave alone. Aligned they are read at once, and before what is
 * read later: acquire, for what may be a header. */
__attribute__((no_sanitize("thread"), noinline, unused)) static uint64_t
bytes_peek64(const uint8_t *p)
{
	if ((uintptr_t)p % sizeof(uint64_t))
		return *(const volatile unaligned64 *)p;
	return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static inline uint64_t header_peek(const uint8_t *header)
{
	return bytes_peek64(header);
}

inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	memcpy(to, from, size);
}

inline void bytes_clear(uint8_t *to, size_t size)
{
	memset(to, 0, size); /* NOLINT(clang-analyzer-core.NonNullParamChecker) */
}

#endif
