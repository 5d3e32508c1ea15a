/* malloc.c - malloc, free and the rest, over the process's one heap.
 *
 * As in the C library a call sets errno where it fails, and free of what is no
 * block, or of one whose end was overrun, ends the process and says why. A
 * pointer outside the heap is left alone: the dynamic linker has blocks from
 * before this library was there.
 */
#include "preload.h"

#include "fast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
	PAGE = 4096,
	/* Larger ones are cleared by giving their pages back: whoever asks for
	 * that much zeroed may never use most of it. */
	CLEARED_MOST = 1 << 20,
	/* Larger ones give their pages back when they are freed. */
	KEPT_MOST = 32 << 20,
};

/* --- what goes wrong --------------------------------------------------------- */

static const char *text_of(int error)
{
	switch (error) {
#define TEXT(name, number, text) \
	case LSHM_ERR_##name: \
		return text;
		LSHM_ERRORS(TEXT)
#undef TEXT
	default:
		return "unknown error";
	}
}

static void say(const char *text)
{
	size_t done = 0, size = strlen(text);
	while (done < size) {
		ssize_t n = write(STDERR_FILENO, text + done, size - done);
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

__attribute__((cold, noreturn)) static void die(const char *call, int error)
{
	say("liblshm-preload: ");
	say(call);
	say(": ");
	say(text_of(error));
	say("\n");
	abort();
}

/* --- blocks --------------------------------------------------------------------- */

static bool is_ours(const void *p)
{
	return (uintptr_t)p - (uintptr_t)heap_base < heap_bytes;
}

static size_t offset_of(const void *p)
{
	return (size_t)((const uint8_t *)p - heap_base);
}

/* The address of a block that the core gave or not. */
static void *address(size_t offset)
{
	if (likely(offset))
		return heap_base + offset;
	errno = ENOMEM;
	return NULL;
}

/* Makes the whole pages of a large block zero and absent, and with `clear` zeroes
 * the rest of it; false where that cannot be. */
static bool pages_drop(uint8_t *p, size_t size, bool clear)
{
	uint8_t *from = (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	uint8_t *to = (uint8_t *)((uintptr_t)(p + size) & ~(uintptr_t)(PAGE - 1));
	int saved = errno;
	bool done = madvise(from, (size_t)(to - from), MADV_DONTNEED) == 0;
	errno = saved;
	if (done && clear) {
		memset(p, 0, (size_t)(from - p));
		memset(to, 0, (size_t)(p + size - to));
	}
	return done;
}

static void *allocate(size_t size, size_t align)
{
	size_t offset = 0;
	struct view *v = size <= PTRDIFF_MAX ? view_enter() : NULL;
	if (v) {
		offset = heap_malloc_aligned(v, size, align < GRANULE ? GRANULE : align);
		view_leave(v);
	}
	return address(offset);
}

static void *allocate_cleared(size_t size)
{
	if (size > CLEARED_MOST) {
		uint8_t *p = allocate(size, GRANULE);
		if (p && !pages_drop(p, size, true))
			memset(p, 0, size);
		return p;
	}
	size_t offset = 0;
	struct view *v = view_enter();
	if (v) {
		offset = heap_calloc(v, 1, size, GRANULE);
		view_leave(v);
	}
	return address(offset);
}

/* The size of a live block of ours; ends the process where it is none. */
static size_t size_of(struct view *v, const void *p, const char *call)
{
	int error = heap_find(v, offset_of(p));
	if (unlikely(error))
		die(call, error);
	return v->found.size;
}

__attribute__((noinline)) static void *malloc_slow(size_t size)
{
	return allocate(size, GRANULE);
}

__attribute__((noinline)) static void free_slow(void *p)
{
	if (!p || !is_ours(p))
		return;
	struct view *v = view_enter();
	/* Large blocks begin where a page does. */
	if (offset_of(p) % PAGE == 0 && size_of(v, p, "free") > KEPT_MOST)
		pages_drop(p, v->found.size, false);
	int error = heap_free(v, offset_of(p));
	view_leave(v);
	if (error)
		die("free", error);
}

/* --- the C library's names ---------------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
	struct view *v = own_enter();
	size_t offset = likely(v) ? malloc_plain(v, size) : 0;
	own_leave();
	return likely(offset) ? heap_base + offset : malloc_slow(size);
}

EXPORT void free(void *p)
{
	struct view *v = own_enter();
	bool done = likely(v && is_ours(p)) && free_plain(v, offset_of(p));
	own_leave();
	if (unlikely(!done))
		free_slow(p);
}

EXPORT void *calloc(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return address(0);
	return allocate_cleared(bytes);
}

EXPORT void *realloc(void *p, size_t size)
{
	size_t offset = 0;
	if (!p)
		return malloc(size);
	if (!size) {
		free(p);
		return NULL;
	}
	struct view *v = size <= PTRDIFF_MAX ? view_enter() : NULL;
	if (!v)
		return address(0);
	if (unlikely(!is_ours(p)))
		die("realloc", LSHM_ERR_OUTSIDE);
	offset = heap_realloc(v, offset_of(p), size, GRANULE);
	if (unlikely(!offset))
		size_of(v, p, "realloc");
	view_leave(v);
	return address(offset);
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return address(0);
	return realloc(p, bytes);
}

static bool is_power(size_t align)
{
	return align && !(align & (align - 1));
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	int saved = errno;
	if (!is_power(align) || align % sizeof(void *))
		return EINVAL;
	void *p = allocate(size, align);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (!is_power(align)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate(size, align);
}

/* As the C library's, which rounds the alignment up. */
EXPORT void *memalign(size_t align, size_t size)
{
	size_t power = GRANULE;
	while (power < align && power <= PTRDIFF_MAX / 2)
		power *= 2;
	return aligned_alloc(power, size);
}

EXPORT void *valloc(size_t size)
{
	return allocate(size, PAGE);
}

EXPORT void *pvalloc(size_t size)
{
	if (size > PTRDIFF_MAX)
		return address(0);
	return allocate((size + PAGE - 1) & ~(size_t)(PAGE - 1), PAGE);
}

/* As requested: behind it stands what finds overruns. */
EXPORT size_t malloc_usable_size(void *p)
{
	struct view *v = p && is_ours(p) ? view_enter() : NULL;
	if (!v)
		return 0;
	size_t size = size_of(v, p, "malloc_usable_size");
	view_leave(v);
	return size;
}
