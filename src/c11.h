/* c11.h - the atomic operations that are C11's own on every host. atomic.h, of
 * which each host has one, adds those that cost differently there.
 */
#ifndef LSHM_C11_H
#define LSHM_C11_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define load_relaxed(p) atomic_load_explicit(p, memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit(p, memory_order_acquire)
#define store_relaxed(p, x) atomic_store_explicit(p, x, memory_order_relaxed)
#define store_release(p, x) atomic_store_explicit(p, x, memory_order_release)

/* Read-modify-writes; the bool says whether *p was `old` and is `new` now. */
#define exchange_acquire(p, x) atomic_exchange_explicit(p, x, memory_order_acquire)
#define fetch_or_release(p, x) atomic_fetch_or_explicit(p, x, memory_order_release)

inline __attribute__((always_inline)) bool cas64(_Atomic uint64_t *p, uint64_t old, uint64_t next)
{
	return atomic_compare_exchange_strong_explicit(p, &old, next, memory_order_acq_rel,
	                                               memory_order_acquire);
}

inline __attribute__((always_inline)) bool cas32(_Atomic uint32_t *p, uint32_t old, uint32_t next)
{
	return atomic_compare_exchange_strong_explicit(p, &old, next, memory_order_acq_rel,
	                                               memory_order_acquire);
}

/* A block header. */
#define header_load(p) atomic_load_explicit((_Atomic uint64_t *)(void *)(p), memory_order_acquire)

#endif
