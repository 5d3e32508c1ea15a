/* face.c - what JavaScript and WebAssembly modules call, beside the core's own
 * functions.
 *
 * JavaScript passes a view, the address of this thread's struct view in its
 * slot, as a number, and takes offsets; it adds the base. What does not fit
 * into one number is left in a scratch area behind the view. C modules pass and
 * get addresses, and their view stands in a WebAssembly global, which each
 * instance of this module has for itself.
 *
 * This file is compiled into every module; each keeps what it exports.
 */
#include "core.h"
#include "map.h"
#include "thread.h"

/* An answer that JavaScript reads, or a name that it passes. */
union scratch {
	struct report report;
	uint8_t text[NAME_BYTES];
};

/* JavaScript reads these by the order and width of their fields. */
_Static_assert(sizeof(struct block) == 5 * 4, "struct block");
_Static_assert(sizeof(struct report) == 14 * 8, "struct report");
_Static_assert(sizeof(struct view) % 8 == 0, "the scratch area's alignment");
_Static_assert(sizeof(struct view) + sizeof(union scratch) <= sizeof(((struct slot *)0)->workspace),
               "a view and its scratch area fit into a slot");

union scratch *view_scratch(struct view *v)
{
	return (union scratch *)(void *)(v + 1);
}

int32_t view_error(const struct view *v)
{
	return v->error;
}

uint32_t view_thread(const struct view *v)
{
	return v->thread;
}

/* What was found last. */
const struct block *view_found(const struct view *v)
{
	return &v->found;
}

_Atomic uint64_t *view_roots(const struct view *v)
{
	return view_header(v)->root;
}

/* Bytes of the heap's image. */
size_t heap_image_bytes(struct view *v)
{
	heap_adopt(v);
	return chunk_offset(v, v->chunks);
}

/* Bytes of the largest heap that the one at base may become. */
uint64_t heap_max_bytes(const uint8_t *base)
{
	const struct header *h = (const struct header *)(const void *)base;
	return (uint64_t)h->chunks_max << h->chunk_log2;
}

/* A number that differs from heap to heap, and tells nothing of the secret. */
uint32_t heap_id(const uint8_t *base)
{
	uint64_t x = ((const struct header *)(const void *)base)->secret;
	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(x >> 32);
}

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

static void *address_of(const struct view *v, size_t offset)
{
	return offset ? v->base + offset : 0;
}

static size_t offset_of(const struct view *v, const void *p)
{
	size_t address = (uintptr_t)p, base = (uintptr_t)v->base;
	/* Not null, but never a block either. */
	return !p ? 0 : address > base ? address - base : GRANULE;
}

static struct view *enter(void)
{
	struct view *v = (struct view *)self;
	self = 0;
	return v;
}

void *malloc(size_t size)
{
	struct view *v = enter();
	if (!v)
		return 0;
	void *p = address_of(v, heap_malloc(v, size));
	self = (uintptr_t)v;
	return p;
}

void free(void *p)
{
	struct view *v = enter();
	if (!v)
		__builtin_trap();
	int error = heap_free(v, offset_of(v, p));
	self = (uintptr_t)v;
	if (error)
		__builtin_trap();
}

void *calloc(size_t count, size_t size)
{
	struct view *v = enter();
	if (!v)
		return 0;
	void *p = address_of(v, heap_calloc(v, count, size, GRANULE));
	self = (uintptr_t)v;
	return p;
}

void *realloc(void *p, size_t size)
{
	struct view *v = enter();
	if (!v)
		return 0;
	void *q = address_of(v, heap_realloc(v, offset_of(v, p), size, GRANULE));
	int error = v->error;
	self = (uintptr_t)v;
	if (!q && error != LSHM_ERR_NOMEM)
		__builtin_trap();
	return q;
}

void *aligned_alloc(size_t align, size_t size)
{
	struct view *v = align && !(align & (align - 1)) ? enter() : 0;
	if (!v)
		return 0;
	size_t p = align <= GRANULE ? heap_malloc(v, size) : heap_malloc_aligned(v, size, align);
	self = (uintptr_t)v;
	return address_of(v, p);
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
	size_t size = v->found.size;
	self = (uintptr_t)v;
	if (error)
		__builtin_trap();
	return size;
}
