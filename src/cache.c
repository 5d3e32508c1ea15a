/* cache.c - the free blocks that a thread keeps for its next mallocs, and how they
 * return to the slabs that they are of.
 *
 * A kept block is CACHED with its keeper's number, whoever owns the slab; it stands
 * in view.cache, by class. It came there by the keeper's free, or from a slab of
 * its own; only the keeper changes its label, and once that is gone the slab's owner.
 *
 * The reaper reads what is noted in the slot. So a block is noted before its label
 * says CACHED, and its note stands until the label says something else that somebody
 * knows of: LIVE, FREE in a slab whose owner has it on the list, or XFREE with its
 * hint. A note of any other block means nothing.
 */
#include "slab.h"

void cache_fill(struct view *v, struct class_list *list, uint64_t word)
{
	uint32_t k = list->slab;
	struct entry *e = map_at(v, k);
	for (uint32_t n = 0; n < (list->limit + 1u) / 2; n++) {
		uint32_t head = load_relaxed(&e->head);
		size_t p = slab_payload(v, k, head - 1);
		if (!head || p + list->capacity > v->end)
			break;
		uint64_t h = header_load(header_at(v, p));
		uint32_t pad = label_pad(v, p), next = LABEL_SIZE(h);
		if (h != label_blend(0, pad, next)) {
			/* Somebody wrote over it: a list without the damaged. */
			slab_rebuild(v, k, word);
			break;
		}
		store_owned16(&e->head, next);
		store_owned16(&e->used, load_relaxed(&e->used) + 1);
		cache_note(v, list->first + n, p);
		header_store(header_at(v, p), label_blend(v->cached, pad, 0));
		list->count = (uint8_t)(n + 1);
	}
}

/* --- giving back --------------------------------------------------------------- */

void hints_send(struct view *v, uint32_t k, uint64_t hints)
{
	if (hints)
		fetch_or_release(&map_at(v, k)->hints, hints);
}

/* The block at p, which we keep, goes back to its slab. Whether that is another's, who
 * is to be told. */
static bool block_return(struct view *v, size_t p)
{
	uint64_t h = header_load(header_at(v, p));
	if (h != label_blend(v->cached, label_pad(v, p), 0))
		return false; /* somebody wrote over it: nobody gets it any more */
	for (uint32_t tries = 0; tries < 1000; tries++) {
		uint32_t k = pointer_head(v, p);
		uint64_t w = load_acquire(&map_at(v, k)->word);
		if (WORD_OWNER(w) == v->mine || slab_adopt(v, k, w)) {
			slab_put(v, k, p);
			slab_release(v, k, load_relaxed(&map_at(v, k)->word));
			return false;
		}
		if (WORD_KIND(w) != KIND_SLAB || WORD_SLOT(w))
			break;
	}
	header_store(header_at(v, p), label_turn(h, STATE_CACHED, STATE_XFREE));
	return true;
}

void cache_drain(struct view *v, struct class_list *list, uint32_t keep)
{
	const size_t *cache = v->cache + list->first;
	uint32_t n = list->count, gone = n - min32(n, keep), chunk = 0;
	uint64_t hints = 0; /* for it */
	for (uint32_t i = 0; i < gone; i++) {
		if (!block_return(v, cache[i]))
			continue;
		uint32_t k = (uint32_t)(cache[i] >> v->chunk_log2);
		if (k != chunk) {
			hints_send(v, chunk, hints);
			hints = 0;
		}
		chunk = k;
		hints |= hint_of(v, cache[i]);
	}
	hints_send(v, chunk, hints);
	for (uint32_t i = gone; i < n; i++)
		cache_note(v, list->first + i - gone, cache[i]);
	list->count = (uint8_t)(n - gone);
}

void cache_empty(struct view *v)
{
	for (uint32_t class = 0; class < CLASS_COUNT; class ++)
		cache_drain(v, &v->list[class], 0);
}
