/* picture.h - draws a heap's address space as SVG: the one drawing of it, for
 * the lshm command and, compiled to WebAssembly, for JavaScript.
 *
 * Needs no library and keeps nothing but struct picture. The text is ASCII.
 *
 *     picture_begin(&p);               // p.width ... p.write filled in, else 0
 *     picture_region(&p, &region);     // all of them, by rising offset
 *     picture_end(&p);
 */
#ifndef LSHM_PICTURE_H
#define LSHM_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "regions.h"

enum { PICTURE_THREADS = 12, PICTURE_BUFFER = 4096 };

/* Neighbours that are drawn as one. */
struct picture_cell {
	uint64_t from, to;                  /* bytes */
	uint64_t bytes[REGION_KINDS];       /* by kind */
	uint64_t live;                      /* bytes of live blocks */
	uint64_t block_size;                /* of the slabs and spans in it, */
	uint32_t thread;                    /*   and theirs; of the last one, if they differ */
	uint32_t kind;                      /* the largest part */
	uint32_t regions, owned;            /* how many, and how many slabs and spans */
	uint32_t blocks, used, kept, freed; /* sums */
	uint32_t kinds_differ, sizes_differ, threads_differ;
};

struct picture {
	uint32_t width;     /* of the picture, in pixels */
	uint64_t committed; /* bytes that are drawn */
	uint64_t maximum;   /* bytes that the heap may grow to */
	uint64_t origin;    /* what offset 0 is called */
	const char *title;  /* UTF-8; may be null */
	void (*write)(void *context, const char *text, size_t length);
	void *context;

	/* Its own. */
	uint32_t rows;
	uint64_t row_bytes;
	struct picture_cell cell;
	uint64_t bytes[REGION_KINDS];
	uint64_t live, blocks;
	uint32_t slabs, spans;
	uint32_t threads[PICTURE_THREADS], thread_count, more_threads;
	uint32_t fill;
	char buffer[PICTURE_BUFFER];
};

void picture_begin(struct picture *p);
void picture_region(struct picture *p, const struct region *region);
void picture_end(struct picture *p);

#endif
