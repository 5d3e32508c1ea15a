/* places.c - C's half of a tree of places; run.js is the other. JavaScript adds
 * places and reads what it finds, this module searches and frees: both follow the
 * same pointers in one heap. */
#include <stddef.h>

void free(void *block);

struct place {
	struct place *child[2]; /* those with a lower and a higher coordinate */
	float at[2];            /* each level of the tree compares the other one */
	char name[];            /* the rest of the block, as long as it is */
};

static float square(const struct place *place, float x, float y)
{
	float across = place->at[0] - x, up = place->at[1] - y;
	return across * across + up * up;
}

static const struct place *search(const struct place *place, float x, float y, int axis,
                                  const struct place *best)
{
	if (!place)
		return best;
	if (!best || square(place, x, y) < square(best, x, y))
		best = place;
	float apart = (axis ? y : x) - place->at[axis];
	best = search(place->child[apart >= 0], x, y, !axis, best);
	/* The other side matters only if it begins nearer than the best so far. */
	if (apart * apart < square(best, x, y))
		best = search(place->child[apart < 0], x, y, !axis, best);
	return best;
}

/* The place nearest to (x, y); NULL in an empty tree. */
const struct place *nearest(const struct place *root, float x, float y)
{
	return search(root, x, y, 0, NULL);
}

/* Frees the whole tree, which JavaScript allocated. */
void forget(struct place *root)
{
	if (!root)
		return;
	forget(root->child[0]);
	forget(root->child[1]);
	free(root);
}
