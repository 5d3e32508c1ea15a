/* queens.c - a module that knows nothing of the heap that it runs on: C's malloc
 * and free, static data, a stack. Compiled by plain clang (../CMakeLists.txt);
 * run.js gives it a heap.
 *
 * Several threads, each with an instance of its own over one memory, search all
 * ways to place `size` queens so that none attacks another. The first queen's
 * row is a job that any of them takes. A solution is a block, pushed onto one
 * list; of each two that mirror each other one is kept.
 *
 * The queens of a search stand in the frames of its recursion, linked to the
 * left: two threads on one stack would move each other's queens. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *malloc(size_t size);
void free(void *block);

enum { QUEENS_MAX = 16 };

struct queen {
	const struct queen *left;
	int row;
};

struct solution {
	struct solution *next;
	uint32_t size;           /* at 4: run.js reads it, and the rows behind it */
	uint8_t row[QUEENS_MAX]; /* of each column's queen, from 1 */
};

/* Shared by all threads, and set once, however many instances there are: set
 * again while they search, it would give jobs out twice. */
static _Atomic int next_row = 1;
static _Atomic(struct solution *) solutions;

static bool attacked(const struct queen *queen)
{
	const struct queen *other = queen->left;
	for (int distance = 1; other; distance++, other = other->left) {
		int apart = queen->row - other->row;
		if (apart == 0 || apart == distance || apart == -distance)
			return true;
	}
	return false;
}

/* Whether the same queens, with rows counted from the other end, come first. */
static bool is_mirror(const struct solution *solution)
{
	for (uint32_t column = 0; column < solution->size; column++) {
		uint32_t mirrored = solution->size + 1 - solution->row[column];
		if (solution->row[column] != mirrored)
			return solution->row[column] > mirrored;
	}
	return false;
}

static bool publish(const struct queen *last, int size)
{
	struct solution *found = malloc(sizeof *found);
	if (!found)
		return false;
	found->size = (uint32_t)size;
	for (int column = size - 1; column >= 0; column--, last = last->left)
		found->row[column] = (uint8_t)last->row;
	found->next = atomic_load(&solutions);
	if (is_mirror(found))
		free(found);
	else
		while (!atomic_compare_exchange_weak(&solutions, &found->next, found))
			;
	return true;
}

/* Tries all rows for the queen right of `left`; false when out of memory. */
static bool place(const struct queen *left, int column, int size)
{
	if (column == size)
		return publish(left, size);
	struct queen queen = {.left = left};
	for (queen.row = 1; queen.row <= size; queen.row++)
		if (!attacked(&queen) && !place(&queen, column + 1, size))
			return false;
	return true;
}

/* Takes jobs until there are none: how many it did. Negative: out of memory. */
int solve(int size)
{
	for (int jobs = 0;; jobs++) {
		struct queen first = {.row = atomic_fetch_add(&next_row, 1)};
		if (first.row > size || size > QUEENS_MAX)
			return jobs;
		if (!place(&first, 1, size))
			return -1;
	}
}

/* The list of all solutions, the caller's from now on. Called when no thread
 * searches; then they may search again. */
struct solution *solutions_take(void)
{
	atomic_store(&next_row, 1);
	return atomic_exchange(&solutions, NULL);
}
