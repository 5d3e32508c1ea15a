/* words.c - opens the heap that JavaScript filled, or a saved image of it, finds
 * the table of words by its name and prints the most frequent ones.
 *
 *     words HEAP [COUNT]        COUNT 0: all of them
 *
 * HEAP is what lshm_open takes: a file, or "/name" for shared memory. One line
 * per word: how often it was met, a tab, the word. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lshm.h>

#include "table.h"

struct word {
	uint32_t count;
	uint32_t length;
	const char *text; /* in the heap, where this process maps it */
};

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "words: %s: %s\n", what, why);
	return 1;
}

/* Most frequent first, then by the bytes. */
static int compare_words(const void *left, const void *right)
{
	const struct word *a = left, *b = right;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->text, b->text, shorter);
	return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* Collects at most `room` words. Each access is bounds checked and the lists
 * are bounded, so that a damaged heap ends as an error: 0. */
static size_t collect(lshm *heap, lshm_ptr table, struct word *words, size_t room)
{
	uint32_t buckets = lshm_get_u32(heap, table + TABLE_SIZE);
	size_t found = 0;
	for (uint32_t i = 0; i < buckets; i++) {
		lshm_ptr node = lshm_get_u32(heap, table + TABLE_BUCKET + 4ull * i);
		for (; node; node = lshm_get_u32(heap, node + NODE_NEXT)) {
			struct word word = {
				.count = lshm_get_u32(heap, node + NODE_COUNT),
				.length = lshm_get_u32(heap, node + NODE_LENGTH),
			};
			lshm_ptr text = lshm_get_u32(heap, node + NODE_WORD);
			word.text = lshm_readable(heap, text, word.length);
			if (!word.text || found == room)
				return 0;
			words[found++] = word;
		}
	}
	return found;
}

static int print_words(lshm *heap, const char *name, size_t most)
{
	lshm_statistics stats;
	lshm_ptr table = lshm_name_get(heap, TABLE_NAME);
	if (!table)
		return fail(name, "the heap has no \"" TABLE_NAME "\"");
	if (lshm_check(heap, NULL) || lshm_stats(heap, &stats))
		return fail(name, lshm_strerror(lshm_error()));
	/* A word is two blocks. */
	size_t room = (size_t)stats.blocks / 2 + 1;
	struct word *words = calloc(room, sizeof *words);
	if (!words)
		return fail(name, "out of memory");
	size_t found = collect(heap, table, words, room);
	qsort(words, found, sizeof *words, compare_words);
	for (size_t i = 0; i < found && (i < most || most == 0); i++)
		printf("%" PRIu32 "\t%.*s\n", words[i].count, (int)words[i].length, words[i].text);
	free(words);
	return found ? 0 : fail(name, "the table of words is damaged");
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fputs("usage: words HEAP [COUNT]\n", stderr);
		return 2;
	}
	char *end = NULL;
	unsigned long most = argc == 3 ? strtoul(argv[2], &end, 10) : 10;
	if (argc == 3 && (*end || end == argv[2])) {
		fprintf(stderr, "words: expected COUNT, a number, not %s\n", argv[2]);
		return 2;
	}
	lshm *heap = lshm_open(argv[1], LSHM_READ_ONLY, NULL);
	if (!heap) {
		int code = lshm_error(), system = errno;
		return fail(argv[1],
		            code == LSHM_ERR_SYSTEM ? strerror(system) : lshm_strerror(code));
	}
	int result = print_words(heap, argv[1], most);
	lshm_close(heap);
	return result;
}
