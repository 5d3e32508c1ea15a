/* layout.h - THE shared bytes. Everything here is seen by every thread and
 * process at once, and stands in saved images; docs/LAYOUT.md says the same in
 * prose. A change of anything below is a change of LAYOUT_VERSION.
 *
 *   0        64       1024     2048        +slots     +map
 *   | null   | header | names  | slots ... | piece 0  | chunks ...
 *
 * Glossary
 *   offset   bytes from the heap's base; 0 is null
 *   chunk    1 << chunk_log2 bytes; chunk c covers [c << log2, (c+1) << log2)
 *            minus 8: a block's header is the 8 bytes before its payload, so
 *            the payload of a chunk's first block is chunk-aligned
 *   granule  16 bytes: the unit of block strides
 *   block    header (8 bytes) + payload; stride = both, a multiple of 16
 *   slab     1..n chunks cut into blocks of one class
 *   span     1..n chunks that are one block
 *   slot     the shared record of one attached thread
 *   map      per chunk an entry: a word (what it is), and if it heads a slab
 *            hints and the owner's notes
 *   piece    a part of the map; piece k stands at the first chunk it describes
 *
 * Invariants, cited by number in assertions and by check():
 *   I1  bytes 0..63 are zero (a write through a null pointer shows here)
 *   I2  the header's geometry is possible and equals what it was made with
 *   I3  committed is at most chunks_max and at most what the host backs
 *   I4  a map word is of a known kind with arguments in range
 *   I5  a TAIL's head lies `back` chunks before it and covers it
 *   I6  a SPAN or SLAB of n chunks is followed by its n-1 TAILs
 *   I7  a slab's `fresh` is a whole number of blocks and within the slab
 *   I8  each block below `fresh` has a label whose check is right
 *   I9  a live block's size is within its capacity
 *   I10 a live block's canary stands
 *   I11 a span's header is LIVE and its size fits its chunks
 *   I12 a map word that names a slot names one that is attached
 *   I13 a slot's state is known and its number in range
 *   I14 a name is READY with a text, CLAIMed by an attached thread, or FREE
 */
#ifndef LSHM_LAYOUT_H
#define LSHM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

/* For functions that take fewer bytes than a call of them does. The others are
 * plainly inline: fast code has them in place, small code calls the one copy in
 * inline.c. */
#define INLINE inline __attribute__((always_inline))

#define LAYOUT_MAGIC 0x504145484d48534cull /* "LSHMHEAP" */
#define LAYOUT_VERSION 1u

enum {
	NULL_BYTES = 64, /* below the header, always zero (I1) */
	HEADER_SIZE = 8, /* of a block */
	GRANULE = 16,
	GRANULE_LOG2 = 4,
	CLASS_COUNT = 64,
	ROOT_COUNT = 16,
	NAME_COUNT = 16,
	NAME_BYTES = 48, /* UTF-8, zero-padded; 47 at most */
	SLOT_MAX = 255,  /* slots are numbered from 1 */
	SLOT_PIECES = 8,
	SLOTS_INLINE_MAX = 16, /* slots that stand inline: 1 to 16 */
	CACHE_MOST = 20,       /* free blocks that a thread keeps for itself, of a class, */
	CACHE_BYTES = 8192,    /* and no more of it than these, but one block at least; */
	CACHE_COUNT = 624,     /* what that makes of all classes */
	WORKSPACE_BYTES = 1408,
	CHUNKS_MAX = 1 << 24,
	MAP_GROWTH = 8,        /* each piece but the first covers 7/8 of what ends there */
	MAP_PIECES = 9,        /* at most: 8^8 is CHUNKS_MAX */
	CHUNK_LOG2_SMALL = 10, /* where the maximum is at most 1 MiB */
	CHUNK_LOG2 = 12,
	CHUNK_LOG2_MAX = 16,
	SLAB_BYTES_MAX = 128 << 10,
	CANARY_BYTES = 8,
};

/* --- map words -------------------------------------------------------------
 *
 *   kind:4 slot:8 class:6 epoch:21 dirty:1 arg:24      all zero = FREE
 *
 * A slab's chunks, tails too, name its class: free needs it before anything else.
 *
 * Writers: FREE is anybody's, by compare-exchange. CLAIM, XFREE, RESIZE, SLAB
 * with a slot and META belong to that slot's thread (or its reaper); SLAB
 * without a slot is anybody's, by compare-exchange; SPAN belongs to whoever
 * holds the block. Each change raises the epoch.
 */
enum kind {
	KIND_FREE,
	KIND_TAIL,   /* arg: chunks back to the head */
	KIND_CLAIM,  /* head of chunks being claimed by slot */
	KIND_SPAN,   /* arg: length in chunks */
	KIND_SLAB,   /* arg: length; slot 0 = ownerless, and dirty if its owner died */
	KIND_XFREE,  /* head of chunks being freed by slot */
	KIND_RESIZE, /* arg: length to keep if its slot's thread dies */
	KIND_META,   /* a piece of the slot table, made by slot; arg: length */
};

#define WORD_KIND(w) (0xfu & (uint32_t)(w))
#define WORD_SLOT(w) ((uint32_t)(w) >> 4 & 0xffu)
#define WORD_OWNER(w) (0xfffu & (uint32_t)(w)) /* kind and slot together */
#define WORD_ARG(w) ((uint32_t)((w) >> 40))
#define OWNER(kind, slot) ((uint32_t)(kind) | (uint32_t)(slot) << 4)

#define WORD_CLASS(w) ((uint32_t)(w) >> 12 & 63u)
#define WORD_CLASSED(class) ((uint64_t)(class) << 12)

#define WORD_DIRTY (1ull << 39)

/* The map's entry for one chunk. What stands behind `hints` are the owner's
 * notes on a slab, a cache over the labels; they pass from owner to owner with
 * the word (its compare-exchanges release and acquire). Others read `fresh`,
 * and take `head` for a hint. */
struct entry {
	_Atomic uint64_t word;
	_Atomic uint64_t hints; /* a bit per 1/64 of the chunk: look for XFREE */
	_Atomic uint16_t head;  /* first FREE block: granule + 1, 0 = none */
	_Atomic uint16_t used;  /* blocks below `fresh` that are not FREE */
	_Atomic uint16_t fresh; /* granules below it hold labels; release, pairs
	                            with the acquire in slab_fresh */
	uint16_t spare;
	union {
		_Atomic uint32_t next;   /* ring of the owner's slabs of the class */
		_Atomic uint32_t thread; /* of a span: who allocated it */
	};
	_Atomic uint32_t prev; /* the ring's other way */
};

/* --- block headers -----------------------------------------------------------
 *
 *   value:45 state:2 span:1 check:16
 *
 *   value    FREE     granule + 1 of the slab's next free block, 0 = none
 *            LIVE     in a slab: size:15, and the thread:30 that allocated it
 *                     a span: its size
 *            CACHED   0:15, and the thread:30 that keeps it
 *            XFREE    as before it was freed
 *
 * The whole header changes by one 64-bit store.
 */
enum state {
	STATE_FREE,
	STATE_LIVE,
	STATE_XFREE,  /* given back by a thread that does not own the slab */
	STATE_CACHED, /* free, and one thread's: for its next malloc */
};

/* --- slots -------------------------------------------------------------------
 *
 *   state:3 flags:5 by:32 epoch:24
 *
 * Writers: FREE is anybody's by compare-exchange; RESERVED the reserver and
 * whoever attaches with the number; ATTACHING, ALIVE, LEAVING the thread
 * itself; DEAD and REAPING the reaper named in `by`.
 */
enum slot_state {
	SLOT_FREE,
	SLOT_RESERVED, /* by: the reserving thread */
	SLOT_ATTACHING,
	SLOT_ALIVE,
	SLOT_LEAVING,
	SLOT_DEAD,    /* proven dead, not yet being reaped */
	SLOT_REAPING, /* by: the reaping thread */
};
enum slot_flag {
	SLOT_PROVABLE = 1, /* its death can be proven by the host's lock */
	SLOT_FREEALL = 2,  /* its reaper frees what it allocated */
};

#define SLOT_STATE(s) (7u & (uint32_t)(s))
#define SLOT_FLAGS(s) ((uint32_t)(s) >> 3 & 31u)
#define SLOT_BY(s) ((uint32_t)((s) >> 8))
#define SLOT_EPOCH(s) ((uint32_t)((s) >> 40))
#define SLOT_WORD(state, flags, by, epoch) \
	((uint64_t)(state) | (uint64_t)(flags) << 3 | (uint64_t)(by) << 8 | (uint64_t)(epoch) << 40)
/* A thread's number: epoch and slot, 30 bits, never used twice. A slot whose
 * epochs are used up stays FREE for ever. */
#define THREAD(slot, epoch) ((uint32_t)(epoch) << 8 | (uint32_t)(slot))
#define THREAD_SLOT(thread) (0xffu & (thread))
#define THREAD_EPOCH(thread) ((thread) >> 8)
#define SLOT_EPOCH_MAX 0x3fffffu

/* The reaper looks at every block that `kept` may mean: those that the thread keeps,
 * and that it was giving back, are among them. Writer: the slot's thread. */
struct slot {
	_Atomic uint64_t state;
	_Atomic uint64_t host;              /* what the host proves death by (a process id) */
	uint8_t workspace[WORKSPACE_BYTES]; /* wasm: the thread's struct view, but for its last
	                                       member, which is the next one here; native:
	                                       unused */
	_Atomic uint32_t kept[CACHE_COUNT]; /* low halves of offsets */
	uint8_t reserve[4096 - 24 - WORKSPACE_BYTES - 4 * CACHE_COUNT];
	uint64_t behind; /* of a piece's last slot: the next block's header */
};

struct name {
	_Atomic uint64_t state; /* 0 FREE, 1 | thread << 8 CLAIM, 2 READY */
	_Atomic uint64_t value; /* an offset */
	uint8_t text[NAME_BYTES];
};

/* What a heap is made with; constant from then on. A view has a copy, under the same
 * names. */
#define GEOMETRY \
	struct { \
		uint32_t chunk_log2; \
		uint32_t chunks_max;  /* maximum size in chunks */ \
		uint32_t map_first;   /* chunks that map piece 0 describes */ \
		uint32_t slots_first; /* slots that stand inline: 1 to 16 */ \
		uint64_t secret;      /* keys checks and canaries */ \
	}
struct geometry {
	GEOMETRY;
};

struct header {
	uint8_t null[NULL_BYTES];
	_Atomic uint64_t magic; /* written last by the maker (release) */
	uint32_t version;
	uint32_t signature;
	union {
		struct geometry geometry;
		GEOMETRY;
	};
	_Atomic uint32_t committed; /* usable chunks; grows by CAS-max */
	uint32_t spare[5];
	_Atomic uint64_t root[ROOT_COUNT];
	_Atomic uint32_t parked[CLASS_COUNT];     /* hint: where to look for an ownerless slab */
	_Atomic uint32_t slot_piece[SLOT_PIECES]; /* chunk; 0 = none; set once */
	uint8_t reserve[480];
	struct name names[NAME_COUNT];
	/* slots_first slots, then map piece 0 */
};

_Static_assert(sizeof(struct entry) == 32, "entry");
_Static_assert(sizeof(struct slot) == 4096, "slot");
_Static_assert(sizeof(struct name) == 64, "name");
_Static_assert(offsetof(struct header, magic) == 64, "null page");
_Static_assert(offsetof(struct header, root) % 64 == 0, "roots");
_Static_assert(offsetof(struct header, names) == 1024, "names");
_Static_assert(sizeof(struct header) == 2048, "header");

/* What must agree for two builds to share a heap, folded into one number. */
#define LAYOUT_SIGNATURE \
	((uint32_t)(sizeof(struct header) * 2654435761u) ^ \
	 (uint32_t)(sizeof(struct slot) * 40503u) ^ \
	 (uint32_t)(CLASS_COUNT << 24 | CACHE_COUNT << 8 | SLOT_PIECES) ^ \
	 (uint32_t)(KIND_META << 16 | SLOT_REAPING << 8 | STATE_XFREE))

#endif
