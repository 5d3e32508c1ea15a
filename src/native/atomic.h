/* atomic.h for native builds: every atomic operation and order that the core
 * uses, by name; the same names as in src/wasm/atomic.h. Here C11 orders are
 * cheap on their own: release and acquire are plain moves on x86, and a
 * compare-exchange is what costs.
 */
#ifndef LSHM_ATOMIC_H
#define LSHM_ATOMIC_H

#include "c11.h"

/* A library call for a 64-bit atomic would lock in this process alone; with
 * this alignment compilers need none. clang for 32-bit x86 needs SSE2 as well: without
 * it a load is a cmpxchg8b, which writes, also where we may only read. */
_Static_assert(_Alignof(_Atomic uint64_t) == 8, "64-bit atomics must be inline");
#if defined __clang__ && defined __i386__ && !defined __SSE2__
#error "build with -msse2: 64-bit loads must not write"
#endif

/* What only the owner writes and nobody reads before the owner is known to be
 * dead: in program order, which relaxed atomics keep within one location and
 * the release stores around them keep between locations. */
#define store_owned16(p, x) atomic_store_explicit(p, (uint16_t)(x), memory_order_relaxed)
#define store_owned32(p, x) \
	atomic_store_explicit((_Atomic uint32_t *)(void *)(p), x, memory_order_release)

/* What we keep, and its note for who reaps us: what others write there is never ours to
 * believe. */
#define cache_note(v, i, p) ((v)->cache[i] = (p), store_owned32(&(v)->slot->kept[i], (uint32_t)(p)))

/* Block headers: one 64-bit store by the one thread that has the right to it.
 * Release: whoever acquires the label sees what its writer did before. */
#define header_store(p, x) \
	atomic_store_explicit((_Atomic uint64_t *)(void *)(p), x, memory_order_release)

/* LIVE to CACHED: a release store costs a tenth of a compare-exchange. Two threads
 * that free one block in the same instant are their caller's error, beyond any
 * check. */
inline __attribute__((always_inline)) bool header_change(void *p, uint64_t old, uint64_t next,
                                                         bool mine)
{
	(void)old;
	(void)mine;
	header_store(p, next);
	return true;
}

#endif
