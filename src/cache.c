/* cache.c - the free blocks that a thread keeps for its next mallocs, and how they
 * return to the slabs that they are of.
 *
 * A kept block is CACHED with its keeper's number, whoever owns the slab; it stands
 * in view.cache, by class. It came there by the keeper's free, or from a slab of
 * its own; only the keeper changes its label, or the keeper's reaper, which finds
 * it by the number. The cache is a convenience over the labels: nobody else reads
 * it, and it is lost with its thread.
 */
#include "slab.h"

enum { OUTBOX_BYTES = 4096 }; /* sent when this much waits in it */

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
		header_store(header_at(v, p), label_blend(v->cached, pad, 0));
		v->cache[list->first + n] = p;
		list->count = (uint8_t)(n + 1);
	}
}

/* --- giving back --------------------------------------------------------------- */

static void hints_send(struct view *v, struct outbox *o)
{
	uint32_t chunk = load_relaxed(&o->chunk);
	uint64_t mask = load_relaxed(&o->mask);
	if (mask && chunk < v->chunks)
		fetch_or_release(&map_at(v, chunk)->hints, mask);
	store_owned64(&o->mask, 0);
}

void outbox_send(struct view *v, struct slot *slot)
{
	v->pending = 0;
	for (uint32_t i = 0; i < OUTBOX_COUNT; i++)
		hints_send(v, &slot->outbox[i]);
}

/* In this order: a thread that dies in between leaves a hint too many, not a label
 * that nobody looks for. */
void block_retire(struct view *v, struct slot *slot, size_t p, uint64_t h)
{
	uint32_t chunk = (uint32_t)(p >> v->chunk_log2);
	uint32_t bit = (uint32_t)(p >> (v->chunk_log2 - 6)) & 63;
	struct outbox *o = &slot->outbox[chunk % OUTBOX_COUNT];
	if (load_relaxed(&o->chunk) != chunk) {
		hints_send(v, o);
		store_owned32(&o->chunk, chunk);
	}
	store_owned64(&o->mask, load_relaxed(&o->mask) | 1ull << bit);
	header_store(header_at(v, p), label_turn(h, STATE_CACHED, STATE_XFREE));
}

/* The block at p, which we keep, goes back to its slab. */
static void block_return(struct view *v, size_t p, uint32_t bytes)
{
	uint64_t h = header_load(header_at(v, p));
	if (h != label_blend(v->cached, label_pad(v, p), 0))
		return; /* somebody wrote over it: nobody gets it any more */
	for (uint32_t tries = 0; tries < 1000; tries++) {
		uint32_t k = pointer_head(v, p);
		uint64_t w = load_acquire(&map_at(v, k)->word);
		if (WORD_OWNER(w) == v->mine || slab_adopt(v, k, w)) {
			slab_put(v, k, p);
			slab_release(v, k, load_relaxed(&map_at(v, k)->word));
			return;
		}
		if (WORD_KIND(w) != KIND_SLAB || WORD_SLOT(w))
			break;
	}
	block_retire(v, v->slot, p, h);
	v->pending += bytes;
	if (v->pending > OUTBOX_BYTES)
		outbox_send(v, v->slot);
}

void cache_drain(struct view *v, struct class_list *list, uint32_t keep)
{
	size_t *cache = v->cache + list->first;
	uint32_t n = list->count;
	for (uint32_t i = 0; i < n; i++) {
		if (i + keep < n)
			block_return(v, cache[i], list->capacity + HEADER_SIZE);
		else
			cache[i - (n - keep)] = cache[i];
	}
	list->count = (uint8_t)min32(n, keep);
}

void cache_empty(struct view *v)
{
	for (uint32_t class = 0; class < CLASS_COUNT; class ++)
		cache_drain(v, &v->list[class], 0);
	outbox_send(v, v->slot);
}
