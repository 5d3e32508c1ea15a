/* atomic.h for wasm32: every atomic operation and order that the core uses,
 * by name. All C11 orders compile to sequentially consistent instructions
 * there: a load is plain machine code, a store or read-modify-write a locked
 * one (5 ns on x86-64). So what only its owner writes is stored plainly; a
 * pointer reaches another thread only through an atomic of the user's, which
 * orders the plain stores before it.
 */
#ifndef LSHM_ATOMIC_H
#define LSHM_ATOMIC_H

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

static inline bool cas64(_Atomic uint64_t *p, uint64_t old, uint64_t new)
{
	return atomic_compare_exchange_strong_explicit(p, &old, new, memory_order_acq_rel,
	                                               memory_order_acquire);
}

static inline bool cas32(_Atomic uint32_t *p, uint32_t old, uint32_t new)
{
	return atomic_compare_exchange_strong_explicit(p, &old, new, memory_order_acq_rel,
	                                               memory_order_acquire);
}

/* What only the owner writes and nobody reads before the owner is known to be
 * dead: plain, but in program order. */
#define store_owned64(p, x) (*(volatile uint64_t *)(p) = (x))
#define store_owned32(p, x) (*(volatile uint32_t *)(p) = (x))
#define store_owned16(p, x) (*(volatile uint16_t *)(p) = (uint16_t)(x))

/* Block headers: written by the one thread that has the right to it. */
#define header_load(p) atomic_load_explicit((_Atomic uint64_t *)(void *)(p), memory_order_acquire)
#define header_store(p, x) (*(volatile uint64_t *)(void *)(p) = (x))

/* LIVE to XFREE by a thread that does not own the slab: a compare-exchange
 * costs no more than an atomic store here, and refuses racing double frees. */
static inline bool header_retire(void *p, uint64_t old, uint64_t new)
{
	return cas64(p, old, new);
}

#endif
