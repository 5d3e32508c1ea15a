/* host.h - what the core asks of the platform it runs on. One file per host
 * implements it: src/wasm/host.c, src/native/host.c; tests may bring others.
 */
#ifndef LSHM_HOST_H
#define LSHM_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct view;

/* How many chunks the host backs now. Never decreases. Reads and writes below
 * that bound must not fault. */
uint32_t host_backed(struct view *v);

/* Try to back at least `chunks` chunks (at most v->chunks_max); returns what is
 * backed afterwards, which is less where the host refused. Any number of
 * threads may be in here at once; new bytes are zero. */
uint32_t host_grow(struct view *v, uint32_t chunks);

/* Called before a slot is taken and after it was given back (or not got). A
 * host that proves death by a lock takes and drops it here; `v` is null in
 * wasm, where the view only comes with the slot. False: the slot's thread may
 * still live, leave the slot alone. */
bool host_claim_slot(struct view *v, uint32_t slot);
void host_release_slot(struct view *v, uint32_t slot);

/* Memory is short: reap threads whose death the host can prove by itself.
 * Returns whether anything came back. */
bool host_reap(struct view *v);

#endif
