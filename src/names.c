/* names.c - names for offsets. An entry's text never changes once it is READY,
 * so a lookup needs no more than a comparison; of two entries with one name
 * the first one counts.
 */
#include "map.h"

enum { NAME_FREE, NAME_CLAIM, NAME_READY };

static bool name_is(const struct name *n, const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (n->text[i] != text[i])
			return false;
	return n->text[length] == 0;
}

/* The entry of a name, or null. */
static struct name *name_entry(struct view *v, const uint8_t *text, size_t length)
{
	struct name *names = view_header(v)->names;
	for (uint32_t i = 0; i < NAME_COUNT; i++)
		/* Acquire: pairs with the release that made it READY. */
		if (load_acquire(&names[i].state) == NAME_READY && name_is(&names[i], text, length))
			return &names[i];
	return 0;
}

uint64_t name_find(struct view *v, const uint8_t *text, size_t length)
{
	struct name *n = length && length < NAME_BYTES ? name_entry(v, text, length) : 0;
	return n ? load_acquire(&n->value) : 0;
}

int name_set(struct view *v, const uint8_t *text, size_t length, uint64_t value)
{
	struct name *names = view_header(v)->names;
	if (!length)
		return LSHM_ERR_INVALID;
	if (length >= NAME_BYTES)
		return LSHM_ERR_NAME_TOO_LONG;
	if (!view_attached(v))
		return LSHM_ERR_DETACHED;
	struct name *n = name_entry(v, text, length);
	for (uint32_t i = 0; !n && i < NAME_COUNT; i++) {
		uint64_t claim = (uint64_t)v->thread << 8 | NAME_CLAIM;
		if (load_relaxed(&names[i].state) != NAME_FREE ||
		    !cas64(&names[i].state, NAME_FREE, claim))
			continue;
		bytes_clear(names[i].text, NAME_BYTES);
		bytes_copy(names[i].text, text, length);
		store_relaxed(&names[i].value, value);
		if (cas64(&names[i].state, claim, NAME_READY))
			/* If another thread set the same name meanwhile, the
			 * first entry counts, for everybody. */
			n = name_entry(v, text, length);
	}
	if (!n)
		return LSHM_ERR_NAMES_FULL;
	store_release(&n->value, value);
	return 0;
}
