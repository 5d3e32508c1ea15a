/* bytes.h for the core under the scheduler: copying and clearing are accesses
 * that memory.c sees.
 */
#ifndef LSHM_BYTES_H
#define LSHM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t memory_load64(const uint8_t *p);
uint64_t memory_peek64(const uint8_t *p, bool acquire);
void memory_store64(uint8_t *p, uint64_t x);
void memory_copy(uint8_t *to, const uint8_t *from, size_t size);
void memory_clear(uint8_t *to, size_t size);

inline uint64_t bytes_load64(const uint8_t *p)
{
	return memory_load64(p);
}

inline void bytes_store64(uint8_t *p, uint64_t x)
{
	memory_store64(p, x);
}

/* A look at bytes that their user may be writing: a race by design. */
__attribute__((unused)) static uint64_t bytes_peek64(const uint8_t *p)
{
	return memory_peek64(p, false);
}

/* A look at what may be a header, before what it says is looked at. */
__attribute__((unused)) static uint64_t header_peek(const uint8_t *p)
{
	return memory_peek64(p, true);
}

inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	memory_copy(to, from, size);
}

inline void bytes_clear(uint8_t *to, size_t size)
{
	memory_clear(to, size);
}

#endif
