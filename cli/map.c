/* map.c - the map: as characters, as SVG, as a page with the same picture and
 * tables. src/picture draws.
 */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "picture.h"
#include "text.h"

/* Calls take for each region; others may work in the heap meanwhile. */
static void regions_walk(lshm *heap, void (*take)(void *, const lshm_region *), void *context)
{
	lshm_region region;
	for (lshm_ptr at = 0; (at = lshm_region_next(heap, at, &region)) != 0;) {
		progress_at(at);
		take(context, &region);
	}
}

/* --- JSON ---------------------------------------------------------------- */

static void json_region(void *unused, const lshm_region *region)
{
	static const char *const kinds[] = {"free", "metadata", "slab",
	                                    "span", "changing", "damaged"};
	(void)unused;
	json_object(NULL);
	json_number("byteOffset", region->offset);
	json_number("byteLength", region->length);
	json_text("kind", kinds[region->kind]);
	json_number("blockSize", region->block_size);
	json_number("blocks", region->blocks);
	json_number("used", region->used);
	json_number("kept", region->kept);
	json_number("freed", region->freed);
	json_number("thread", region->thread);
	json_end();
}

/* --- characters ---------------------------------------------------------- */

enum { TEXT_ROWS = 24, TEXT_COLUMNS = 64 };

struct sketch {
	uint64_t cell_bytes, at, bytes[REGION_KINDS], live;
	uint64_t origin; /* of the cell */
	int column;
	enum colour colour; /* of run: signs that are not printed yet */
	char run[TEXT_COLUMNS + 1];
	size_t length;
};

static void sketch_flush(struct sketch *s)
{
	s->run[s->length] = 0;
	if (s->length)
		print_colour(s->colour, s->run);
	s->length = 0;
}

static void sketch_sign(struct sketch *s, enum colour colour, char sign)
{
	if (s->column == 0)
		printf("%12llx  ", (unsigned long long)s->origin);
	if (colour != s->colour)
		sketch_flush(s);
	s->colour = colour;
	s->run[s->length++] = sign;
	if (++s->column == TEXT_COLUMNS) {
		sketch_flush(s);
		putchar('\n');
		s->column = 0;
	}
}

/* What most of the cell is. */
static void sketch_cell(struct sketch *s)
{
	static const enum colour colours[] = {DIM, DIM, GREEN, BOLD, YELLOW, RED};
	static const char signs[] = ".#_=~!";
	uint64_t all = 0;
	int kind = 0;
	for (int i = 0; i < REGION_KINDS; i++) {
		all += s->bytes[i];
		kind = s->bytes[i] > s->bytes[kind] ? i : kind;
	}
	if (s->bytes[REGION_DAMAGED])
		kind = REGION_DAMAGED;
	char sign = signs[kind];
	if (kind == REGION_SLAB)
		sign = (char)('0' + (s->live >= all ? 9 : s->live * 10 / all));
	if (all)
		sketch_sign(s, colours[kind], sign);
	s->origin = s->at;
	s->live = 0;
	memset(s->bytes, 0, sizeof s->bytes);
}

static void sketch_region(void *context, const lshm_region *region)
{
	struct sketch *s = context;
	uint64_t end = region->offset + region->length;
	uint64_t live = region->kind == LSHM_REGION_SPAN ? region->block_size
	                                                 : region->block_size * region->used;
	for (s->at = region->offset; s->at < end;) {
		uint64_t stop = (s->at / s->cell_bytes + 1) * s->cell_bytes;
		uint64_t part = (stop < end ? stop : end) - s->at;
		s->bytes[region->kind] += part;
		s->live += (uint64_t)((double)live * (double)part / (double)region->length);
		s->at += part;
		if (s->at == stop)
			sketch_cell(s);
	}
}

static void sketch_print(const char *name, lshm *heap, uint64_t committed)
{
	struct sketch s = {.cell_bytes = 4096};
	char text[32];
	while (s.cell_bytes * TEXT_COLUMNS * TEXT_ROWS < committed)
		s.cell_bytes *= 2;
	print_colour(BOLD, name);
	printf("  %s", size_text(text, sizeof text, committed, false));
	printf(", each sign %s\n\n", size_text(text, sizeof text, s.cell_bytes, false));
	regions_walk(heap, sketch_region, &s);
	sketch_cell(&s);
	sketch_flush(&s);
	puts(s.column ? "\n" : "");
	print_colour(DIM, ". free  # metadata  0-9 slabs, by how full they are  = a span  "
	                  "~ changing  ! damaged");
	putchar('\n');
}

/* --- SVG ----------------------------------------------------------------- */

static void write_file(void *file, const char *text, size_t length)
{
	fwrite(text, 1, length, file);
}

/* The picture draws the core's regions. */
static void draw_region(void *picture, const lshm_region *region)
{
	const struct region r = {
		.offset = region->offset,
		.length = region->length,
		.block_size = region->block_size,
		.kind = region->kind,
		.thread = region->thread,
		.blocks = region->blocks,
		.used = region->used,
		.kept = region->kept,
		.freed = region->freed,
	};
	picture_region(picture, &r);
}

static void svg_write(const struct call *call, const char *name, lshm *heap,
                      const lshm_statistics *stats, FILE *file)
{
	struct picture picture = {
		.width = call->width ? call->width : 1200,
		.committed = stats->committed,
		.maximum = stats->maximum,
		.title = call->title ? call->title : name,
		.write = write_file,
		.context = file,
	};
	picture_begin(&picture);
	regions_walk(heap, draw_region, &picture);
	picture_end(&picture);
}

/* --- the page ------------------------------------------------------------ */

static void html_text(FILE *file, const char *text)
{
	while (*text) {
		uint32_t point = text_decode(&text);
		fprintf(file, "&#%u;", text_printable(point) ? point : 0xfffd);
	}
}

/* What the page's tables count: by block size of slabs, and by thread. */
struct tally_row {
	uint64_t key, regions, bytes, blocks, used;
};
struct tally {
	struct tally_row sizes[64], threads[256];
	size_t size_count, thread_count;
	uint64_t spans, span_bytes;
};

static void tally_add(struct tally_row *rows, size_t *count, size_t room, uint64_t key,
                      const lshm_region *region)
{
	size_t i = 0;
	while (i < *count && rows[i].key != key)
		i++;
	if (i == room)
		return;
	if (i == *count)
		rows[(*count)++] = (struct tally_row){.key = key};
	rows[i].regions++;
	rows[i].bytes += region->length;
	rows[i].blocks += region->blocks;
	rows[i].used += region->used;
}

static void tally_region(void *context, const lshm_region *region)
{
	struct tally *t = context;
	if (region->kind == LSHM_REGION_SLAB)
		tally_add(t->sizes, &t->size_count, 64, region->block_size, region);
	if (region->kind == LSHM_REGION_SPAN) {
		t->spans++;
		t->span_bytes += region->length;
	}
	if (region->kind == LSHM_REGION_SLAB || region->kind == LSHM_REGION_SPAN)
		tally_add(t->threads, &t->thread_count, 256, region->thread, region);
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct tally_row *)a)->key, y = ((const struct tally_row *)b)->key;
	return x < y ? -1 : x > y;
}

static void html_table(FILE *file, const char *caption, const char *key, struct tally_row *rows,
                       size_t count)
{
	char bytes[32];
	qsort(rows, count, sizeof *rows, by_key);
	fprintf(file,
	        "<table><caption>%s</caption><thead><tr><th>%s<th>regions<th>bytes"
	        "<th>blocks used<th>room for<th>full</tr></thead><tbody>\n",
	        caption, key);
	for (size_t i = 0; i < count; i++) {
		const struct tally_row *r = &rows[i];
		fprintf(file, "<tr><td>%llu<td>%llu<td>%s<td>%llu<td>%llu<td>%.0f %%</tr>\n",
		        (unsigned long long)r->key, (unsigned long long)r->regions,
		        size_text(bytes, sizeof bytes, r->bytes, false),
		        (unsigned long long)r->used, (unsigned long long)r->blocks,
		        r->blocks ? 100.0 * (double)r->used / (double)r->blocks : 0.0);
	}
	fputs("</tbody></table>\n", file);
}

static const char html_style[] =
	"body{margin:1rem;font:14px system-ui,sans-serif;background:#fff;color:#222}"
	"figure{margin:0 0 1rem}figcaption{color:#666}"
	"div{display:flex;flex-wrap:wrap;gap:2rem;align-items:flex-start}"
	"table{border-collapse:collapse}caption{text-align:left;font-weight:600;padding:.3em 0}"
	"th,td{text-align:right;padding:.15em .7em;border-bottom:1px solid #ddd}"
	"@media(prefers-color-scheme:dark){body{background:#16181d;color:#dfe3ea}"
	"figcaption{color:#9aa3b0}th,td{border-color:#343a45}}";

static void html_write(const struct call *call, const char *name, lshm *heap,
                       const lshm_statistics *stats, FILE *file)
{
	struct tally *tally = calloc(1, sizeof *tally);
	fputs("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      file);
	html_text(file, call->title ? call->title : name);
	fprintf(file, "</title>\n<style>%s</style>\n<figure>\n", html_style);
	svg_write(call, name, heap, stats, file);
	fputs("<figcaption>Address space from left to right. Rest the pointer on a "
	      "region for its numbers.</figcaption>\n</figure>\n",
	      file);
	if (tally) {
		char bytes[32];
		regions_walk(heap, tally_region, tally);
		fputs("<div>\n", file);
		html_table(file, "Slabs by block size", "block size", tally->sizes,
		           tally->size_count);
		html_table(file, "Slabs and spans by thread (0: none)", "thread", tally->threads,
		           tally->thread_count);
		fprintf(file, "</div>\n<p>%llu spans of %s together.</p>\n",
		        (unsigned long long)tally->spans,
		        size_text(bytes, sizeof bytes, tally->span_bytes, false));
	}
	fputs("</html>\n", file);
	free(tally);
}

/* --- the command --------------------------------------------------------- */

enum format { FORMAT_TEXT, FORMAT_SVG, FORMAT_HTML };

static enum format format_of(const struct call *call)
{
	const char *name = call->format, *dot = call->output ? strrchr(call->output, '.') : NULL;
	if (!name && dot)
		name = dot + 1;
	if (name && !strcasecmp(name, "svg"))
		return FORMAT_SVG;
	if (name && (!strcasecmp(name, "html") || !strcasecmp(name, "htm")))
		return FORMAT_HTML;
	return FORMAT_TEXT;
}

static enum status map_draw(const struct call *call, const char *name, lshm *heap,
                            const lshm_statistics *stats, enum format format)
{
	const char *path = call->output ? call->output : "-";
	struct output output;
	if (output_is_heap(path, heap))
		return refuse(call, path, "is the heap itself");
	output_open(&output, path, true, 0666);
	if (!output.file)
		return refuse(call, path, strerror(errno));
	progress_begin("drawing", name, stats->committed, -1);
	if (format == FORMAT_SVG)
		svg_write(call, name, heap, stats, output.file);
	else
		html_write(call, name, heap, stats, output.file);
	progress_end();
	return output_close(&output, false) == 0 ? STATUS_DONE
	                                         : refuse(call, path, strerror(errno));
}

static enum status map_one(const struct call *call, const char *name)
{
	enum status status;
	lshm_statistics stats;
	enum format format = format_of(call);
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	lshm_stats(heap, &stats);
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_number("committed", stats.committed);
		json_number("maximum", stats.maximum);
		json_list("regions");
		regions_walk(heap, json_region, NULL);
		json_unwind(0);
	} else if (format == FORMAT_TEXT) {
		sketch_print(name, heap, stats.committed);
	} else {
		status = map_draw(call, name, heap, &stats, format);
	}
	lshm_close(heap);
	return status;
}

enum status command_map(const struct call *call)
{
	return for_each(map_one, call);
}
