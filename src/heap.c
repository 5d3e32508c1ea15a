/* heap.c - making a heap and recognising one. */
#include "classes.h"
#include "map.h"

enum {
	SLOTS_MIN = 4,
	SLOTS_INLINE_MAX = 64,
	BYTES_PER_SLOT = 256 << 10, /* of the initial size, for inline slots */
	BYTES_MIN_SMALL = 16 << 10,
	BYTES_MIN = 64 << 10,
	SMALL_MAXIMUM = 1 << 20,    /* up to here chunks are 1 KiB */
	CHUNKS_MAX = 1 << 24,
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
	uint32_t log2 = geometry_chunk_log2(maximum), slots = SLOTS_MIN;
	if (log2 > CHUNK_LOG2_MAX || bytes > maximum)
		return LSHM_ERR_INVALID;
	if (bytes < heap_min_bytes(maximum))
		return LSHM_ERR_TOO_SMALL;
	if (load_acquire(&h->magic) == LAYOUT_MAGIC)
		return LSHM_ERR_HEAP_EXISTS;
	while (slots < SLOTS_INLINE_MAX && bytes / BYTES_PER_SLOT >= slots * 2)
		slots *= 2;
	h->version = LAYOUT_VERSION;
	h->signature = LAYOUT_SIGNATURE;
	h->chunk_log2 = log2;
	h->chunks_max = (uint32_t)(maximum >> log2);
	h->map_first = (uint32_t)(bytes >> log2);
	h->slots_first = slots;
	h->secret = secret;
	store_relaxed(&h->committed, h->map_first);
	for (uint32_t class = 0; class < CLASS_COUNT; class++)
		h->reciprocal[class] = class_reciprocal(class);
	store_relaxed(&h->tags[0], 1); /* tag 0 belongs to nobody */
	/* Pairs with the acquire in heap_verify. */
	store_release(&h->magic, LAYOUT_MAGIC);
	return 0;
}

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
	    first > max || committed > max || committed < first ||
	    slots < SLOTS_MIN || slots > SLOTS_INLINE_MAX || (slots & (slots - 1)) ||
	    piece_usable(slots, log2, 0, first) >= first)
		return LSHM_ERR_CORRUPT;
	for (uint32_t class = 0; class < CLASS_COUNT; class++)
		if (h->reciprocal[class] != class_reciprocal(class))
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
	v->secret = h->secret;
	v->chunk_log2 = h->chunk_log2;
	v->chunks_max = h->chunks_max;
	v->map_first = h->map_first;
	v->slots_first = h->slots_first;
	v->chunks = min32(load_acquire(&h->committed), (uint32_t)(bytes >> h->chunk_log2));
	v->small_max = (uint32_t)min32(16u << 10, 4u << v->chunk_log2) - HEADER_SIZE;
	map_seek(v, 0);
	return 0;
}
