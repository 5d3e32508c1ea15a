/* thread.h - slots, and what becomes of a thread's holdings. */
#ifndef LSHM_THREAD_H
#define LSHM_THREAD_H

#include "span.h"

/* Whether `bytes` backed bytes at base are a heap of ours: 0 or why not. */
int heap_verify(uint8_t *base, uint64_t bytes);
/* The slot of a number from 1, or null where the table does not reach. */
struct slot *slot_of(struct view *v, uint32_t slot);
/* Its state; FREE where there is none. */
uint64_t slot_word(struct view *v, uint32_t slot);

#endif
