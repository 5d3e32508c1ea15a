/* face.c - what JavaScript and WebAssembly modules call.
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

enum { PAGE_LOG2 = 16, NUMBERS = 10 };

/* An answer that JavaScript reads, or a text that it passes. */
union scratch {
	struct stats stats;
	struct report report;
	double numbers[NUMBERS];
	uint8_t text[NAME_BYTES];
};

_Static_assert(sizeof(struct view) % 8 == 0, "the scratch area's alignment");
_Static_assert(sizeof(struct view) + sizeof(union scratch) <=
                       sizeof(((struct slot *)0)->workspace),
               "a view and its scratch area fit into a slot");
_Static_assert(sizeof(struct block) == 20, "JavaScript reads five words");

union scratch *view_scratch(struct view *v)
{
	return (union scratch *)(void *)(v + 1);
}

/* --- heaps -------------------------------------------------------------------- */

static uint64_t region_bytes(const uint8_t *base, uint32_t pages)
{
	uint64_t bytes = (uint64_t)pages << PAGE_LOG2, below = (uintptr_t)base;
	return bytes > below ? bytes - below : 0;
}

/* Pages that a memory needs for a heap at base, with the most it may have. */
uint32_t heap_min_pages(const uint8_t *base, uint32_t pages_max)
{
	uint64_t bytes = heap_min_bytes(region_bytes(base, pages_max)) + (uint64_t)(uintptr_t)base;
	return (uint32_t)((bytes + (1u << PAGE_LOG2) - 1) >> PAGE_LOG2);
}

int heap_format_pages(uint8_t *base, uint32_t pages, uint32_t pages_max,
                      uint32_t secret_low, uint32_t secret_high)
{
	return heap_format(base, region_bytes(base, pages), region_bytes(base, pages_max),
	                   (uint64_t)secret_high << 32 | secret_low);
}

/* Whether the bytes at base are a heap: 0 or why not. */
int heap_inspect(uint8_t *base, uint32_t bytes_low, uint32_t bytes_high)
{
	return heap_verify(base, (uint64_t)bytes_high << 32 | bytes_low);
}

/* Pages of the largest heap that the one at base may become. */
uint32_t heap_max_pages(const uint8_t *base)
{
	const struct header *h = (const struct header *)(const void *)base;
	uint64_t bytes = (uint64_t)h->chunks_max << h->chunk_log2;
	return (uint32_t)((bytes + (1u << PAGE_LOG2) - 1) >> PAGE_LOG2);
}

/* A number that differs from heap to heap, and tells nothing of the secret. */
uint32_t heap_id(const uint8_t *base)
{
	uint64_t x = ((const struct header *)(const void *)base)->secret;
	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(x >> 32);
}

/* A view, or a negative error. */
struct view *heap_attach(uint8_t *base, uint32_t pages, uint32_t thread)
{
	return thread_attach_inplace(base, region_bytes(base, pages), thread);
}

/* Bytes of the heap's image. */
size_t heap_image_bytes(struct view *v)
{
	heap_adopt(v);
	return chunk_offset(v, v->chunks);
}

/* --- views -------------------------------------------------------------------- */

int32_t view_error(const struct view *v)
{
	return v->error;
}

uint32_t view_thread(const struct view *v)
{
	return v->thread;
}

/* offset, size, footprint, thread, tag: what was found last. */
const struct block *view_found(const struct view *v)
{
	return &v->found;
}

/* The fields of struct stats in their order, as numbers. */
double *view_stats(struct view *v)
{
	union scratch *s = view_scratch(v);
	heap_stats(v, &s->stats);
	double threads = s->stats.threads, slabs = s->stats.slabs, spans = s->stats.spans;
	s->numbers[0] = (double)s->stats.committed;
	s->numbers[1] = (double)s->stats.maximum;
	s->numbers[2] = (double)s->stats.used;
	s->numbers[3] = (double)s->stats.free;
	s->numbers[4] = (double)s->stats.metadata;
	s->numbers[5] = (double)s->stats.largest_free;
	s->numbers[6] = (double)s->stats.blocks;
	s->numbers[7] = threads;
	s->numbers[8] = slabs;
	s->numbers[9] = spans;
	return s->numbers;
}

/* The fields of struct report in their order, as numbers. */
double *view_check(struct view *v)
{
	union scratch *s = view_scratch(v);
	heap_check(v, &s->report);
	/* Last field first: none is written over before it was read. */
	double offset = s->report.offset, invariant = s->report.invariant;
	s->numbers[6] = (double)s->report.free_chunks;
	s->numbers[5] = (double)s->report.spans;
	s->numbers[4] = (double)s->report.slabs;
	s->numbers[3] = (double)s->report.free_blocks;
	s->numbers[2] = (double)s->report.blocks;
	s->numbers[1] = offset;
	s->numbers[0] = invariant;
	return s->numbers;
}

/* --- threads ------------------------------------------------------------------ */

/* The thread above `slot`, 0 at the end; those that are reserved or just
 * attaching only if `all`. */
uint32_t thread_list(struct view *v, uint32_t slot, bool all)
{
	for (;;) {
		uint32_t thread = thread_next(v, slot);
		uint32_t state = v->found.size & 7;
		if (!thread || all || (state != SLOT_RESERVED && state != SLOT_ATTACHING))
			return thread;
		slot = THREAD_SLOT(thread);
	}
}

/* State:3 and flags:5 of a thread's slot; 0 if there is no such thread. */
uint32_t thread_state(struct view *v, uint32_t thread)
{
	uint32_t found = thread_next(v, THREAD_SLOT(thread) - 1);
	return thread && found == thread ? (uint32_t)v->found.size : 0;
}

/* --- roots and names ---------------------------------------------------------- */

size_t root_get(struct view *v, uint32_t i)
{
	return (size_t)load_acquire(&view_header(v)->root[i % ROOT_COUNT]);
}

void root_set(struct view *v, uint32_t i, size_t offset)
{
	store_release(&view_header(v)->root[i % ROOT_COUNT], offset);
}

/* What the root was: `expected` if it was set. */
size_t root_cas(struct view *v, uint32_t i, size_t expected, size_t offset)
{
	_Atomic uint64_t *root = &view_header(v)->root[i % ROOT_COUNT];
	for (;;) {
		uint64_t was = load_acquire(root);
		if (was != expected || cas64(root, was, offset))
			return (size_t)was;
	}
}

/* The name's text stands in the scratch area. */
size_t name_get(struct view *v, uint32_t length)
{
	return (size_t)name_find(v, view_scratch(v)->text, length);
}

int name_put(struct view *v, uint32_t length, size_t offset)
{
	return name_set(v, view_scratch(v)->text, length, offset);
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
