/* names.c - names for offsets. An entry's text never changes once it is READY,
 * so a lookup needs no more than a comparison; of two entries with one name
 * the first one counts.
 */
#include "map.h"

enum { NAME_FREE, NAME_CLAIM, NAME_READY };

/* The entry of a name, or null. */
static struct name *name_entry(struct view *v, const uint8_t *text)
{
	struct name *n = view_header(v)->names;
	for (struct name *end = n + NAME_COUNT; n < end; n++) {
		uint32_t i = 0;
		/* Acquire: pairs with the release that made it READY. */
		if (load_acquire(&n->state) != NAME_READY)
			continue;
		while (bytes_load64(n->text + i) == bytes_load64(text + i))
			if ((i += 8) == NAME_BYTES)
				return n;
	}
	return 0;
}

_Atomic uint64_t *name_value(struct view *v, const uint8_t *text, bool make)
{
	struct name *free = view_header(v)->names, *end = free + NAME_COUNT;
	uint64_t claim = (uint64_t)v->thread << 8 | NAME_CLAIM;
	if (make && !view_attached(v)) {
		v->error = LSHM_ERR_DETACHED;
		return 0;
	}
	struct name *n = name_entry(v, text);
	for (; make && !n && free < end; free++) {
		if (load_relaxed(&free->state) != NAME_FREE ||
		    !cas64(&free->state, NAME_FREE, claim))
			continue;
		bytes_copy(free->text, text, NAME_BYTES);
		store_relaxed(&free->value, 0);
		if (cas64(&free->state, claim, NAME_READY))
			/* If another thread made the same name meanwhile, the
			 * first entry counts, for everybody. */
			n = name_entry(v, text);
	}
	if (!n) {
		v->error = LSHM_ERR_NAMES_FULL;
		return 0;
	}
	return &n->value;
}
