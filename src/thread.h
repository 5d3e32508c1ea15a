/* thread.h - slots, and what becomes of a thread's holdings. */
#ifndef LSHM_THREAD_H
#define LSHM_THREAD_H

#include "span.h"

/* Whether `bytes` backed bytes at base are a heap of ours: 0 or why not. */
int heap_verify(uint8_t *base, uint64_t bytes);
/* The slot of a number from 1, or null where the table does not reach. */
struct slot *slot_at(uint8_t *base, uint32_t slots_first, uint32_t chunk_log2, uint32_t chunks,
                     uint32_t slot);
inline struct slot *slot_of(struct view *v, uint32_t slot)
{
	view_refresh(v); /* the table may have grown */
	return slot_at(v->base, v->slots_first, v->chunk_log2, v->chunks, slot);
}
#endif
