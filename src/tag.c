/* tag.c - tags: which thread allocated a block.
 *
 * A label has room for 12 bits, a thread's number has 32. So each attached
 * thread has a tag, and one that left blocks behind keeps it. Tags are given out
 * from a window of 32, which moves on when it is used up; from the second time
 * round, only those of it are free that a walk over all blocks and slots has
 * not seen: of a thread that is gone, blocks only get fewer. When every tag is
 * in use, threads share tag 0, whose blocks nobody can claim.
 *
 * header.tags changes by compare-exchange alone, and never back: its window is
 * counted on, and within one its free bits are only taken.
 */
#include "label.h"
#include "map.h"
#include "thread.h"

enum { WINDOWS = TAG_COUNT / TAG_WINDOW };

/* The bit of a tag in the window of number `window`, 0 if it is in another. */
static uint32_t window_bit(uint32_t window, uint32_t tag)
{
	return (tag / TAG_WINDOW ^ window) % WINDOWS ? 0 : 1u << tag % TAG_WINDOW;
}

/* The tags of a window that are free, as bits. */
static uint32_t window_free(struct view *v, uint32_t window)
{
	uint32_t used = window_bit(window, 0);
	struct slot *s;
	if (window < WINDOWS)
		return ~used;
	for (uint32_t slot = 1; (s = slot_of(v, slot)) != 0; slot++)
		used |= window_bit(window, load_acquire(&s->tag));
	for (size_t p = 0; (p = walk_next(v, p)) != 0;)
		used |= window_bit(window, v->found.tag);
	return ~used;
}

void tag_take(struct view *v)
{
	_Atomic uint64_t *tags = &view_header(v)->tags;
	_Atomic uint32_t *tag = &v->slot->tag;
	for (uint32_t tries = 0; tries < 2 * WINDOWS;) {
		uint64_t w = load_acquire(tags);
		uint32_t free = (uint32_t)w, window = (uint32_t)(w >> 32);
		if (free) {
			/* In the slot first: a walk that sees the bit taken
			 * sees the tag in the slot. As wanted, because the tag
			 * of one who dies here may be another's. */
			uint32_t want = window % WINDOWS * TAG_WINDOW;
			want += (uint32_t)__builtin_ctz(free);
			store_release(tag, TAG_WANTED | want);
			if (cas64(tags, w, w & (w - 1))) {
				store_release(tag, want);
				return;
			}
		} else {
			tries++;
			window++;
			cas64(tags, w, (uint64_t)window << 32 | window_free(v, window));
		}
	}
	store_release(tag, 0);
}

/* The number of the attached thread that allocates under `tag`, or 0. */
uint32_t tag_thread(struct view *v, uint32_t tag)
{
	struct slot *s;
	for (uint32_t slot = 1; tag && (s = slot_of(v, slot)) != 0; slot++) {
		uint64_t w = load_acquire(&s->state);
		if (SLOT_STATE(w) != SLOT_FREE && load_acquire(&s->tag) == tag)
			return THREAD(slot, SLOT_EPOCH(w));
	}
	return 0;
}
