/* tag.c - tags: which thread allocated a block.
 *
 * A label has room for 12 bits, a thread's number has 32. So each attached
 * thread has a tag, and one that left blocks behind keeps it: a tag is given
 * out again only after a sweep over all labels has not seen it. When every tag
 * is in use, threads share tag 0, whose blocks nobody can claim.
 */
#include "label.h"
#include "map.h"
#include "thread.h"

enum { TAG_WORDS = TAG_COUNT / TAGS_PER_WORD };

static bool tag_find(struct view *v)
{
	_Atomic uint64_t *tags = view_header(v)->tags;
	for (uint32_t i = 0; i < TAG_WORDS; i++) {
		uint64_t w = load_relaxed(&tags[i]);
		while ((uint32_t)w != ~0u) {
			uint32_t bit = (uint32_t)__builtin_ctz(~(uint32_t)w);
			/* In the slot first: a sweep that sees the bit taken then
			 * sees the tag in the slot, or the word's new version. */
			store_release(&v->slot->tag, i * TAGS_PER_WORD + bit);
			if (cas64(&tags[i], w, (w | 1ull << bit) + (1ull << 32)))
				return true;
			w = load_relaxed(&tags[i]);
		}
	}
	store_release(&v->slot->tag, 0);
	return false;
}

static void set_add(uint8_t *set, uint32_t tag)
{
	set[tag / 8] |= (uint8_t)(1u << tag % 8);
}

/* Give tags back that no label and no slot shows. Of a thread that is gone,
 * blocks only get fewer; a word that somebody changed meanwhile is left. */
static void tags_sweep(struct view *v)
{
	_Atomic uint64_t *tags = view_header(v)->tags;
	size_t p = heap_malloc(v, TAG_WORDS * 8 + TAG_COUNT / 8);
	if (!p)
		return;
	uint64_t *before = (uint64_t *)(void *)(v->base + p);
	uint8_t *seen = v->base + p + TAG_WORDS * 8;
	bytes_clear(seen, TAG_COUNT / 8);
	for (uint32_t i = 0; i < TAG_WORDS; i++)
		before[i] = load_acquire(&tags[i]);
	set_add(seen, 0);
	for (uint32_t slot = 1; slot_of(v, slot); slot++)
		set_add(seen, load_acquire(&slot_of(v, slot)->tag) % TAG_COUNT);
	for (size_t block = 0; (block = walk_next(v, block)) != 0;)
		set_add(seen, v->found.tag);
	for (uint32_t i = 0; i < TAG_WORDS; i++) {
		uint32_t used = 0;
		for (uint32_t k = 0; k < 4; k++)
			used |= (uint32_t)seen[4 * i + k] << 8 * k;
		used &= (uint32_t)before[i];
		if (used != (uint32_t)before[i])
			cas64(&tags[i], before[i], ((before[i] >> 32) + 1) << 32 | used);
	}
	heap_free(v, p);
}

void tag_take(struct view *v)
{
	if (tag_find(v))
		return;
	tags_sweep(v);
	tag_find(v);
}
