/* host.c - the private mapping that the process's one heap stands in. Its whole
 * range of addresses is reserved at the beginning, and made usable as it grows.
 */
#include "preload.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* The most that chunks of 4 KiB allow; where so many addresses cannot be had (a
 * limit of the process, a system that counts what is reserved), fewer. */
#define BYTES_MOST ((size_t)1 << (sizeof(void *) == 8 ? 36 : 30))
#define BYTES_LEAST ((size_t)64 << 20)
/* Costs nothing before it is used, and has room for the slots of 16 threads. */
#define BYTES_INITIAL ((size_t)32 << 20)
/* Of the base: huge pages fit. */
#define BASE_ALIGN ((size_t)2 << 20)

uint8_t *heap_base;
size_t heap_bytes;
static _Atomic uint32_t backed; /* chunks */

/* `size` bytes at a multiple of BASE_ALIGN. What is reserved around them stays:
 * it costs nothing, and a stray pointer into it faults. */
static uint8_t *range_reserve(size_t size)
{
	void *range = mmap(NULL, size + BASE_ALIGN, PROT_NONE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range == MAP_FAILED)
		return NULL;
	return (uint8_t *)range + (-(uintptr_t)range & (BASE_ALIGN - 1));
}

bool heap_make(struct view *model)
{
	size_t size = BYTES_MOST;
	uint64_t secret;
	uint8_t *base;
	while (!(base = range_reserve(size)))
		if ((size /= 2) < BYTES_LEAST)
			return false;
	if (mprotect(base, BYTES_INITIAL, PROT_READ | PROT_WRITE) != 0)
		return false;
	/* The kernel's gift to each program. */
	memcpy(&secret, (const void *)getauxval(AT_RANDOM), sizeof secret);
	if (heap_format(base, BYTES_INITIAL, size, secret | 1) != 0 ||
	    heap_open(model, base, BYTES_INITIAL) != 0)
		return false;
	/* Makes addresses aligned, not offsets. */
	model->skew = (uint32_t)((uintptr_t)base >> model->chunk_log2);
	heap_bytes = size;
	heap_base = base;
	store_release(&backed, (uint32_t)(BYTES_INITIAL >> model->chunk_log2));
	return true;
}

uint32_t host_backed(struct view *v)
{
	(void)v;
	return load_acquire(&backed);
}

uint32_t host_grow(struct view *v, uint32_t chunks)
{
	uint32_t page = 1u << (16 - v->chunk_log2); /* 64 KiB, as everywhere */
	uint32_t want = (chunks + page - 1) / page * page, had = load_acquire(&backed);
	if (want > v->chunks_max)
		want = v->chunks_max;
	if (want <= had)
		return had;
	size_t from = (size_t)had << v->chunk_log2, to = (size_t)want << v->chunk_log2;
	if (mprotect(v->base + from, to - from, PROT_READ | PROT_WRITE) == 0)
		while (had < want && !cas32(&backed, had, want))
			had = load_acquire(&backed);
	return load_acquire(&backed);
}

/* A process's slots are those of its threads: threads.c knows who is dead. */
bool host_claim_slot(struct view *v, uint32_t slot)
{
	(void)v;
	(void)slot;
	return true;
}

void host_release_slot(struct view *v, uint32_t slot)
{
	(void)v;
	(void)slot;
}

bool host_reap(struct view *v)
{
	(void)v;
	return false;
}
