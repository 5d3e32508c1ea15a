/* classes.h - size classes. Strides are counted in granules of 16 bytes:
 * 1 to 8, then eight per doubling, 1,024 at most. No tables: wasm has no
 * static data.
 */
#ifndef LSHM_CLASSES_H
#define LSHM_CLASSES_H

#include "layout.h"

/* The class that serves `size` payload bytes; size is at most 16,376. */
INLINE uint32_t class_of(size_t size)
{
	uint32_t x = (uint32_t)((size + HEADER_SIZE + GRANULE - 1) >> GRANULE_LOG2) - 1;
	uint32_t shift = 28u - (uint32_t)__builtin_clz(x | 8);
	return (shift << 3) + (x >> shift);
}

/* Stride of a class, in granules. */
inline uint32_t class_stride(uint32_t class)
{
	if (class < 8)
		return class + 1;
	return ((class & 7) + 9) << ((class >> 3) - 1);
}

/* Payload bytes of a block of the class. */
INLINE size_t class_capacity(uint32_t class)
{
	return (size_t)class_stride(class) * GRANULE - HEADER_SIZE;
}

#endif
