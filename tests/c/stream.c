/* stream.c - carries out a stream of operations on a heap, for the tests that
 * compare this library with JavaScript: commands come from standard input, one
 * a line, and each is answered on standard output. What fails is answered with
 * the error's name.
 *
 *   memory INITIAL MAXIMUM SECRET       a heap in memory of our own
 *   anonymous INITIAL MAXIMUM SECRET    a heap without a name
 *   create FILE INITIAL MAXIMUM SECRET
 *   open FILE
 *   attach FILE                         a copy of the file's bytes, in memory
 *   malloc ID SIZE                      blocks have numbers of the caller's
 *   aligned ID ALIGN SIZE
 *   calloc ID COUNT SIZE
 *   realloc ID SIZE
 *   free ID
 *   number ID                           the live blocks, from ID on
 *   root I ID, name TEXT ID, roots, named TEXT
 *   grow BYTES, trim, blocks, stats, check
 *   image FILE                          the heap's bytes, as they are now
 *   layout                              where fields are that the tests need
 *   close
 *   leave                               ends at once, as if killed
 *
 * A block of number ID is filled with ID, ID + 1 and so on; whether that still
 * stands is part of the answers.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lshm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

enum { IDS = 1 << 20, LINE = 4096 };

static lshm *heap;
static lshm_ptr blocks[IDS];

/* A command that is none, or that should have worked: the tests are wrong. */
static _Noreturn void give_up(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	_exit(2);
}

static const char *error_name(int code)
{
	switch (code) {
	case 0:
		return "ok";
#define NAME(name, number, text) \
	case LSHM_ERR_##name: \
		return #name;
		LSHM_ERRORS(NAME)
#undef NAME
	default:
		return "unknown";
	}
}

static void answer(int code)
{
	puts(error_name(code));
}

/* --- arguments ----------------------------------------------------------- */

static char *arguments;

static const char *word(void)
{
	const char *text = strtok_r(NULL, " \n", &arguments);
	if (!text)
		give_up("an argument is missing");
	return text;
}

static uint64_t number(void)
{
	const char *text = word();
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	if (*end)
		give_up("an argument is no number");
	return value;
}

static size_t id(void)
{
	uint64_t value = number();
	if (value >= IDS)
		give_up("a block's number is too large");
	return (size_t)value;
}

/* --- blocks -------------------------------------------------------------- */

static size_t size_of(lshm_ptr p)
{
	int64_t size = p ? lshm_sizeof(heap, p) : 0;
	if (size < 0)
		give_up("a block is gone");
	return (size_t)size;
}

static bool filled(lshm_ptr p, size_t from, size_t to, unsigned first, unsigned step)
{
	const unsigned char *at = p ? lshm_at(heap, p) : NULL;
	for (size_t i = from; i < to; i++)
		if (at[i] != (unsigned char)(first + step * i))
			return false;
	return true;
}

static void fill(lshm_ptr p, size_t from, size_t to, unsigned first)
{
	unsigned char *at = lshm_at(heap, p);
	for (size_t i = from; i < to; i++)
		at[i] = (unsigned char)(first + i);
}

static void print_header(lshm_ptr p)
{
	printf(" %016" PRIx64, lshm_get_u64(heap, p - HEADER_SIZE));
}

/* What an allocation gave: the block's offset, header, and whether what it
 * should begin with stands there. */
static void allocated(size_t which, lshm_ptr p, bool stands)
{
	if (!p) {
		answer(lshm_error());
		return;
	}
	blocks[which] = p;
	printf("%" PRIu64, p);
	print_header(p);
	puts(stands ? " stands" : " lost");
}

static void allocate(lshm_ptr (*call)(size_t), bool zero)
{
	size_t which = id();
	lshm_ptr p = call(which);
	size_t size = size_of(p);
	allocated(which, p, !zero || filled(p, 0, size, 0, 0));
	if (p)
		fill(p, 0, size, (unsigned)which);
}

static lshm_ptr call_malloc(size_t which)
{
	(void)which;
	return lshm_malloc(heap, (size_t)number());
}

static lshm_ptr call_aligned(size_t which)
{
	size_t align = (size_t)number();
	(void)which;
	return lshm_aligned_alloc(heap, align, (size_t)number());
}

static lshm_ptr call_calloc(size_t which)
{
	size_t count = (size_t)number();
	(void)which;
	return lshm_calloc(heap, count, (size_t)number());
}

/* The content begins with whatever number the block had when it was filled. */
static void do_realloc(void)
{
	size_t which = id(), size = (size_t)number(), had = size_of(blocks[which]);
	unsigned first = had ? lshm_get_u8(heap, blocks[which]) : (unsigned)which;
	lshm_ptr p = lshm_realloc(heap, blocks[which], size);
	size_t kept = had < size ? had : size;
	allocated(which, p, !p || filled(p, 0, kept, first, 1));
	if (p)
		fill(p, kept, size, first);
}

static void do_free(void)
{
	size_t which = id(), size = size_of(blocks[which]);
	unsigned first = size ? lshm_get_u8(heap, blocks[which]) : 0;
	bool stands = filled(blocks[which], 0, size, first, 1);
	int error = lshm_free(heap, blocks[which]);
	blocks[which] = 0;
	printf("%s%s\n", error_name(error), stands ? "" : " lost");
}

static void do_number(void)
{
	lshm_block block;
	size_t which = id(), from = which;
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0; which++) {
		if (which >= IDS)
			give_up("too many blocks");
		blocks[which] = p;
	}
	printf("%zu\n", which - from);
}

/* --- looking ------------------------------------------------------------- */

/* FNV-1a. */
static uint32_t content_hash(lshm_ptr p, size_t size)
{
	const unsigned char *at = lshm_at(heap, p);
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}

static void do_blocks(void)
{
	lshm_block block;
	size_t count = 0;
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0; count++) {
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64, p, block.size, block.footprint);
		print_header(p);
		printf(" %08" PRIx32 "\n", content_hash(p, (size_t)block.size));
	}
	printf("%zu blocks\n", count);
}

static void do_stats(void)
{
	lshm_statistics s;
	if (lshm_stats(heap, &s) != 0)
		give_up("stats");
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	       "\n",
	       s.committed, s.maximum, s.used, s.free, s.metadata, s.largest_free, s.blocks);
}

static void do_check(void)
{
	lshm_report report;
	if (lshm_check(heap, &report) != 0)
		printf("damaged at %" PRIu64 "\n", report.offset);
	else
		printf("ok %" PRIu64 "\n", report.blocks);
}

static void do_roots(void)
{
	for (unsigned i = 0; i < LSHM_ROOTS; i++)
		printf("%" PRIu64 "%c", lshm_root_get(heap, i), i + 1 < LSHM_ROOTS ? ' ' : '\n');
}

static void do_image(void)
{
	lshm_statistics s;
	FILE *file = fopen(word(), "wb");
	if (!file || lshm_stats(heap, &s) != 0 ||
	    fwrite((char *)lshm_at(heap, NULL_BYTES) - NULL_BYTES, (size_t)s.committed, 1, file) !=
	            1 ||
	    fclose(file) != 0)
		give_up("image");
	printf("%" PRIu64 "\n", s.committed);
}

/* Names and places: `private` are a host's own words and a thread's workspace,
 * which are all that may differ between two heaps of one history. */
static void do_layout(void)
{
	const struct header *h = (const void *)((char *)lshm_at(heap, NULL_BYTES) - NULL_BYTES);
	printf("magic %zu\nversion %zu\nsignature %zu\n", offsetof(struct header, magic),
	       offsetof(struct header, version), offsetof(struct header, signature));
	for (uint32_t i = 0; i < h->slots_first; i++) {
		size_t slot = sizeof *h + i * sizeof(struct slot);
		printf("private %zu %zu\n", slot + offsetof(struct slot, host),
		       sizeof(((struct slot *)0)->host));
		printf("private %zu %zu\n", slot + offsetof(struct slot, workspace),
		       sizeof(((struct slot *)0)->workspace));
	}
	puts("end");
}

/* --- heaps --------------------------------------------------------------- */

static void opened(lshm *made)
{
	heap = made;
	answer(made ? 0 : lshm_error());
}

static void do_make(const char *name, bool named, bool ours)
{
	lshm_options options = {.initial = number(), .maximum = number(), .secret = number()};
	if (!ours) {
		opened(lshm_open(named ? name : NULL, LSHM_CREATE | LSHM_EXCLUSIVE, &options));
		return;
	}
	void *base = mmap(NULL, (size_t)options.maximum, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		give_up("mmap");
	opened(lshm_init(base, (size_t)options.initial, (size_t)options.maximum, &options));
}

/* What is refused must not have been written to. */
static void do_attach(void)
{
	struct stat st;
	int fd = open(word(), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		give_up("attach");
	size_t size = (size_t)st.st_size;
	char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *before = malloc(size);
	if (base == MAP_FAILED || !before)
		give_up("attach");
	memcpy(before, base, size);
	heap = lshm_attach(base, size, 0);
	printf("%s", error_name(heap ? 0 : lshm_error()));
	puts(heap || memcmp(before, base, size) == 0 ? "" : " written");
	free(before);
	close(fd);
}

/* --- commands ------------------------------------------------------------ */

/* The commands that make or end a heap. */
static bool heap_command(const char *command)
{
	if (!strcmp(command, "memory"))
		do_make(NULL, false, true);
	else if (!strcmp(command, "anonymous"))
		do_make(NULL, false, false);
	else if (!strcmp(command, "create"))
		do_make(word(), true, false);
	else if (!strcmp(command, "open"))
		opened(lshm_open(word(), 0, NULL));
	else if (!strcmp(command, "attach"))
		do_attach();
	else
		return false;
	return true;
}

static bool block_command(const char *command)
{
	if (!strcmp(command, "malloc"))
		allocate(call_malloc, false);
	else if (!strcmp(command, "aligned"))
		allocate(call_aligned, false);
	else if (!strcmp(command, "calloc"))
		allocate(call_calloc, true);
	else if (!strcmp(command, "realloc"))
		do_realloc();
	else if (!strcmp(command, "free"))
		do_free();
	else if (!strcmp(command, "number"))
		do_number();
	else
		return false;
	return true;
}

static bool look_command(const char *command)
{
	if (!strcmp(command, "blocks"))
		do_blocks();
	else if (!strcmp(command, "stats"))
		do_stats();
	else if (!strcmp(command, "check"))
		do_check();
	else if (!strcmp(command, "roots"))
		do_roots();
	else if (!strcmp(command, "image"))
		do_image();
	else if (!strcmp(command, "layout"))
		do_layout();
	else if (!strcmp(command, "named"))
		printf("%" PRIu64 "\n", lshm_name_get(heap, word()));
	else
		return false;
	return true;
}

static bool other_command(const char *command)
{
	if (!strcmp(command, "root")) {
		unsigned i = (unsigned)number();
		answer(lshm_root_set(heap, i, blocks[id()]));
	} else if (!strcmp(command, "name")) {
		const char *text = word();
		answer(lshm_name_set(heap, text, blocks[id()]));
	} else if (!strcmp(command, "grow")) {
		answer(lshm_grow(heap, (size_t)number()));
	} else if (!strcmp(command, "trim")) {
		answer(lshm_trim(heap));
	} else if (!strcmp(command, "close")) {
		lshm_close(heap);
		heap = NULL;
		answer(0);
	} else {
		return false;
	}
	return true;
}

int main(void)
{
	char line[LINE];
	alarm(60);
	while (fgets(line, sizeof line, stdin)) {
		const char *command = strtok_r(line, " \n", &arguments);
		if (!command || !strcmp(command, "leave"))
			break;
		if (heap_command(command))
			continue;
		if (!heap)
			give_up("there is no heap");
		if (!block_command(command) && !look_command(command) && !other_command(command))
			give_up(command);
	}
	fflush(stdout);
	/* Without a word to the heap, unless `close` was said. */
	_exit(0);
}
