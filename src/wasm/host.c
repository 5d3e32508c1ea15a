/* host.c for wasm - memory.size and memory.grow; nothing else of a platform. */
#include "host.h"

#include "core.h"

/* Counted in KiB, the smallest chunks, a memory's 4 GiB fit into 32 bits; the base is a
 * whole number of them. */
enum { KIB_LOG2 = 10, PAGE_LOG2 = 16 - KIB_LOG2 };

static uint32_t base_kib(const struct view *v)
{
	return (uint32_t)(uintptr_t)v->base >> KIB_LOG2;
}

uint32_t host_backed(struct view *v)
{
	uint32_t kib = __builtin_wasm_memory_size(0) << PAGE_LOG2;
	return (kib - base_kib(v)) >> (v->chunk_log2 - KIB_LOG2);
}

uint32_t host_grow(struct view *v, uint32_t chunks)
{
	uint32_t kib = base_kib(v) + (chunks << (v->chunk_log2 - KIB_LOG2));
	uint32_t have = __builtin_wasm_memory_size(0);
	uint32_t want = ((kib - 1) >> PAGE_LOG2) + 1;
	/* Others may grow meanwhile: then there is more than was asked for, or the
	 * maximum refuses and what they got is told. */
	if (have < want)
		__builtin_wasm_memory_grow(0, want - have);
	return host_backed(v);
}

/* A thread's death is proven in JavaScript. */

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
