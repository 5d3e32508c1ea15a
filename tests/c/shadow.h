/* shadow.h - a shadow of the heap: a map of who has which bytes. No two live
 * blocks overlap, no byte of one is changed by another, and every walk finds
 * exactly what lives. Who chooses the operations, a seed or a fuzzer, is
 * another matter; several attachments may share one shadow.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include "test.h"

enum { SHADOW_GRAIN = 8, SHADOW_MAX = 4000 };

struct shadow_block {
	lshm_ptr ptr;
	size_t size;
	uint32_t id, thread;
};

struct shadow {
	uint32_t *owner; /* of each grain: id of the block, 0 = none */
	size_t grains;
	struct shadow_block live[SHADOW_MAX];
	size_t count;
	uint32_t ids;
	uint64_t failed; /* out of memory */
};

static inline struct shadow *shadow_make(uint64_t maximum)
{
	struct shadow *s = calloc(1, sizeof *s);
	CHECK(s);
	s->grains = (size_t)maximum / SHADOW_GRAIN;
	s->owner = calloc(s->grains, sizeof *s->owner);
	CHECK(s->owner);
	return s;
}

static inline void shadow_close(struct shadow *s)
{
	free(s->owner);
	free(s);
}

static inline uint64_t shadow_pattern(uint32_t id, size_t i)
{
	uint64_t x = ((uint64_t)id << 32 | i) * 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

/* Header and payload belong to the block. */
static inline void shadow_set(struct shadow *s, const struct shadow_block *b, uint32_t from,
                              uint32_t to)
{
	size_t end = (size_t)(b->ptr + b->size + SHADOW_GRAIN - 1) / SHADOW_GRAIN;
	CHECK(end <= s->grains);
	for (size_t g = (size_t)b->ptr / SHADOW_GRAIN - 1; g < end; g++) {
		CHECK(s->owner[g] == from);
		s->owner[g] = to;
	}
}

static inline void shadow_stamp(lshm *heap, const struct shadow_block *b)
{
	unsigned char *at = lshm_at(heap, b->ptr);
	for (size_t i = 0; i < b->size; i++)
		at[i] = (unsigned char)shadow_pattern(b->id, i / 64);
}

static inline void shadow_verify(lshm *heap, const struct shadow_block *b, size_t size)
{
	const unsigned char *at = lshm_at(heap, b->ptr);
	for (size_t i = 0; i < size; i++)
		CHECK(at[i] == (unsigned char)shadow_pattern(b->id, i / 64));
}

static inline void shadow_enter(struct shadow *s, lshm *heap, struct shadow_block *b, lshm_ptr p,
                                size_t size)
{
	uint32_t thread = b->thread;
	*b = (struct shadow_block){.ptr = p, .size = size, .id = ++s->ids, .thread = thread};
	CHECK(p % 16 == 0 && lshm_sizeof(heap, p) == (int64_t)size);
	CHECK(lshm_lengthof(heap, p) >= (int64_t)size + 8);
	shadow_set(s, b, 0, b->id);
}

enum shadow_kind { SHADOW_ALIGNED, SHADOW_CALLOC, SHADOW_MALLOC };

static inline void shadow_allocate(struct shadow *s, lshm *heap, enum shadow_kind kind,
                                   size_t align, size_t size)
{
	struct shadow_block *b = &s->live[s->count];
	lshm_ptr p = kind == SHADOW_ALIGNED  ? lshm_aligned_alloc(heap, align, size)
	             : kind == SHADOW_CALLOC ? lshm_calloc(heap, 1, size)
	                                     : lshm_malloc(heap, size);
	if (!p) {
		CHECK(errno == ENOMEM && lshm_error() == LSHM_ERR_NOMEM);
		s->failed++;
		return;
	}
	CHECK(kind != SHADOW_ALIGNED || p % align == 0);
	b->thread = lshm_self(heap);
	shadow_enter(s, heap, b, p, size);
	const unsigned char *at = lshm_at(heap, p);
	for (size_t i = 0; kind == SHADOW_CALLOC && i < size; i++)
		CHECK(at[i] == 0);
	shadow_stamp(heap, b);
	s->count++;
}

static inline void shadow_reallocate(struct shadow *s, lshm *heap, size_t which, size_t size)
{
	struct shadow_block *b = &s->live[which], old = *b;
	shadow_verify(heap, &old, old.size);
	lshm_ptr p = lshm_realloc(heap, old.ptr, size);
	if (!p) {
		CHECK(errno == ENOMEM);
		CHECK(lshm_sizeof(heap, old.ptr) == (int64_t)old.size);
		s->failed++;
		return;
	}
	shadow_set(s, &old, old.id, 0);
	/* A block that moved is another, by who moved it. */
	if (p != old.ptr)
		b->thread = lshm_self(heap);
	shadow_enter(s, heap, b, p, size);
	/* The old content, at the new place. */
	old.ptr = p;
	shadow_verify(heap, &old, size < old.size ? size : old.size);
	shadow_stamp(heap, b);
}

/* The block is gone: freed by somebody. */
static inline void shadow_remove(struct shadow *s, size_t which)
{
	struct shadow_block *b = &s->live[which];
	shadow_set(s, b, b->id, 0);
	*b = s->live[--s->count];
}

static inline void shadow_free(struct shadow *s, lshm *heap, size_t which)
{
	struct shadow_block b = s->live[which];
	shadow_verify(heap, &b, b.size);
	shadow_remove(s, which);
	CHECK(lshm_free(heap, b.ptr) == 0);
	/* What was given back is none of ours. */
	CHECK(lshm_sizeof(heap, b.ptr) < 0);
}

/* A walk finds just what lives. */
static inline void shadow_audit(const struct shadow *s, lshm *heap)
{
	lshm_block block;
	size_t found = 0;
	test_sound(heap);
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0; found++) {
		uint32_t id = s->owner[p / SHADOW_GRAIN - 1];
		CHECK(id != 0 && block.size == (uint64_t)lshm_sizeof(heap, p));
		CHECK(p / SHADOW_GRAIN < 2 || s->owner[p / SHADOW_GRAIN - 2] != id);
	}
	CHECK(found == s->count);
	for (size_t i = 0; i < s->count; i++)
		shadow_verify(heap, &s->live[i], s->live[i].size);
}

#endif
