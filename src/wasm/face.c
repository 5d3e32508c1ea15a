/* face.c - what JavaScript and WebAssembly modules call, beside the core's own
 * functions.
 *
 * JavaScript passes a view, the address of this thread's struct view in its
 * slot, as a number, and takes offsets; it adds the base. What does not fit
 * into one number it reads in the view. C modules pass and get addresses, and their
 * view stands in a WebAssembly global, which each instance of this module has for
 * itself.
 */
#include "core.h"
#include "map.h"
#include "thread.h"

/* JavaScript reads and writes these where they stand: VIEW and HEADER in
 * js/index.js. */
_Static_assert(offsetof(struct view, thread) == 92 && offsetof(struct view, error) == 96,
               "struct view");
_Static_assert(offsetof(struct view, found) == 104 && sizeof(struct block) == 5 * 4,
               "struct block");
_Static_assert(offsetof(struct view, report) == 128 && offsetof(struct report, chunk) == 14 * 4,
               "struct report");
_Static_assert(sizeof(struct report) >= NAME_BYTES, "a name is passed in the report's place");
_Static_assert(offsetof(struct view, cache) ==
                               offsetof(struct slot, kept) - offsetof(struct slot, workspace) &&
                       sizeof(struct view) == offsetof(struct view, cache) + 4 * CACHE_COUNT,
               "a view's place in a slot, where it is read as `kept`");
_Static_assert(offsetof(struct header, chunk_log2) == 80 &&
                       offsetof(struct header, chunks_max) == 84 &&
                       offsetof(struct header, secret) == 96 &&
                       offsetof(struct header, committed) == 104 &&
                       offsetof(struct header, root) == 128,
               "struct header");

/* --- C's functions ------------------------------------------------------------- */

/* The thread's view. Null while one of the functions below runs, so that a call
 * that an exception cut short shows: JavaScript then gives the slot up. */
static __attribute__((address_space(1))) uintptr_t self;

void bind(struct view *v)
{
	self = (uintptr_t)v;
}

struct view *bound(void)
{
	return (struct view *)self;
}

static struct view *enter(void)
{
	struct view *v = (struct view *)self;
	self = 0;
	return v;
}

static size_t offset_of(const struct view *v, const void *p)
{
	size_t address = (uintptr_t)p, base = (uintptr_t)v->base;
	/* Not null, but never a block either. */
	return !p ? 0 : address > base ? address - base : GRANULE;
}

/* The end of a function that gives a block. */
static void *leave(struct view *v, size_t offset)
{
	self = (uintptr_t)v;
	return offset ? v->base + offset : 0;
}

void *malloc(size_t size)
{
	struct view *v = enter();
	return v ? leave(v, heap_malloc(v, size)) : 0;
}

void free(void *p)
{
	struct view *v = enter();
	int error = v ? heap_free(v, offset_of(v, p)) : LSHM_ERR_DETACHED;
	self = (uintptr_t)v;
	if (error)
		__builtin_trap();
}

void *calloc(size_t count, size_t size)
{
	struct view *v = enter();
	return v ? leave(v, heap_calloc(v, count, size, GRANULE)) : 0;
}

void *realloc(void *p, size_t size)
{
	struct view *v = enter();
	if (!v)
		return 0;
	void *q = leave(v, heap_realloc(v, offset_of(v, p), size, GRANULE));
	if (!q && v->error != LSHM_ERR_NOMEM)
		__builtin_trap();
	return q;
}

void *aligned_alloc(size_t align, size_t size)
{
	struct view *v = align && !(align & (align - 1)) ? enter() : 0;
	return v ? leave(v, heap_malloc_aligned(v, size, align)) : 0;
}

/* The numbers that libraries for wasm32 use. */
enum { WASM_EINVAL = 28, WASM_ENOMEM = 48 };

int posix_memalign(void **out, size_t align, size_t size)
{
	if (align < sizeof(void *) || (align & (align - 1)))
		return WASM_EINVAL;
	void *p = aligned_alloc(align, size);
	if (!p)
		return WASM_ENOMEM;
	*out = p;
	return 0;
}

/* The size that was asked for: canaries stand behind it. */
size_t malloc_usable_size(void *p)
{
	struct view *v = p ? enter() : 0;
	if (!v)
		return 0;
	int error = heap_find(v, offset_of(v, p));
	self = (uintptr_t)v;
	if (error)
		__builtin_trap();
	return v->found.size;
}
