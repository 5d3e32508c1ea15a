/* heap.c - recognising a heap. */
#include "label.h"
#include "map.h"
#include "thread.h"

/* Whether `bytes` backed bytes at base are a heap of ours. */
int heap_verify(uint8_t *base, uint64_t bytes)
{
	struct header *h = (struct header *)(void *)base;
	if (bytes < sizeof *h || load_acquire(&h->magic) != LAYOUT_MAGIC)
		return LSHM_ERR_NO_HEAP;
	if (h->version != LAYOUT_VERSION)
		return LSHM_ERR_VERSION;
	if (h->signature != LAYOUT_SIGNATURE)
		return LSHM_ERR_SIGNATURE;
	uint32_t log2 = h->chunk_log2, max = h->chunks_max, first = h->map_first;
	uint32_t slots = h->slots_first, committed = load_acquire(&h->committed);
	if (log2 < CHUNK_LOG2_SMALL || log2 > CHUNK_LOG2_MAX || max > CHUNKS_MAX ||
	    committed > max || committed < first || !slots || slots > SLOTS_INLINE_MAX ||
	    (sizeof *h + slots * sizeof(struct slot)) >> (log2 - 1) >= first)
		return LSHM_ERR_CORRUPT;
	return bytes >> log2 < committed ? LSHM_ERR_TRUNCATED : 0;
}

int heap_open(struct view *v, uint8_t *base, uint64_t bytes)
{
	struct header *h = (struct header *)(void *)base;
	int error = heap_verify(base, bytes);
	if (error)
		return error;
	v->base = base;
	v->geometry = h->geometry;
	v->canary = canary_word(v->secret);
	v->chunk_mask = (1u << v->chunk_log2) - 1;
	v->chunks = min32(load_acquire(&h->committed), (uint32_t)(bytes >> v->chunk_log2));
	v->small_max = (uint32_t)min32(16u << 10, 4u << v->chunk_log2) - HEADER_SIZE;
	bytes_clear((uint8_t *)v->room, sizeof v->room);
	map_learn(v);
	return 0;
}
