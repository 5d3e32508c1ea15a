/* lshm.c - the functions of lshm.h: arguments, this thread's view, the core,
 * and what is said of a failure. Nothing here decides about memory.
 */
#include "native.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fast.h"
#include "regions.h"
#include "thread.h"

#ifndef LSHM_BUILD_VERSION
#error "LSHM_BUILD_VERSION comes from the build: the version as a string"
#endif

/* --- errors -------------------------------------------------------------- */

static _Thread_local int last_error;

static int errno_of(int code)
{
	switch (code) {
	case LSHM_ERR_NOMEM:
		return ENOMEM;
	case LSHM_ERR_OUTSIDE:
		return EFAULT;
	case LSHM_ERR_NO_HEAP:
	case LSHM_ERR_VERSION:
	case LSHM_ERR_SIGNATURE:
	case LSHM_ERR_TRUNCATED:
	case LSHM_ERR_CORRUPT:
		return EBADMSG;
	case LSHM_ERR_HEAP_EXISTS:
		return EEXIST;
	case LSHM_ERR_THREADS_FULL:
		return EAGAIN;
	case LSHM_ERR_THREAD_UNKNOWN:
		return EBUSY;
	case LSHM_ERR_THREAD_GONE:
		return ESRCH;
	case LSHM_ERR_NAMES_FULL:
		return ENOSPC;
	case LSHM_ERR_NAME_TOO_LONG:
		return ENAMETOOLONG;
	case LSHM_ERR_READ_ONLY:
		return EROFS;
	default:
		return EINVAL;
	}
}

int fail(int code)
{
	last_error = code;
	if (code != LSHM_ERR_SYSTEM)
		errno = errno_of(code);
	return code;
}

/* 0 and counts pass, failures are noted. */
static int result(int code)
{
	return code < 0 ? fail(code) : code;
}

int lshm_error(void)
{
	return last_error;
}

const char *lshm_strerror(int code)
{
	switch (code) {
	case 0:
		return "no error";
#define TEXT(name, number, text) \
	case LSHM_ERR_##name: \
		return text;
		LSHM_ERRORS(TEXT)
#undef TEXT
	default:
		return "unknown error";
	}
}

const char *lshm_version(void)
{
	return LSHM_BUILD_VERSION;
}

/* --- opening and closing ------------------------------------------------- */

static bool abandoned(struct lshm *heap)
{
	struct view *v = view_reader(heap);
	uint32_t thread = 0;
	while (v && (thread = thread_next(v, THREAD_SLOT(thread))) != 0)
		if (!slot_dead(heap, THREAD_SLOT(thread)))
			return false;
	return v;
}

/* What earlier users left when they died comes back. Where nobody lives what the heap holds
 * may be of different instants: a file after a crash of the whole machine, or an image
 * that was taken while others worked. Without room for one more thread or page the heap
 * is still good to read. */
static lshm *opened(struct lshm *heap, int flags)
{
	heap = open_end(heap);
	if (heap && !heap->read_only && !heap->borrowed && !(flags & LSHM_KEEP_DEAD)) {
		enum reap how = abandoned(heap) ? REAP_COUNT : REAP_KEEP;
		struct view *v = view_attach(heap);
		if (v)
			reap_dead(v, how);
	}
	return heap;
}

lshm *lshm_open(const char *name, int flags, const lshm_options *options)
{
	struct plan plan;
	int error = plan_make(&plan, flags, options);
	if (error || (!name && flags & LSHM_READ_ONLY))
		return fail_null(LSHM_ERR_INVALID);
	if (!open_begin())
		return NULL;
	return opened(name ? segment_named(name, &plan) : segment_anonymous(&plan), flags);
}

lshm *lshm_open_fd(int fd, int flags, const lshm_options *options)
{
	struct plan plan;
	int error = plan_make(&plan, flags, options);
	if (error)
		return fail_null(error);
	return open_begin() ? opened(segment_descriptor(fd, &plan), flags) : NULL;
}

int lshm_fd(const lshm *heap)
{
	return heap->fd;
}

lshm *lshm_init(void *base, size_t size, size_t maximum, const lshm_options *options)
{
	uint64_t secret = options ? options->secret : 0;
	if (!maximum)
		maximum = size;
	if (!base || (uintptr_t)base % NULL_BYTES || maximum < size)
		return fail_null(LSHM_ERR_INVALID);
	if (size < heap_min_bytes(maximum))
		return fail_null(LSHM_ERR_TOO_SMALL);
	if (load_acquire(&((struct header *)base)->magic) == LAYOUT_MAGIC)
		return fail_null(LSHM_ERR_HEAP_EXISTS);
	memset(base, 0, size);
	int error = heap_format(base, size, maximum, secret ? secret : secret_make());
	if (error)
		return fail_null(error);
	return open_begin() ? opened(segment_memory(base, maximum, false), 0) : NULL;
}

lshm *lshm_attach(void *base, size_t size, int flags)
{
	if (!base || (uintptr_t)base % NULL_BYTES || flags & ~LSHM_READ_ONLY)
		return fail_null(LSHM_ERR_INVALID);
	bool read_only = flags & LSHM_READ_ONLY;
	return open_begin() ? opened(segment_memory(base, size, read_only), flags) : NULL;
}

void lshm_close(lshm *heap)
{
	if (!heap)
		return;
	int saved = errno;
	heap_unregister(heap);
	segment_close(heap);
	errno = saved;
}

int lshm_unlink(const char *name)
{
	char path[PATH_MAX];
	if (!name)
		return fail(LSHM_ERR_INVALID);
	if (!segment_path(name, path, sizeof path))
		return fail(errno == EINVAL ? LSHM_ERR_INVALID : LSHM_ERR_SYSTEM);
	return unlink(path) == 0 ? 0 : fail(LSHM_ERR_SYSTEM);
}

/* --- blocks -------------------------------------------------------------- */

/* The cold half of every allocation: a view that was reaped by force while it
 * lived is replaced once; NULL when there is nothing to try again. */
__attribute__((noinline, cold)) static struct view *renewed(lshm *heap, struct view *v)
{
	if (v->error == LSHM_ERR_DETACHED)
		return view_renew(heap);
	fail(v->error);
	return NULL;
}

/* This thread's view, attached anew if it was reaped by force: for calls that
 * are rare enough to look first. */
static struct view *view_now(lshm *heap)
{
	struct view *v = view_writer(heap);
	return v && !view_attached(v) ? view_renew(heap) : v;
}

/* Calls the core, and once more after an attachment anew. */
#define ALLOCATE(heap, call) \
	struct view *v = view_writer(heap); \
	if (!v) \
		return 0; \
	size_t ptr = call; \
	if (__builtin_expect(!ptr, 0)) { \
		v = renewed(heap, v); \
		if (v && !(ptr = call)) \
			fail(v->error); \
	} \
	return ptr

/* What is not a plain malloc. */
__attribute__((noinline)) static lshm_ptr malloc_slow(lshm *heap, size_t size)
{
	ALLOCATE(heap, heap_malloc(v, size));
}

lshm_ptr lshm_malloc(lshm *heap, size_t size)
{
	size_t ptr = likely(cached(heap)) ? malloc_plain(cache.view, size) : 0;
	return likely(ptr) ? ptr : malloc_slow(heap, size);
}

lshm_ptr lshm_calloc(lshm *heap, size_t count, size_t size)
{
	ALLOCATE(heap, heap_calloc(v, count, size, GRANULE));
}

lshm_ptr lshm_aligned_alloc(lshm *heap, size_t align, size_t size)
{
	if (!align || align & (align - 1))
		return (lshm_ptr)(fail(LSHM_ERR_INVALID), 0);
	if (align < GRANULE)
		align = GRANULE;
	ALLOCATE(heap, heap_malloc_aligned(v, size, align));
}

lshm_ptr lshm_realloc(lshm *heap, lshm_ptr old, size_t size)
{
	if (old > SIZE_MAX)
		return (lshm_ptr)(fail(LSHM_ERR_OUTSIDE), 0);
	ALLOCATE(heap, heap_realloc(v, (size_t)old, size, GRANULE));
}

/* What is not a plain free; once more with a new view, if the old one was reaped
 * by force. */
__attribute__((noinline)) static int free_slow(lshm *heap, lshm_ptr ptr)
{
	struct view *v = view_writer(heap);
	if (!v)
		return lshm_error();
	if (ptr > SIZE_MAX)
		return fail(LSHM_ERR_OUTSIDE);
	int error = free_rest(v, (size_t)ptr);
	if (error == LSHM_ERR_DETACHED && (v = view_renew(heap)) != NULL)
		error = free_rest(v, (size_t)ptr);
	return result(error);
}

int lshm_free(lshm *heap, lshm_ptr ptr)
{
	if (likely(cached(heap) && ptr <= SIZE_MAX && free_plain(cache.view, (size_t)ptr)))
		return 0;
	return free_slow(heap, ptr);
}

/* This thread's view with the block at ptr in `found`; NULL for what is none. */
static const struct view *find(lshm *heap, lshm_ptr ptr)
{
	struct view *v = view_reader(heap);
	if (!v)
		return NULL;
	int error = ptr > SIZE_MAX ? LSHM_ERR_OUTSIDE : heap_find(v, (size_t)ptr);
	return error ? fail_null(error) : v;
}

int64_t lshm_sizeof(lshm *heap, lshm_ptr ptr)
{
	const struct view *v = find(heap, ptr);
	return v ? (int64_t)v->found.size : lshm_error();
}

int64_t lshm_lengthof(lshm *heap, lshm_ptr ptr)
{
	const struct view *v = find(heap, ptr);
	return v ? (int64_t)v->found.footprint : lshm_error();
}

/* --- looking ------------------------------------------------------------- */

lshm_ptr lshm_next(lshm *heap, lshm_ptr cursor, lshm_block *block)
{
	struct view *v = view_reader(heap);
	size_t ptr = v && cursor <= SIZE_MAX ? walk_next(v, (size_t)cursor) : 0;
	if (ptr)
		*block = (lshm_block){
			.ptr = ptr,
			.size = v->found.size,
			.footprint = v->found.footprint,
			.thread = v->found.thread,
		};
	return ptr;
}

int lshm_stats(lshm *heap, lshm_statistics *out)
{
	struct view *v = view_reader(heap);
	if (!v)
		return lshm_error();
	heap_check(v);
	const struct report *s = &v->report;
	*out = (lshm_statistics){
		.committed = s->committed,
		.maximum = s->maximum,
		.used = s->used,
		.free = s->free,
		.metadata = s->metadata,
		.largest_free = s->largest_free,
		.blocks = s->blocks,
		.threads = (uint32_t)s->threads,
		.slabs = (uint32_t)s->slabs,
		.spans = (uint32_t)s->spans,
	};
	return 0;
}

int lshm_check(lshm *heap, lshm_report *out)
{
	struct view *v = view_reader(heap);
	if (!v)
		return lshm_error();
	heap_check(v);
	const struct report *r = &v->report;
	if (out)
		*out = (lshm_report){
			.invariant = (uint32_t)r->invariant,
			.offset = r->offset,
			.blocks = r->blocks,
			.free_blocks = r->free_blocks,
			.slabs = r->slabs,
			.spans = r->spans,
			.free_chunks = r->free_chunks,
		};
	return r->invariant ? fail(LSHM_ERR_DAMAGED) : 0;
}

lshm_ptr lshm_region_next(lshm *heap, lshm_ptr cursor, lshm_region *region)
{
	struct view *v = view_reader(heap);
	struct region r;
	uint32_t log2 = heap->model.chunk_log2, next = 0;
	if (v && cursor >> log2 < v->chunks_max)
		next = region_next(v, (uint32_t)(cursor >> log2), &r);
	if (next)
		*region = (lshm_region){
			.offset = r.offset,
			.length = r.length,
			.block_size = r.block_size,
			.kind = r.kind,
			.thread = r.thread,
			.blocks = r.blocks,
			.used = r.used,
			.kept = r.kept,
			.freed = r.freed,
		};
	return (lshm_ptr)next << log2;
}

int lshm_grow(lshm *heap, size_t bytes)
{
	struct view *v = view_writer(heap);
	return v ? result(heap_grow(v, bytes)) : lshm_error();
}

int lshm_trim(lshm *heap)
{
	struct view *v = view_writer(heap);
	if (!v)
		return lshm_error();
	thread_trim(v);
	return 0;
}

/* --- addresses ----------------------------------------------------------- */

void *lshm_reach(const lshm *heap, lshm_ptr ptr, size_t size, int access)
{
	bool word = access == LSHM_WORD_READS || access == LSHM_WORD_WRITES;
	bool writes = access == LSHM_WRITES || access == LSHM_WORD_WRITES;
	/* The object is never const: lshm_open made it. */
	segment_refresh((struct lshm *)(uintptr_t)heap);
	size_t bytes = __atomic_load_n(&heap->map.readable, __ATOMIC_RELAXED);
	if (ptr < NULL_BYTES || ptr > bytes || size > bytes - ptr)
		return fail_null(LSHM_ERR_OUTSIDE);
	if (word && ptr % size)
		return fail_null(LSHM_ERR_MISALIGNED);
	if (writes && heap->read_only)
		return fail_null(LSHM_ERR_READ_ONLY);
	return heap->map.base + ptr;
}

lshm_ptr lshm_offset(const lshm *heap, const void *address)
{
	uintptr_t distance = (uintptr_t)address - (uintptr_t)heap->map.base;
	if (!address || distance < NULL_BYTES || distance >= heap->mapped ||
	    !lshm_reach(heap, distance, 1, LSHM_READS))
		return (lshm_ptr)(fail(LSHM_ERR_OUTSIDE), 0);
	return distance;
}

/* --- waiting ------------------------------------------------------------- */

static long futex(const void *word, int operation, uint32_t value, const struct timespec *deadline)
{
#if defined SYS_futex_time64
	if (sizeof(time_t) > sizeof(long))
		return syscall(SYS_futex_time64, word, operation, value, deadline, NULL,
		               FUTEX_BITSET_MATCH_ANY);
#endif
	return syscall(SYS_futex, word, operation, value, deadline, NULL, FUTEX_BITSET_MATCH_ANY);
}

static struct timespec deadline_in(int64_t ns)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000 + t.tv_nsec;
	t.tv_sec += (time_t)(seconds + rest / 1000000000);
	t.tv_nsec = (long)(rest % 1000000000);
	return t;
}

int lshm_wait32(lshm *heap, lshm_ptr ptr, uint32_t expected, int64_t timeout_ns)
{
	const uint32_t *word = lshm_word(heap, ptr, sizeof *word, LSHM_WORD_READS);
	if (!word)
		return lshm_error();
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
		return LSHM_NOT_EQUAL;
	if (timeout_ns == 0)
		return LSHM_TIMED_OUT;
	/* A sleeper must not sit on memory that others could use. */
	struct view *v = heap->read_only ? NULL : view_find(heap);
	if (v && v->slot)
		thread_trim(v);
	struct timespec deadline = deadline_in(timeout_ns < 0 ? 0 : timeout_ns);
	if (futex(word, FUTEX_WAIT_BITSET, expected, timeout_ns < 0 ? NULL : &deadline) == 0)
		return LSHM_WOKEN;
	if (errno == EAGAIN)
		return LSHM_NOT_EQUAL;
	return errno == ETIMEDOUT ? LSHM_TIMED_OUT : fail(LSHM_ERR_SYSTEM);
}

int lshm_notify(lshm *heap, lshm_ptr ptr, uint32_t count)
{
	const uint32_t *word = lshm_word(heap, ptr, sizeof *word, LSHM_WORD_READS);
	if (!word)
		return lshm_error();
	/* The kernel wakes one where it is told none. */
	if (count == 0)
		return 0;
	long woken = futex(word, FUTEX_WAKE, count > INT_MAX ? INT_MAX : count, NULL);
	return woken < 0 ? fail(LSHM_ERR_SYSTEM) : (int)woken;
}

/* --- roots and names ----------------------------------------------------- */

/* Root i: NULL where there is none. */
static _Atomic uint64_t *root(const lshm *heap, unsigned i)
{
	if (i >= ROOT_COUNT)
		return fail_null(LSHM_ERR_INVALID);
	return &view_header(&heap->model)->root[i];
}

/* What a root or a name may say: 0 or an offset within the heap. */
static int offset_check(const lshm *heap, lshm_ptr ptr)
{
	if (heap->read_only)
		return fail(LSHM_ERR_READ_ONLY);
	return !ptr || lshm_readable(heap, ptr, 0) ? 0 : lshm_error();
}

lshm_ptr lshm_root_get(lshm *heap, unsigned i)
{
	_Atomic uint64_t *word = root(heap, i);
	return word ? load_acquire(word) : 0;
}

int lshm_root_set(lshm *heap, unsigned i, lshm_ptr ptr)
{
	_Atomic uint64_t *word = root(heap, i);
	int error = word ? offset_check(heap, ptr) : lshm_error();
	if (!error)
		store_release(word, ptr);
	return error;
}

int lshm_root_cas(lshm *heap, unsigned i, lshm_ptr *expected, lshm_ptr ptr)
{
	_Atomic uint64_t *word = root(heap, i);
	int error = word ? offset_check(heap, ptr) : lshm_error();
	if (error)
		return error;
	return atomic_compare_exchange_strong_explicit(word, expected, ptr, memory_order_acq_rel,
	                                               memory_order_acquire);
}

/* A name as the core takes it; 0 or a negative error. */
static int name_pad(uint8_t padded[NAME_BYTES], const char *text)
{
	size_t length = text ? strnlen(text, NAME_BYTES) : 0;
	if (!length)
		return LSHM_ERR_INVALID;
	if (length == NAME_BYTES)
		return LSHM_ERR_NAME_TOO_LONG;
	memset(padded, 0, NAME_BYTES);
	memcpy(padded, text, length);
	return 0;
}

lshm_ptr lshm_name_get(lshm *heap, const char *text)
{
	struct view *v = view_reader(heap);
	uint8_t padded[NAME_BYTES];
	int error = name_pad(padded, text);
	if (!v)
		return 0;
	if (error) {
		fail(error);
		return 0;
	}
	_Atomic uint64_t *value = name_value(v, padded, false);
	return value ? load_acquire(value) : 0;
}

int lshm_name_set(lshm *heap, const char *text, lshm_ptr ptr)
{
	struct view *v = view_now(heap);
	uint8_t padded[NAME_BYTES];
	if (!v)
		return lshm_error();
	int error = name_pad(padded, text);
	if (error)
		return fail(error);
	error = offset_check(heap, ptr);
	if (error)
		return error;
	_Atomic uint64_t *value = name_value(v, padded, true);
	if (!value)
		return fail(v->error);
	store_release(value, ptr);
	return 0;
}

int lshm_name_at(lshm *heap, unsigned i, char text[LSHM_NAME_MAX + 1], lshm_ptr *ptr)
{
	if (i >= NAME_COUNT)
		return fail(LSHM_ERR_INVALID);
	struct name *n = &view_header(&heap->model)->names[i];
	/* 2: READY. Acquire: pairs with the release that made it so. */
	if (load_acquire(&n->state) != 2)
		return 0;
	memcpy(text, n->text, LSHM_NAME_MAX);
	text[LSHM_NAME_MAX] = 0;
	*ptr = load_acquire(&n->value);
	return 1;
}

/* --- threads ------------------------------------------------------------- */

uint32_t lshm_self(lshm *heap)
{
	struct view *v = view_now(heap);
	return v ? v->thread : 0;
}

int lshm_detach(lshm *heap)
{
	view_leave(heap);
	return 0;
}

static lshm_thread describe(struct view *v, uint32_t thread, uint32_t state)
{
	uint32_t slot = THREAD_SLOT(thread), flags = 0;
	const struct slot *s = slot_of(v, slot);
	if (slot_mine(v->host, slot))
		flags = LSHM_THREAD_MINE;
	else if (slot_dead(v->host, slot))
		flags = LSHM_THREAD_DEAD;
	if (state == SLOT_RESERVED)
		flags |= LSHM_THREAD_RESERVED;
	return (lshm_thread){
		.thread = thread,
		.flags = flags,
		.process = s ? load_relaxed(&s->host) : 0,
	};
}

int lshm_threads(lshm *heap, lshm_thread *list, size_t capacity)
{
	struct view *v = view_reader(heap);
	uint32_t thread = 0;
	size_t count = 0;
	if (!v)
		return lshm_error();
	while ((thread = thread_next(v, THREAD_SLOT(thread))) != 0) {
		if (count < capacity)
			list[count] = describe(v, thread, SLOT_STATE(v->found.size));
		count++;
	}
	return (int)count;
}

int lshm_reap(lshm *heap, uint32_t thread, int flags, lshm_reaped *out)
{
	struct view *v = view_now(heap);
	uint32_t slot = THREAD_SLOT(thread);
	if (!v)
		return lshm_error();
	if (flags & ~(LSHM_FREE_ALL | LSHM_FORCE) || thread == v->thread || !slot)
		return fail(LSHM_ERR_INVALID);
	if (thread_next(v, slot - 1) != thread)
		return fail(LSHM_ERR_THREAD_GONE);
	enum reap how = flags & LSHM_FREE_ALL ? REAP_FREE : out ? REAP_COUNT : REAP_KEEP;
	int error = flags & LSHM_FORCE ? thread_reap(v, thread, how) : slot_reap(v, thread, how);
	if (!error && out)
		*out = (lshm_reaped){.blocks = v->found.count, .bytes = v->found.size};
	return result(error);
}

int lshm_reap_dead(lshm *heap, int flags)
{
	struct view *v = view_now(heap);
	if (!v)
		return lshm_error();
	if (flags & ~LSHM_FREE_ALL)
		return fail(LSHM_ERR_INVALID);
	return reap_dead(v, flags & LSHM_FREE_ALL ? REAP_FREE : REAP_KEEP);
}
