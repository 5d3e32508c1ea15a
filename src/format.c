/* format.c - making a heap. */
#include "core.h"

enum {
	BYTES_PER_SLOT = 256 << 10, /* of the initial size, for inline slots */
	BYTES_MIN_SMALL = 16 << 10,
	PAGE = 64 << 10,         /* 1 inline slot in less, and one more for each, up to 4 */
	SMALL_MAXIMUM = 1 << 20, /* up to here chunks are 1 KiB */
};

/* log2 of the chunk size for a maximum in bytes; above CHUNK_LOG2_MAX if no
 * heap can be that large. */
static uint32_t geometry_chunk_log2(uint64_t maximum)
{
	uint32_t log2 = maximum <= SMALL_MAXIMUM ? CHUNK_LOG2_SMALL : CHUNK_LOG2;
	while (log2 <= CHUNK_LOG2_MAX && maximum >> log2 > CHUNKS_MAX)
		log2++;
	return log2;
}

size_t heap_min_bytes(uint64_t maximum)
{
	uint32_t log2 = geometry_chunk_log2(maximum);
	return log2 == CHUNK_LOG2_SMALL ? BYTES_MIN_SMALL : (size_t)16 << log2;
}

int heap_format(uint8_t *base, uint64_t bytes, uint64_t maximum, uint64_t secret)
{
	struct header *h = (struct header *)(void *)base;
	uint32_t log2 = geometry_chunk_log2(maximum);
	uint32_t slots = bytes / PAGE < 3 ? 1 + (uint32_t)(bytes / PAGE) : 4;
	if (log2 > CHUNK_LOG2_MAX || bytes > maximum)
		return LSHM_ERR_INVALID;
	if (bytes < heap_min_bytes(maximum))
		return LSHM_ERR_TOO_SMALL;
	if (load_acquire(&h->magic) == LAYOUT_MAGIC)
		return LSHM_ERR_HEAP_EXISTS;
	while (slots < SLOTS_INLINE_MAX && bytes / BYTES_PER_SLOT / 2 >= slots)
		slots *= 2;
	h->version = LAYOUT_VERSION;
	h->signature = LAYOUT_SIGNATURE;
	h->chunk_log2 = log2;
	h->chunks_max = (uint32_t)(maximum >> log2);
	h->map_first = (uint32_t)(bytes >> log2);
	h->slots_first = slots;
	h->secret = secret;
	store_relaxed(&h->committed, h->map_first);
	/* Pairs with the acquire in heap_verify. */
	store_release(&h->magic, LAYOUT_MAGIC);
	return 0;
}
