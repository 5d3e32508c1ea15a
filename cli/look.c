/* look.c - ls, info, allocs and check: they only read. */
#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *thread_state(const lshm_thread *thread)
{
	if (thread->flags & LSHM_THREAD_RESERVED)
		return "reserved";
	return thread->flags & LSHM_THREAD_DEAD ? "dead" : "alive";
}

static int heap_threads(lshm *heap, lshm_thread *list)
{
	int count = lshm_threads(heap, list, THREADS_MAX);
	return count < 0 ? 0 : count > THREADS_MAX ? THREADS_MAX : count;
}

/* --- ls ------------------------------------------------------------------ */

#define SHM_DIRECTORY "/dev/shm"

/* What one line of the list says. */
struct line {
	const char *state;
	enum status status;
	lshm_statistics stats; /* with --long */
	uint64_t size;
	uint64_t alive, dead;
	bool heap;
};

static void line_fill(const struct call *call, const char *name, lshm *heap, struct line *line)
{
	lshm_thread threads[THREADS_MAX];
	struct stat st;
	if (fstat(lshm_fd(heap), &st) == 0)
		line->size = (uint64_t)st.st_size;
	int count = heap_threads(heap, threads);
	for (int i = 0; i < count; i++)
		*(threads[i].flags & LSHM_THREAD_DEAD ? &line->dead : &line->alive) += 1;
	if (!call->detailed)
		return;
	progress_begin("counting", name, 0, -1);
	lshm_stats(heap, &line->stats);
	if (lshm_check(heap, NULL) != 0) {
		line->state = "damaged";
		line->status = STATUS_DAMAGED;
	} else {
		line->state = "healthy";
	}
	progress_end();
}

static void line_json(const struct call *call, const char *name, const struct line *line)
{
	json_object(NULL);
	json_text("name", name);
	json_text("state", line->state);
	if (line->heap) {
		json_number("bytes", line->size);
		json_number("alive", line->alive);
		json_number("dead", line->dead);
	}
	if (line->heap && call->detailed) {
		json_number("maximum", line->stats.maximum);
		json_number("used", line->stats.used);
		json_number("blocks", line->stats.blocks);
	}
	json_end();
}

static void line_row(const struct call *call, const char *name, const struct line *line)
{
	table_cell(BOLD, false, name);
	if (line->heap)
		table_size(line->size, call->bytes);
	else
		table_cell(PLAIN, true, "-");
	if (call->detailed) {
		if (line->heap) {
			table_size(line->stats.maximum, call->bytes);
			table_size(line->stats.used, call->bytes);
			table_number(line->stats.blocks);
		} else {
			for (int i = 0; i < 3; i++)
				table_cell(PLAIN, true, "-");
		}
	}
	table_number(line->alive);
	table_number(line->dead);
	table_cell(line->status == STATUS_DONE      ? GREEN
	           : line->status == STATUS_DAMAGED ? RED
	                                            : YELLOW,
	           false, line->state);
}

static enum status ls_heap(const struct call *call, const char *name, bool entry)
{
	struct failure why = {0};
	lshm *heap = heap_try(name, &why);
	struct line line = {.state = heap ? "heap" : why.text, .status = why.status, .heap = heap};
	/* What is no heap at all, or of somebody else. */
	bool foreign = why.error == LSHM_ERR_NO_HEAP || why.status == STATUS_REFUSED;
	if (entry && foreign && !call->all)
		return STATUS_DONE;
	if (heap) {
		line_fill(call, name, heap, &line);
		lshm_close(heap);
	}
	if (call->json)
		line_json(call, name, &line);
	else
		line_row(call, name, &line);
	return line.status;
}

static enum status ls_one(const struct call *call, const char *name)
{
	return ls_heap(call, name, false);
}

/* An entry of a directory: what is no heap is left out, unless all is asked for,
 * and no reason to complain. */
static enum status ls_entry(const struct call *call, const char *name)
{
	enum status status = ls_heap(call, name, true);
	return status == STATUS_DAMAGED ? status : STATUS_DONE;
}

/* Names of a directory's entries, each behind `prefix`; NULL and errno. */
static char **entries(const char *directory, const char *prefix, size_t *count)
{
	struct dirent **found = NULL;
	int n = scandir(directory, &found, NULL, alphasort);
	char **names = n < 0 ? NULL : calloc((size_t)n + 1, sizeof *names);
	*count = 0;
	for (int i = 0; i < n; i++) {
		const char *entry = found[i]->d_name;
		bool own = !strcmp(entry, ".") || !strcmp(entry, "..");
		if (names && !own && asprintf(&names[*count], "%s/%s", prefix, entry) > 0)
			++*count;
		free(found[i]);
	}
	free(found);
	return names;
}

static enum status ls_directory(const struct call *call, const char *directory, const char *prefix)
{
	size_t count = 0;
	enum status worst = STATUS_DONE;
	char **names = entries(directory, prefix, &count);
	if (!names)
		return refuse(call, directory, strerror(errno));
	for (size_t i = 0; i < count; i++) {
		enum status status = guard_hit() ? STATUS_DONE : guarded(ls_entry, call, names[i]);
		worst = status > worst ? status : worst;
		free(names[i]);
	}
	free(names);
	return worst;
}

static enum status ls_named(const struct call *call)
{
	enum status worst = STATUS_DONE;
	for (int i = 0; i < call->count && !guard_hit(); i++) {
		const char *name = call->names[i];
		struct stat st;
		bool directory = strchr(name + (name[0] == '/'), '/') || name[0] != '/';
		directory = directory && stat(name, &st) == 0 && S_ISDIR(st.st_mode);
		enum status status =
			directory ? ls_directory(call, name, name) : guarded(ls_one, call, name);
		worst = status > worst ? status : worst;
	}
	return worst;
}

enum status command_ls(const struct call *call)
{
	static const char *const heads[] = {"NAME",   "SIZE",    "MAXIMUM", "USED",
	                                    "BLOCKS", "THREADS", "DEAD",    "STATE"};
	if (call->json) {
		json_list(NULL);
	} else {
		table_begin(call->detailed ? 8 : 5);
		for (int i = 0; i < 8; i++)
			if (call->detailed || i < 2 || i > 4)
				table_cell(DIM, i > 0 && i < 7, heads[i]);
	}
	enum status status = call->count ? ls_named(call) : ls_directory(call, SHM_DIRECTORY, "");
	if (call->json)
		json_end();
	else
		table_end();
	return status;
}

/* --- info ---------------------------------------------------------------- */

/* All that info says. */
struct facts {
	lshm_statistics stats;
	lshm_report report;
	bool healthy;
	lshm_thread threads[THREADS_MAX];
	int thread_count;
};

static void info_json(lshm *heap, const struct facts *f)
{
	char text[LSHM_NAME_MAX + 1];
	lshm_ptr ptr;
	json_text("state", f->healthy ? "healthy" : "damaged");
	json_number("invariant", f->report.invariant);
	json_number("byteOffset", f->report.offset);
	json_number("committed", f->stats.committed);
	json_number("maximum", f->stats.maximum);
	json_number("used", f->stats.used);
	json_number("free", f->stats.free);
	json_number("metadata", f->stats.metadata);
	json_number("largestFree", f->stats.largest_free);
	json_number("blocks", f->stats.blocks);
	json_number("freeBlocks", f->report.free_blocks);
	json_number("slabs", f->stats.slabs);
	json_number("spans", f->stats.spans);
	json_list("threads");
	for (int i = 0; i < f->thread_count; i++) {
		json_object(NULL);
		json_number("thread", f->threads[i].thread);
		json_text("state", thread_state(&f->threads[i]));
		json_number("process", f->threads[i].process);
		json_end();
	}
	json_end();
	json_list("roots");
	for (unsigned i = 0; i < LSHM_ROOTS; i++)
		json_number(NULL, lshm_root_get(heap, i));
	json_end();
	json_list("names");
	for (unsigned i = 0; i < LSHM_NAMES; i++) {
		if (lshm_name_at(heap, i, text, &ptr) != 1)
			continue;
		json_object(NULL);
		json_text("text", text);
		json_number("byteOffset", ptr);
		json_end();
	}
	json_end();
}

static void info_line(const char *word, const char *text)
{
	table_cell(DIM, false, word);
	table_cell(PLAIN, false, text);
}

static void info_size(const struct call *call, const char *word, uint64_t bytes, uint64_t whole)
{
	char size[32], text[64];
	size_text(size, sizeof size, bytes, call->bytes);
	if (whole)
		snprintf(text, sizeof text, "%s (%.1f %%)", size,
		         100.0 * (double)bytes / (double)whole);
	else
		snprintf(text, sizeof text, "%s", size);
	info_line(word, text);
}

static void info_roots(lshm *heap)
{
	char text[LSHM_NAME_MAX + 1], line[64];
	lshm_ptr ptr;
	for (unsigned i = 0; i < LSHM_ROOTS; i++) {
		if ((ptr = lshm_root_get(heap, i)) == 0)
			continue;
		snprintf(line, sizeof line, "root %u", i);
		table_cell(DIM, false, line);
		snprintf(line, sizeof line, "0x%llx", (unsigned long long)ptr);
		table_cell(PLAIN, false, line);
	}
	for (unsigned i = 0; i < LSHM_NAMES; i++) {
		if (lshm_name_at(heap, i, text, &ptr) != 1)
			continue;
		snprintf(line, sizeof line, "\"%s\"", text);
		table_cell(DIM, false, line);
		snprintf(line, sizeof line, "0x%llx", (unsigned long long)ptr);
		table_cell(PLAIN, false, line);
	}
}

static void info_threads(const struct facts *f)
{
	if (!f->thread_count)
		return;
	putchar('\n');
	table_begin(3);
	table_cell(DIM, true, "THREAD");
	table_cell(DIM, true, "PROCESS");
	table_cell(DIM, false, "STATE");
	for (int i = 0; i < f->thread_count; i++) {
		const lshm_thread *thread = &f->threads[i];
		const char *state = thread_state(thread);
		table_number(thread->thread);
		if (thread->process)
			table_number(thread->process);
		else
			table_cell(PLAIN, true, "-");
		table_cell(!strcmp(state, "alive") ? GREEN : YELLOW, false, state);
	}
	table_end();
}

static void info_print(const struct call *call, const char *name, lshm *heap, const struct facts *f)
{
	char text[128];
	table_begin(2);
	table_cell(DIM, false, "name");
	table_cell(BOLD, false, name);
	table_cell(DIM, false, "state");
	if (f->healthy)
		table_cell(GREEN, false, "healthy");
	else {
		snprintf(text, sizeof text, "damaged: I%u at 0x%llx", f->report.invariant,
		         (unsigned long long)f->report.offset);
		table_cell(RED, false, text);
	}
	info_size(call, "maximum", f->stats.maximum, 0);
	info_size(call, "committed", f->stats.committed, 0);
	info_size(call, "used", f->stats.used, f->stats.committed);
	info_size(call, "free", f->stats.free, f->stats.committed);
	info_size(call, "metadata", f->stats.metadata, f->stats.committed);
	info_size(call, "largest free", f->stats.largest_free, 0);
	snprintf(text, sizeof text, "%llu in %u slabs and %u spans",
	         (unsigned long long)f->stats.blocks, f->stats.slabs, f->stats.spans);
	info_line("blocks", text);
	info_roots(heap);
	table_end();
	info_threads(f);
}

static enum status info_one(const struct call *call, const char *name)
{
	enum status status;
	struct facts f = {0};
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	progress_begin("counting", name, 0, -1);
	f.healthy = lshm_check(heap, &f.report) == 0;
	lshm_stats(heap, &f.stats);
	f.thread_count = heap_threads(heap, f.threads);
	progress_end();
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		info_json(heap, &f);
		json_end();
	} else {
		info_print(call, name, heap, &f);
	}
	lshm_close(heap);
	return f.healthy ? STATUS_DONE : STATUS_DAMAGED;
}

enum status command_info(const struct call *call)
{
	return for_each(info_one, call);
}

/* --- allocs -------------------------------------------------------------- */

static void alloc_print(const struct call *call, const lshm_block *block)
{
	if (call->json) {
		json_object(NULL);
		json_number("byteOffset", block->ptr);
		json_number("byteLength", block->size);
		json_number("bufferSize", block->footprint);
		json_number("thread", block->thread);
		json_end();
	} else {
		printf("%#14llx  %14llu  %14llu  ", (unsigned long long)block->ptr,
		       (unsigned long long)block->size, (unsigned long long)block->footprint);
		if (block->thread)
			printf("%10u\n", block->thread);
		else
			printf("%10s\n", "-");
	}
}

/* What a thread has allocated. */
struct share {
	uint32_t thread;
	uint64_t blocks, size, footprint;
};

/* By a thread's number: a table that is at most half full. */
struct shares {
	struct share *table;
	size_t room, count; /* room: a power of two */
};

/* Where the thread's share is, or would be: one without blocks. */
static struct share *share_of(const struct shares *shares, uint32_t thread)
{
	size_t i = thread * 2654435761u;
	while (shares->table[i & (shares->room - 1)].blocks &&
	       shares->table[i & (shares->room - 1)].thread != thread)
		i++;
	return &shares->table[i & (shares->room - 1)];
}

static void shares_grow(struct shares *shares)
{
	struct shares more = {.room = shares->room ? shares->room * 2 : 64};
	more.table = calloc(more.room, sizeof *more.table);
	if (!more.table)
		out_of_memory();
	more.count = shares->count;
	for (size_t i = 0; i < shares->room; i++)
		if (shares->table[i].blocks)
			*share_of(&more, shares->table[i].thread) = shares->table[i];
	free(shares->table);
	*shares = more;
}

static void shares_add(struct shares *shares, const lshm_block *block)
{
	if (shares->count * 2 >= shares->room)
		shares_grow(shares);
	struct share *share = share_of(shares, block->thread);
	shares->count += !share->blocks;
	share->thread = block->thread;
	share->blocks++;
	share->size += block->size;
	share->footprint += block->footprint;
}

static int by_footprint(const void *a, const void *b)
{
	uint64_t x = ((const struct share *)a)->footprint, y = ((const struct share *)b)->footprint;
	return x < y ? 1 : x > y ? -1 : 0;
}

/* What a thread that once allocated is now. */
static const char *share_state(const lshm_thread *threads, int count, uint32_t thread)
{
	for (int i = 0; i < count; i++)
		if (threads[i].thread == thread)
			return thread_state(&threads[i]);
	return "left";
}

static void share_print(const struct call *call, const struct share *s, const char *state)
{
	if (call->json) {
		json_object(NULL);
		json_number("thread", s->thread);
		json_text("state", state);
		json_number("blocks", s->blocks);
		json_number("byteLength", s->size);
		json_number("bufferSize", s->footprint);
		json_end();
		return;
	}
	table_number(s->thread);
	table_number(s->blocks);
	table_size(s->size, call->bytes);
	table_size(s->footprint, call->bytes);
	table_cell(!strcmp(state, "alive") ? GREEN : YELLOW, false, state);
}

static void shares_print(const struct call *call, lshm *heap, struct shares *shares)
{
	static const char *const heads[] = {"THREAD", "BLOCKS", "REQUESTED", "TAKEN", "STATE"};
	lshm_thread threads[THREADS_MAX];
	int count = heap_threads(heap, threads);
	if (shares->room)
		qsort(shares->table, shares->room, sizeof *shares->table, by_footprint);
	if (!call->json) {
		table_begin(5);
		for (int i = 0; i < 5; i++)
			table_cell(DIM, i < 4, heads[i]);
	}
	for (size_t i = 0; i < shares->count; i++)
		share_print(call, &shares->table[i],
		            share_state(threads, count, shares->table[i].thread));
	if (!call->json)
		table_end();
}

static void allocs_begin(const struct call *call, const char *name)
{
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_list(call->by_thread ? "threads" : "blocks");
	} else if (!call->by_thread) {
		char heads[64];
		snprintf(heads, sizeof heads, "%14s  %14s  %14s  %10s", "OFFSET", "REQUESTED",
		         "TAKEN", "THREAD");
		print_colour(DIM, heads);
		putchar('\n');
	}
}

static enum status allocs_one(const struct call *call, const char *name)
{
	struct shares shares = {0};
	enum status status;
	uint64_t left = call->limit ? call->limit : UINT64_MAX;
	lshm_statistics stats = {0};
	lshm_block block;
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	bool quiet = !call->by_thread && isatty(STDOUT_FILENO);
	if (!quiet && lshm_stats(heap, &stats) == 0)
		progress_begin("listing", name, stats.committed, -1);
	allocs_begin(call, name);
	for (lshm_ptr p = 0; left && (p = lshm_next(heap, p, &block)) != 0;) {
		progress_at(p);
		if (call->thread && block.thread != call->thread)
			continue;
		if (call->by_thread)
			shares_add(&shares, &block);
		else
			alloc_print(call, &block);
		left--;
	}
	progress_end();
	if (call->by_thread)
		shares_print(call, heap, &shares);
	json_unwind(0);
	free(shares.table);
	lshm_close(heap);
	return status;
}

enum status command_allocs(const struct call *call)
{
	return for_each(allocs_one, call);
}

/* --- check --------------------------------------------------------------- */

static void check_json(const char *name, int error, const lshm_report *report)
{
	json_object(NULL);
	json_text("name", name);
	json_text("state", error ? "damaged" : "healthy");
	json_number("invariant", report->invariant);
	json_number("byteOffset", report->offset);
	json_text("meaning", error ? invariant_text(report->invariant) : NULL);
	json_number("blocks", report->blocks);
	json_number("freeBlocks", report->free_blocks);
	json_number("slabs", report->slabs);
	json_number("spans", report->spans);
	json_number("freeChunks", report->free_chunks);
	json_end();
}

static enum status check_one(const struct call *call, const char *name)
{
	enum status status;
	lshm_report report = {0};
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	progress_begin("checking", name, 0, -1);
	int error = lshm_check(heap, &report);
	progress_end();
	lshm_close(heap);
	if (call->json) {
		check_json(name, error, &report);
	} else {
		print_text(stdout, name);
		fputs(": ", stdout);
		if (error) {
			print_colour(RED, "damaged");
			printf(": %s (I%u at 0x%llx)\n", invariant_text(report.invariant),
			       report.invariant, (unsigned long long)report.offset);
		} else {
			print_colour(GREEN, "healthy");
			printf(": %llu blocks in %llu slabs and %llu spans\n",
			       (unsigned long long)report.blocks, (unsigned long long)report.slabs,
			       (unsigned long long)report.spans);
		}
	}
	return error ? STATUS_DAMAGED : STATUS_DONE;
}

enum status command_check(const struct call *call)
{
	if (call->json)
		json_list(NULL);
	enum status status = for_each(check_one, call);
	if (call->json)
		json_end();
	return status;
}
