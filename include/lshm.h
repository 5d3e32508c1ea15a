/* lshm.h - one heap for several threads and processes.
 *
 * A heap stands in memory that any number of processes map, each at an address
 * of its own. All their threads allocate and free at any moment; there is no
 * lock in the heap, and a thread or process that is killed stops nobody.
 *
 *     lshm *heap = lshm_open("/frames", LSHM_CREATE, NULL);
 *     lshm_ptr p = lshm_malloc(heap, 4096);
 *     float *v = lshm_at(heap, p);       // this process's address of it
 *     lshm_root_set(heap, 0, p);         // another process: lshm_root_get
 *     lshm_free(heap, p);
 *     lshm_close(heap);
 *
 * Pointers. An lshm_ptr counts bytes from the heap's base. It means the same
 * in every process and may be stored inside the heap; 0 is null. An address
 * (lshm_at) is good in one process and until lshm_close. To hand a block to
 * another thread, pass its lshm_ptr by whatever synchronises: an atomic of
 * this header, a root, a mutex, a pipe. The 8 bytes just before a block are
 * its header.
 *
 * Threads. A thread attaches to a heap when it opens it or at its first call
 * that changes it, and leaves when it ends; 255 threads can be attached at once,
 * fewer where a small heap has no room for more slots. What a process held that
 * was killed comes back when somebody opens the heap, runs short of memory or
 * calls lshm_reap_dead. fork is safe: the child attaches by itself and shares
 * the heap, and no block changes hands by it. The functions are not
 * async-signal-safe.
 *
 * Errors. An int result is 0 (or a count) or a negative LSHM_ERR_* code. A
 * function that returns a pointer, an address or a value returns 0 or NULL on
 * failure. Every failure also sets errno and what lshm_error() returns.
 * A call with a wrong argument changes nothing. Nothing here prints, aborts or
 * sets a signal handler.
 *
 * Peers. Whoever may write to the heap can ruin its content, and by truncating
 * a file can make its users fail with SIGBUS. They cannot make this library
 * read or write outside its mapping.
 *
 * Systems. Linux on little-endian machines, C11 or C++17, gcc or clang.
 */
#ifndef LSHM_H
#define LSHM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lshm_errors.h"

#if !defined __BYTE_ORDER__ || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "lshm: the layout of a heap is little-endian, and so must the machine be"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Only what is declared here is visible in the shared library. */
#ifndef LSHM_API
#define LSHM_API __attribute__((visibility("default")))
#endif

/* This process's way to one heap. */
typedef struct lshm lshm;

/* A byte offset from the heap's base; 0 is null. 64 bits in every process, so
 * that structures which hold one agree between 32-bit and 64-bit ones. */
typedef uint64_t lshm_ptr;

/* --- opening and closing ------------------------------------------------- */

enum lshm_flag {
	LSHM_CREATE = 1,    /* make the heap where there is none */
	LSHM_EXCLUSIVE = 2, /* with LSHM_CREATE: fail where there is one */
	LSHM_READ_ONLY = 4, /* map it for reading; this process attaches nothing */
	LSHM_KEEP_DEAD = 8  /* do not reap the dead on opening: lshm_reap can name them */
};

/* How to make a heap. All zero means: the defaults. An existing heap keeps what
 * it was made with. */
typedef struct lshm_options {
	uint64_t initial; /* bytes backed at first; 0: 1 MiB, or all of maximum */
	uint64_t maximum; /* bytes it may grow to; 0: 4 GiB (256 MiB in a 32-bit
	                     process), or initial where that is more. Costs
	                     address space, not memory. A heap of at most 4 GiB
	                     can be opened by JavaScript too */
	uint32_t mode;    /* permissions of a new file or segment; 0: 0600 */
	uint64_t secret;  /* keys header checks and canaries; 0: random. Heaps with
	                     one secret and one history are byte-identical */
} lshm_options;

/* Opens the heap `name`, or makes it with LSHM_CREATE. NULL: an anonymous heap
 * (needs no flag), shared with children of fork and through lshm_fd. A name
 * with one leading slash and no other: POSIX shared memory. Anything else: a
 * file, whose file system must have fallocate and locks. options may be NULL.
 *
 * A new heap appears under its name complete or not at all, and belongs to one
 * of several that create it at once. Symbolic links are not followed.
 *
 * NULL on failure: LSHM_ERR_SYSTEM (errno says why; ENOENT: no such name,
 * EEXIST: LSHM_EXCLUSIVE), _INVALID, _TOO_SMALL (initial, for that maximum),
 * _NOMEM; for what is no usable heap _NO_HEAP, _VERSION, _SIGNATURE,
 * _TRUNCATED, _CORRUPT. */
LSHM_API lshm *lshm_open(const char *name, int flags, const lshm_options *options);

/* The same over a descriptor of a memfd, shared memory or file, for instance
 * one that came through SCM_RIGHTS. The caller keeps fd. It is opened anew
 * through /proc/self/fd, since a process proves that it lives by locks on a
 * file description of its own. LSHM_CREATE makes a heap where the file is empty
 * or, as far as a heap's header reaches, zero; unlike lshm_open in place, and
 * LSHM_ERR_SYSTEM with errno EAGAIN while another process makes one there. */
LSHM_API lshm *lshm_open_fd(int fd, int flags, const lshm_options *options);

/* The heap's descriptor, to be sent to other processes; -1 over the caller's
 * memory. It belongs to the heap: do not close it. */
LSHM_API int lshm_fd(const lshm *heap);

/* Makes a heap in memory that the caller mapped: `maximum` usable bytes at
 * base (a multiple of 64), of which it begins with `size` and grows into the
 * rest. 0 for maximum: size. The first `size` bytes are cleared, the others must be zero.
 * options may be NULL, only `secret` counts. The memory stays the caller's and
 * must outlast lshm_close. Such heaps have no proof of death (see lshm_reap);
 * use a region through its descriptor or through mappings of yours, not both
 * at once. LSHM_ERR_HEAP_EXISTS, _INVALID, _TOO_SMALL. */
LSHM_API lshm *lshm_init(void *base, size_t size, size_t maximum, const lshm_options *options);

/* Opens the heap in memory that the caller mapped: `size` bytes at base, at
 * least the heap's maximum, or for LSHM_READ_ONLY at least what it uses now.
 * Errors as of lshm_open. */
LSHM_API lshm *lshm_attach(void *base, size_t size, int flags);

/* Detaches all threads of this process and unmaps the heap, which goes on
 * living under its name and in other processes. No other thread may be in a
 * call on the heap or use its addresses afterwards. lshm_close(NULL) does
 * nothing. */
LSHM_API void lshm_close(lshm *heap);

/* Removes the name of a file or shared memory (names as in lshm_open). Who has
 * the heap open keeps it. LSHM_ERR_SYSTEM, _INVALID. */
LSHM_API int lshm_unlink(const char *name);

/* --- blocks -------------------------------------------------------------- */

/* A block of at least `size` bytes at a multiple of 16; its bytes are
 * undefined. lshm_malloc(heap, 0) is a block of its own. 0 when out of memory
 * (errno ENOMEM) or where this thread cannot attach (LSHM_ERR_READ_ONLY,
 * _THREADS_FULL, _SYSTEM). The heap grows when it must. */
LSHM_API lshm_ptr lshm_malloc(lshm *heap, size_t size);

/* count * size zero bytes; 0 also when the product overflows. */
LSHM_API lshm_ptr lshm_calloc(lshm *heap, size_t count, size_t size);

/* A block at a multiple of `align`, any power of two (else 0, EINVAL). Up to
 * 2 MiB (4 KiB in a 32-bit process) its address in each process is aligned
 * alike; beyond, and over the caller's memory beyond what that is aligned to,
 * the offset is. */
LSHM_API lshm_ptr lshm_aligned_alloc(lshm *heap, size_t align, size_t size);

/* Changes the size, in place where possible, else by moving the content to a
 * block at a multiple of 16. On failure 0, and the old block stays. ptr = 0
 * allocates. Any size is a size: lshm_realloc(heap, p, 0) frees nothing. */
LSHM_API lshm_ptr lshm_realloc(lshm *heap, lshm_ptr ptr, size_t size);

/* Frees a block, whichever thread or process allocated it; 0 is accepted. What
 * is not a live block is refused: LSHM_ERR_OUTSIDE, _MISALIGNED, _INTERIOR,
 * _UNALLOCATED, _FREED, _DAMAGED, _OVERRUN. Two threads that free one block in
 * the same instant are beyond that check. */
LSHM_API int lshm_free(lshm *heap, lshm_ptr ptr);

/* Requested bytes of a live block, and its whole footprint with header and
 * padding; negative for what is none (as lshm_free). */
LSHM_API int64_t lshm_sizeof(lshm *heap, lshm_ptr ptr);
LSHM_API int64_t lshm_lengthof(lshm *heap, lshm_ptr ptr);

/* --- looking ------------------------------------------------------------- */

typedef struct lshm_block {
	lshm_ptr ptr;
	uint64_t size;      /* as requested */
	uint64_t footprint; /* with header and padding */
	uint32_t thread;    /* that allocated it, also if it has left */
	uint32_t reserved;
} lshm_block;

/* Walks the live blocks by rising offset: the first one above `cursor` (0 to
 * begin, then what it returned) goes into *block; 0 at the end. Others may work
 * meanwhile: a block that lives throughout is found once, and each that is
 * found was live at some instant. */
LSHM_API lshm_ptr lshm_next(lshm *heap, lshm_ptr cursor, lshm_block *block);

typedef struct lshm_statistics {
	uint64_t committed;    /* bytes in use by the heap now */
	uint64_t maximum;      /* bytes it may grow to */
	uint64_t used;         /* bytes in live blocks: the sum of footprints */
	uint64_t free;         /* bytes committed and neither used nor metadata */
	uint64_t metadata;     /* bytes of header, slots and map */
	uint64_t largest_free; /* bytes one lshm_malloc can have without growth */
	uint64_t blocks;       /* live */
	uint32_t threads;      /* attached */
	uint32_t slabs, spans;
} lshm_statistics;

/* Counts by walking the heap: takes a while on a large one, never drifts. */
LSHM_API int lshm_stats(lshm *heap, lshm_statistics *out);

typedef struct lshm_report {
	uint32_t invariant; /* the first that is broken, by its number in
	                       docs/LAYOUT.md; 0: healthy */
	uint32_t reserved;
	lshm_ptr offset;                                         /* where */
	uint64_t blocks, free_blocks, slabs, spans, free_chunks; /* counted */
} lshm_report;

/* Checks the whole heap, live and read-only. 0, or LSHM_ERR_DAMAGED; *out
 * (unless NULL) says what and where. */
LSHM_API int lshm_check(lshm *heap, lshm_report *out);

enum lshm_region_kind {
	LSHM_REGION_FREE,     /* anybody may claim it */
	LSHM_REGION_METADATA, /* the heap's header, slots and map */
	LSHM_REGION_SLAB,     /* blocks of one size class */
	LSHM_REGION_SPAN,     /* one block */
	LSHM_REGION_CHANGING, /* being claimed, freed or resized just now */
	LSHM_REGION_DAMAGED   /* what it says of itself is impossible */
};

typedef struct lshm_region {
	lshm_ptr offset;     /* where it begins; a multiple of the chunk size */
	uint64_t length;     /* bytes, whole chunks */
	uint64_t block_size; /* slab: of each block with its header; span: as requested */
	uint32_t kind;       /* LSHM_REGION_* */
	uint32_t thread;     /* slab: its owner, 0: nobody; span: who allocated it */
	uint32_t blocks;     /* for how many there is room */
	uint32_t used;       /* how many are live */
	uint32_t kept;       /* free, and some thread's: for its next malloc */
	uint32_t freed;      /* freed, and not collected by the owner yet */
} lshm_region;

/* Walks the heap's address space by rising offset: the region that begins at
 * `cursor` (0, then what it returned: where the region ends) goes into *region;
 * 0 behind the last. Together they cover all that is committed. Read-only and
 * live, so not of one instant. */
LSHM_API lshm_ptr lshm_region_next(lshm *heap, lshm_ptr cursor, lshm_region *region);

/* Writes the heap's image to fd, a file or a pipe, from where it stands: what
 * lshm_open takes as a file, and JavaScript's LocalSharedMemory.open as bytes.
 * Made while others work, it is what a crash of all of them would leave.
 * LSHM_ERR_SYSTEM; LSHM_ERR_TRUNCATED: the heap's own file became shorter. */
LSHM_API int lshm_save(lshm *heap, int fd);

/* Makes the heap `bytes` larger now, for all. LSHM_ERR_NOMEM: beyond the
 * maximum, or refused by the system. */
LSHM_API int lshm_grow(lshm *heap, size_t bytes);

/* Hands back what this thread holds in reserve, so that others can have it. */
LSHM_API int lshm_trim(lshm *heap);

/* --- addresses, accessors, atomics --------------------------------------- */

/* What the inline functions below read: the beginning of struct lshm. */
struct lshm_map {
	unsigned char *base;
	size_t readable; /* bytes known to be there; only grows */
	size_t writable; /* the same, or 0 for LSHM_READ_ONLY */
};

enum lshm_access { LSHM_READS, LSHM_WRITES, LSHM_WORD_READS, LSHM_WORD_WRITES };

/* The slow way of the inline functions: learns of growth, or fails. */
LSHM_API void *lshm_reach(const lshm *heap, lshm_ptr ptr, size_t size, int access);

/* The address of `size` bytes at ptr, to read or to write. NULL where they are
 * not all within the heap, or below offset 64 (LSHM_ERR_OUTSIDE, errno EFAULT),
 * or mapped read-only (LSHM_ERR_READ_ONLY, EROFS). */
static inline const void *lshm_readable(const lshm *heap, lshm_ptr ptr, size_t size)
{
	const struct lshm_map *map = (const struct lshm_map *)(const void *)heap;
	size_t bytes = __atomic_load_n(&map->readable, __ATOMIC_RELAXED);
	if (ptr >= 64 && ptr <= bytes && size <= bytes - ptr)
		return map->base + ptr;
	return lshm_reach(heap, ptr, size, LSHM_READS);
}

static inline void *lshm_writable(const lshm *heap, lshm_ptr ptr, size_t size)
{
	const struct lshm_map *map = (const struct lshm_map *)(const void *)heap;
	size_t bytes = __atomic_load_n(&map->writable, __ATOMIC_RELAXED);
	if (ptr >= 64 && ptr <= bytes && size <= bytes - ptr)
		return map->base + ptr;
	return lshm_reach(heap, ptr, size, LSHM_WRITES);
}

/* This process's address of ptr; NULL for 0 and for what is outside. Do not
 * write through it where the heap was opened LSHM_READ_ONLY. */
static inline void *lshm_at(const lshm *heap, lshm_ptr ptr)
{
	const struct lshm_map *map = (const struct lshm_map *)(const void *)heap;
	if (ptr >= 64 && ptr < __atomic_load_n(&map->readable, __ATOMIC_RELAXED))
		return map->base + ptr;
	return ptr ? lshm_reach(heap, ptr, 1, LSHM_READS) : NULL;
}

/* The other way; 0 for NULL and for an address outside. */
LSHM_API lshm_ptr lshm_offset(const lshm *heap, const void *address);

/* An aligned word for the atomics. */
static inline void *lshm_word(const lshm *heap, lshm_ptr ptr, size_t size, int access)
{
	const struct lshm_map *map = (const struct lshm_map *)(const void *)heap;
	const size_t *limit = access == LSHM_WORD_READS ? &map->readable : &map->writable;
	size_t bytes = __atomic_load_n(limit, __ATOMIC_RELAXED);
	if (ptr >= 64 && ptr <= bytes && size <= bytes - ptr && ptr % size == 0)
		return map->base + ptr;
	return lshm_reach(heap, ptr, size, access);
}

/* For T of i8, u8, i16, u16, i32, u32, i64, u64, f32, f64:
 *
 *     type lshm_get_T(const lshm *heap, lshm_ptr ptr)
 *     int  lshm_set_T(lshm *heap, lshm_ptr ptr, type value)
 *
 * Any ptr of the heap from 64 on, aligned or not; plain, so not to be mixed
 * with another thread's writes. get returns 0 and sets errno where the bytes
 * are outside; set returns LSHM_ERR_OUTSIDE or _READ_ONLY.
 *
 * For the integer types, sequentially consistent, at multiples of their size
 * (else LSHM_ERR_MISALIGNED, errno EINVAL), in all threads and processes:
 *
 *     type lshm_load_T(const lshm *heap, lshm_ptr ptr)
 *     int  lshm_store_T(lshm *heap, lshm_ptr ptr, type value)
 *     type lshm_add_T, lshm_sub_T, lshm_and_T, lshm_or_T, lshm_xor_T,
 *          lshm_exchange_T(lshm *heap, lshm_ptr ptr, type value)
 *     type lshm_cas_T(lshm *heap, lshm_ptr ptr, type expected, type value)
 *
 * All but store return what stood there before; cas wrote `value` if that is
 * `expected`. On failure they return 0: where 0 could be an answer and ptr may
 * be wrong, clear errno before.
 */
#define LSHM_ACCESSORS(T, type) \
	static inline type lshm_get_##T(const lshm *heap, lshm_ptr ptr) \
	{ \
		type value = 0; \
		const void *at = lshm_readable(heap, ptr, sizeof value); \
		if (at) \
			memcpy(&value, at, sizeof value); \
		return value; \
	} \
	static inline int lshm_set_##T(lshm *heap, lshm_ptr ptr, type value) \
	{ \
		void *at = lshm_writable(heap, ptr, sizeof value); \
		if (!at) \
			return lshm_error(); \
		memcpy(at, &value, sizeof value); \
		return 0; \
	}

#define LSHM_FETCH(name, builtin, type) \
	static inline type name(lshm *heap, lshm_ptr ptr, type value) \
	{ \
		type *at = (type *)lshm_word(heap, ptr, sizeof value, LSHM_WORD_WRITES); \
		return at ? (type)builtin(at, value, __ATOMIC_SEQ_CST) : (type)0; \
	}

#define LSHM_ATOMICS(T, type) \
	static inline type lshm_load_##T(const lshm *heap, lshm_ptr ptr) \
	{ \
		const type *at = (const type *)lshm_word(heap, ptr, sizeof *at, LSHM_WORD_READS); \
		return at ? __atomic_load_n(at, __ATOMIC_SEQ_CST) : (type)0; \
	} \
	static inline int lshm_store_##T(lshm *heap, lshm_ptr ptr, type value) \
	{ \
		type *at = (type *)lshm_word(heap, ptr, sizeof value, LSHM_WORD_WRITES); \
		if (!at) \
			return lshm_error(); \
		__atomic_store_n(at, value, __ATOMIC_SEQ_CST); \
		return 0; \
	} \
	LSHM_FETCH(lshm_add_##T, __atomic_fetch_add, type) \
	LSHM_FETCH(lshm_sub_##T, __atomic_fetch_sub, type) \
	LSHM_FETCH(lshm_and_##T, __atomic_fetch_and, type) \
	LSHM_FETCH(lshm_or_##T, __atomic_fetch_or, type) \
	LSHM_FETCH(lshm_xor_##T, __atomic_fetch_xor, type) \
	LSHM_FETCH(lshm_exchange_##T, __atomic_exchange_n, type) \
	static inline type lshm_cas_##T(lshm *heap, lshm_ptr ptr, type expected, type value) \
	{ \
		type *at = (type *)lshm_word(heap, ptr, sizeof value, LSHM_WORD_WRITES); \
		if (!at) \
			return 0; \
		__atomic_compare_exchange_n(at, &expected, value, 0, __ATOMIC_SEQ_CST, \
		                            __ATOMIC_SEQ_CST); \
		return expected; \
	}

/* The code of this thread's last call that failed; see lshm_strerror. */
LSHM_API int lshm_error(void);

#define LSHM_INTEGERS(X) \
	X(i8, int8_t) \
	X(u8, uint8_t) \
	X(i16, int16_t) \
	X(u16, uint16_t) \
	X(i32, int32_t) \
	X(u32, uint32_t) \
	X(i64, int64_t) \
	X(u64, uint64_t)
LSHM_INTEGERS(LSHM_ACCESSORS)
LSHM_INTEGERS(LSHM_ATOMICS)
LSHM_ACCESSORS(f32, float)
LSHM_ACCESSORS(f64, double)
#undef LSHM_INTEGERS
#undef LSHM_ACCESSORS
#undef LSHM_ATOMICS
#undef LSHM_FETCH

enum lshm_wait { LSHM_WOKEN = 0, LSHM_NOT_EQUAL = 1, LSHM_TIMED_OUT = 2 };

/* Sleeps while the aligned 32-bit word at ptr is `expected`, until somebody
 * notifies it from any process or timeout_ns nanoseconds passed (negative: for
 * ever). LSHM_WOKEN may come without a reason: look at the word again.
 * Before it sleeps the thread gives up its reserves, as lshm_trim does.
 * Negative: LSHM_ERR_OUTSIDE, _MISALIGNED, or _SYSTEM with errno EINTR when a
 * signal handler ran. */
LSHM_API int lshm_wait32(lshm *heap, lshm_ptr ptr, uint32_t expected, int64_t timeout_ns);

/* Wakes at most `count` sleepers at ptr (UINT32_MAX: all); returns how many. */
LSHM_API int lshm_notify(lshm *heap, lshm_ptr ptr, uint32_t count);

/* --- roots and names ----------------------------------------------------- */

enum { LSHM_ROOTS = 16, LSHM_NAMES = 16, LSHM_NAME_MAX = 47 };

/* LSHM_ROOTS words that are found without knowing anything, 0 at first. Set is
 * a release and get an acquire: what was written into a block before its
 * pointer was set is seen by who got it. _set: LSHM_ERR_INVALID (i),
 * LSHM_ERR_OUTSIDE (ptr). */
LSHM_API lshm_ptr lshm_root_get(lshm *heap, unsigned i);
LSHM_API int lshm_root_set(lshm *heap, unsigned i, lshm_ptr ptr);

/* Sets root i to `ptr` if it is *expected: 1. Else 0, and *expected is what it
 * is. Negative errors as of lshm_root_set. */
LSHM_API int lshm_root_cas(lshm *heap, unsigned i, lshm_ptr *expected, lshm_ptr ptr);

/* The same by a text of 1 to LSHM_NAME_MAX bytes. get: 0 where there is no such
 * name. set: LSHM_ERR_NAMES_FULL (LSHM_NAMES at most), _NAME_TOO_LONG,
 * _INVALID, _OUTSIDE. A name stays once set; its value may be set to 0. */
LSHM_API lshm_ptr lshm_name_get(lshm *heap, const char *text);
LSHM_API int lshm_name_set(lshm *heap, const char *text, lshm_ptr ptr);

/* Entry i of the names, to list them, for i from 0 to LSHM_NAMES - 1: 1, with its
 * text and value; 0 where it is free. LSHM_ERR_INVALID (i). */
LSHM_API int lshm_name_at(lshm *heap, unsigned i, char text[LSHM_NAME_MAX + 1], lshm_ptr *ptr);

/* --- threads ------------------------------------------------------------- */

/* This thread's number in the heap (it attaches): never 0, never used twice. */
LSHM_API uint32_t lshm_self(lshm *heap);

/* This thread leaves the heap now; its next call attaches it anew. */
LSHM_API int lshm_detach(lshm *heap);

enum lshm_thread_flag {
	LSHM_THREAD_MINE = 1,    /* it is one of this process */
	LSHM_THREAD_DEAD = 2,    /* proven: lshm_reap will recover what it held */
	LSHM_THREAD_RESERVED = 4 /* a number given away, not attached yet */
};

typedef struct lshm_thread {
	uint32_t thread;  /* its number */
	uint32_t flags;   /* LSHM_THREAD_* */
	uint64_t process; /* its process's id, in the name space of that process;
	                     0: a thread of a JavaScript heap */
} lshm_thread;

/* How many threads are attached; the first `capacity` of them into list. */
LSHM_API int lshm_threads(lshm *heap, lshm_thread *list, size_t capacity);

enum lshm_reap_flag {
	LSHM_FREE_ALL = 1, /* also free every block that it allocated */
	LSHM_FORCE = 2     /* without proof: the caller knows that it ended */
};

typedef struct lshm_reaped {
	uint64_t blocks, bytes; /* that it had allocated: left, or freed */
} lshm_reaped;

/* Recovers what a dead thread held: half-done work is finished or undone, its
 * reserves serve others, its slot is free again. Safe to be killed in. The
 * proof is a lock that its process held and that the kernel dropped; over the
 * caller's memory there is none, and only LSHM_FORCE works, which breaks the
 * heap if the thread goes on. LSHM_ERR_THREAD_UNKNOWN: it may still live.
 * LSHM_ERR_THREAD_GONE: no such thread any more. *out unless NULL: to count is to
 * look at every block, as LSHM_FREE_ALL does. */
LSHM_API int lshm_reap(lshm *heap, uint32_t thread, int flags, lshm_reaped *out);

/* Reaps every thread that is proven dead; returns how many. flags: 0 or
 * LSHM_FREE_ALL. */
LSHM_API int lshm_reap_dead(lshm *heap, int flags);

/* --- the rest ------------------------------------------------------------ */

/* What a code means, in English; never NULL. */
LSHM_API const char *lshm_strerror(int code);

/* The library's version, as "1.2.3". */
LSHM_API const char *lshm_version(void);

#ifdef __cplusplus
}
#endif

#endif
