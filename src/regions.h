/* regions.h - what a heap's address space consists of, to be drawn or listed.
 * Plain numbers, so that what draws them needs nothing else of the core.
 */
#ifndef LSHM_REGIONS_H
#define LSHM_REGIONS_H

#include <stdint.h>

enum region_kind {
	REGION_FREE,     /* chunks that anybody may claim */
	REGION_METADATA, /* header, slots, map */
	REGION_SLAB,     /* blocks of one size class */
	REGION_SPAN,     /* one block */
	REGION_CHANGING, /* being claimed, freed or resized just now */
	REGION_DAMAGED,  /* its map word or its block's header is impossible */
	REGION_KINDS,
};

/* A run of chunks. JavaScript reads it by the order and width of its fields. */
struct region {
	uint64_t offset, length; /* bytes */
	uint64_t block_size;     /* SLAB: of each with its header; SPAN: as requested */
	uint32_t kind;
	uint32_t thread; /* SLAB: its owner, 0: nobody; SPAN: who allocated it */
	uint32_t blocks; /* for how many there is room */
	uint32_t used;   /* live ones */
	uint32_t kept;   /* free, and some thread's: for its next malloc */
	uint32_t freed;  /* freed, and not collected by the owner yet */
};

struct view;

/* Describes the region that begins at `chunk` (0, or what was returned) and
 * returns the chunk behind it; 0 at the end. One after the other they cover all
 * that is committed. Writes nothing shared; others may work meanwhile, so it is
 * no picture of one instant. */
uint32_t region_next(struct view *v, uint32_t chunk, struct region *out);

#endif
