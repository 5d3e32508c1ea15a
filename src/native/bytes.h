/* bytes.h for native builds: copying and clearing. */
#ifndef LSHM_BYTES_H
#define LSHM_BYTES_H

#include <stdint.h>
#include <string.h>

inline uint64_t bytes_load64(const uint8_t *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

inline void bytes_store64(uint8_t *p, uint64_t x)
{
	memcpy(p, &x, sizeof x);
}

typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned64;

/* A look at bytes that their user may be writing: the one function that the
 * thread sanitizer is asked to leave alone. */
__attribute__((no_sanitize("thread"), noinline, unused)) static uint64_t
bytes_peek64(const uint8_t *p)
{
	return *(const volatile unaligned64 *)p;
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
