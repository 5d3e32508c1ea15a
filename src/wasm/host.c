/* host.c for wasm - memory.size and memory.grow; nothing else of a platform. */
#include "host.h"

#include "core.h"

enum { PAGE_LOG2 = 16 };

static uint64_t page_bytes(uint32_t pages)
{
	return (uint64_t)pages << PAGE_LOG2;
}

static uint32_t base_offset(const struct view *v)
{
	return (uint32_t)(uintptr_t)v->base;
}

uint32_t host_backed(struct view *v)
{
	uint64_t bytes = page_bytes(__builtin_wasm_memory_size(0));
	if (bytes <= base_offset(v))
		return 0;
	return (uint32_t)((bytes - base_offset(v)) >> v->chunk_log2);
}

uint32_t host_grow(struct view *v, uint32_t chunks)
{
	uint64_t bytes = base_offset(v) + ((uint64_t)chunks << v->chunk_log2);
	uint32_t want = (uint32_t)((bytes + page_bytes(1) - 1) >> PAGE_LOG2);
	uint32_t have = __builtin_wasm_memory_size(0);
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
