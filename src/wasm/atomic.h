/* atomic.h for wasm32: every atomic operation and order that the core uses,
 * by name. All C11 orders compile to sequentially consistent instructions
 * there: a load is plain machine code, a store or read-modify-write a locked
 * one (5 ns on x86-64). So what only its owner writes is stored plainly; a
 * pointer reaches another thread only through an atomic of the user's, which
 * orders the plain stores before it.
 */
#ifndef LSHM_ATOMIC_H
#define LSHM_ATOMIC_H

#include "c11.h"

/* What only the owner writes and nobody reads before the owner is known to be
 * dead: plain, but in program order. */
#define store_owned32(p, x) (*(volatile uint32_t *)(p) = (x))
#define store_owned16(p, x) (*(volatile uint16_t *)(p) = (uint16_t)(x))

/* What we keep stands in the slot, where who reaps us looks for it. */
#define cache_note(v, i, p) store_owned32(&(v)->cache[i], p)

/* Block headers: written by the one thread that has the right to it. */
#define header_store(p, x) (*(volatile uint64_t *)(void *)(p) = (x))

/* LIVE to CACHED. Without the slab a compare-exchange, which costs no more than
 * an atomic store here: of two threads that free one block one is refused. Nobody
 * but its owner frees in a slab with plain stores. */
inline __attribute__((always_inline)) bool header_change(void *p, uint64_t old, uint64_t next,
                                                         bool mine)
{
	if (!mine)
		return cas64(p, old, next);
	header_store(p, next);
	return true;
}

#endif
