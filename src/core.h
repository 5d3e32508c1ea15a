/* core.h - the allocator, as its hosts and faces see it.
 *
 * Every function takes a view: one thread's way to one heap. A view is private
 * to its thread (in wasm it stands in the thread's slot). Offsets count from
 * the heap's base; 0 is null. Functions that return an int give 0 or a negative
 * LSHM_ERR_*; functions that return an offset give 0 and set v->error.
 *
 * Nothing here blocks, calls an operating system or keeps static data.
 */
#ifndef LSHM_CORE_H
#define LSHM_CORE_H

#include "bytes.h"
#include "errors.h"
#include "layout.h"

/* A class of blocks, as this thread has it. */
struct class_list {
	uint32_t slab;     /* current slab: first of the ring; 0 = none */
	uint32_t inverse;  /* 2^32 / stride in bytes, rounded up; see slab_block */
	uint16_t capacity; /* payload bytes of a block */
	uint16_t first;    /* in view.cache: the blocks that we keep, */
	uint8_t demand;    /* slabs made, less those freed or found parked */
	uint8_t held;      /* slabs on the ring */
	uint8_t count;     /* how many there are, the last one freed last, */
	uint8_t limit;     /* and may be */
};

enum { ROOM_COUNT = 16, LIVE_COUNT = 8 };

struct block {
	size_t offset;
	size_t size;      /* as requested */
	size_t footprint; /* with header and padding */
	uint32_t thread;  /* that allocated it */
	uint32_t count;   /* thread_reap: of blocks */
};

/* A piece of the map. */
struct map_part {
	struct entry *entry;
	uint32_t first, end; /* the chunks that it describes, */
	uint32_t ready;      /* how many of them are backed, */
	uint32_t usable;     /* and the first one behind the piece itself */
};

/* What is in the heap, and whether it is whole. All of it is counted also where
 * something is broken. */
struct report {
	size_t invariant;          /* number of the first one broken, 0 = healthy */
	size_t offset;             /* where */
	size_t committed, maximum; /* bytes; of 4 GiB in wasm 0 is left */
	size_t used;               /* footprints of the live blocks */
	size_t free;               /* committed - used - metadata */
	size_t metadata;           /* header, slots, map */
	size_t largest_free;       /* what one malloc gets without growing */
	size_t blocks, free_blocks, slabs, spans, free_chunks; /* counted */
	size_t threads;                                        /* attached or reserved */
	/* What is being looked at: a finding counts while the word stands. */
	uint32_t chunk;
	uint64_t word;
};

struct view {
	uint8_t *base;
	union {
		struct geometry geometry;
		GEOMETRY;
	};
	uint64_t state;      /* what the slot's word says while we are attached */
	uint64_t own;        /* header bits of a slab's block that we allocate, */
	uint64_t cached;     /* and of one that we keep */
	uint64_t canary;     /* the bytes behind blocks */
	struct slot *slot;   /* null: not attached */
	void *host;          /* the host's own */
	uint32_t chunks;     /* known to be backed: */
	size_t end;          /* the bytes of these, as far as payloads go */
	uint32_t chunk_mask; /* of the offsets within a chunk */
	uint32_t small_max;  /* largest size that slabs serve */
	uint32_t mine;       /* OWNER(KIND_SLAB, our slot) */
	uint32_t thread;     /* our number */
	int32_t error;
	uint32_t skew;             /* chunk number of the base: aligns addresses (wasm) */
	struct block found;        /* what was found last */
	struct report report;      /* what heap_check says */
	struct map_part near[2];   /* the last piece of the map that is backed is [1]; of the
	                              others the one looked for last, [0] */
	uint32_t room[ROOM_COUNT]; /* where to look for so many FREE chunks first; the
	                              last one is for all that are longer */
	uint32_t conflicts;        /* compare-exchanges that the last search lost */
	uint32_t in_flight;        /* sum of the words it met in transition */
	uint32_t gathered;         /* `chunks` when we gathered last; see heap_relieve */
	uint64_t live[LIVE_COUNT]; /* header bits of what threads allocated whose blocks
	                              we freed last, or we did: by number */
	struct class_list list[CLASS_COUNT];
	size_t cache[CACHE_COUNT]; /* payloads; written by cache_note */
};

/* --- making and opening (heap.c) --- */

/* Smallest region for a heap of this maximum. */
size_t heap_min_bytes(uint64_t maximum);
/* Make a heap in zeroed memory of `bytes` backed bytes, which may grow to
 * `maximum`. `secret` should be random. INVALID, TOO_SMALL, HEAP_EXISTS. */
int heap_format(uint8_t *base, uint64_t bytes, uint64_t maximum, uint64_t secret);
/* Check the header of the region at base, of which `bytes` are backed, and fill
 * in the view's geometry. Writes nothing shared. NO_HEAP, VERSION, SIGNATURE,
 * CORRUPT, TRUNCATED. The view can read (walk, check, stats), not allocate. */
int heap_open(struct view *v, uint8_t *base, uint64_t bytes);

/* --- threads (thread.c) --- */

/* Take a slot (thread = 0) or the reserved one. THREADS_FULL, THREAD_GONE,
 * NOMEM. Afterwards v->thread is the thread's number. */
int thread_attach(struct view *v, uint32_t thread);
/* The same with the view in the slot's workspace: its address, or the negative
 * error. Also what heap_open returns. */
struct view *thread_attach_inplace(uint8_t *base, uint64_t bytes, uint32_t thread);
/* Say that the host's lock will prove our death. */
void thread_mark(struct view *v);
/* Give back what we keep, give up every slab and the slot. */
void thread_detach(struct view *v);
/* A number for a thread that is about to start; 0 and v->error. */
uint32_t thread_reserve(struct view *v);
/* Give back what we keep and give up every slab, staying attached. */
void thread_trim(struct view *v);
/* What becomes of the blocks that a dead thread allocated: they stay; they are freed; they
 * stay and are counted. The latter two look at all labels, and so find what the thread
 * kept also in an image that was taken while it worked. */
enum reap { REAP_KEEP, REAP_FREE, REAP_COUNT };
/* Recover what a thread held that the caller knows to be dead. v->found.size and .count
 * say how many bytes and blocks were freed or counted. THREAD_GONE, THREAD_UNKNOWN
 * (somebody else is reaping it). Restartable: who takes over from one who was to free
 * them frees them too. */
int thread_reap(struct view *v, uint32_t thread, enum reap how);
/* Number of the first attached or reserved thread above `slot` (0 to start),
 * or 0. Its state:3 and flags in v->found.size. */
uint32_t thread_next(struct view *v, uint32_t slot);

/* --- blocks (malloc.c, realloc.c) --- */

/* `align` is a power of two; the plain forms align to 16. */
size_t heap_malloc(struct view *v, size_t size);
size_t heap_malloc_aligned(struct view *v, size_t size, size_t align);
size_t heap_calloc(struct view *v, size_t count, size_t size, size_t align);
size_t heap_realloc(struct view *v, size_t offset, size_t size, size_t align);
int heap_free(struct view *v, size_t offset);
/* 0: a live block, described in v->found; else why it is none. */
int heap_find(struct view *v, size_t offset);

/* --- looking (walk.c, check.c) --- */

/* The first live block above `cursor` (0 to start) into v->found; its offset,
 * or 0 at the end. Weakly consistent: a block that lives throughout is reported
 * once, and each that is reported was live at some instant. */
size_t walk_next(struct view *v, size_t cursor);

/* Whether the heap is whole, into v->report. */
void heap_check(struct view *v);

/* --- growth (span.c) --- */

/* Grow by `bytes` (rounded up to chunks). NOMEM. */
int heap_grow(struct view *v, size_t bytes);
/* Use what the host backs beyond `committed`. */
void heap_adopt(struct view *v);

/* --- roots and names (names.c) --- */

/* Where the offset stands that goes by a name: 1 to 47 bytes, padded with zero to
 * NAME_BYTES. Null if there is none; with `make` there is one afterwards, or v->error
 * says NAMES_FULL or DETACHED. */
_Atomic uint64_t *name_value(struct view *v, const uint8_t *text, bool make);

#endif
