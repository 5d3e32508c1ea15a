/* picture.c - see picture.h. Rows of equal length, address space from left to
 * right; what is too narrow to be seen is drawn together with its neighbours,
 * so the text has a bounded length however large the heap is.
 *
 * Lengths below are in tenths of a pixel where their names end in `10`.
 */
#include "picture.h"

#include "text.h"

enum {
	GUTTER = 64, /* left of the rows: offsets */
	TOP = 50,
	PITCH = 28,
	HEIGHT = 22, /* of a row */
	LEGEND_LINE = 18,
	LEGEND_LINES = 4, /* of a wide picture; twice as many of a narrow one */
	WIDE = 480,
	WIDTH_MIN = 280,
	WIDTH_MAX = 8192,
	ROWS_MAX = 24,
	CHUNK = 4096,   /* of most heaps, */
	CHUNK_PX = 40,  /*   at most so wide */
	NARROW10 = 30,  /* drawn together whatever they are, */
	ALIKE10 = 60,   /* or where they are alike */
	NUMBER10 = 340, /* has room for a number, */
	SIZE10 = 600,   /* for a size with its unit */
	SIZES = 6,      /* steps of a block size's colour */
};

/* --- text ---------------------------------------------------------------- */

static void flush(struct picture *p)
{
	if (p->fill)
		p->write(p->context, p->buffer, p->fill);
	p->fill = 0;
}

static void put_char(struct picture *p, char c)
{
	if (p->fill == sizeof p->buffer)
		flush(p);
	p->buffer[p->fill++] = c;
}

static void put(struct picture *p, const char *text)
{
	while (*text)
		put_char(p, *text++);
}

static void put_number(struct picture *p, uint64_t x)
{
	uint64_t power = 1;
	while (x / power >= 10)
		power *= 10;
	for (; power; power /= 10)
		put_char(p, (char)('0' + x / power % 10));
}

static void put_hex(struct picture *p, uint64_t x)
{
	uint32_t digits = 1;
	while (digits < 16 && x >> (4 * digits))
		digits++;
	put(p, "0x");
	while (digits--)
		put_char(p, "0123456789abcdef"[x >> (4 * digits) & 15]);
}

static void put10(struct picture *p, uint64_t x10)
{
	put_number(p, x10 / 10);
	if (x10 % 10) {
		put_char(p, '.');
		put_char(p, (char)('0' + x10 % 10));
	}
}

/* 1234567: 1.1 MiB */
static void put_size(struct picture *p, uint64_t bytes)
{
	uint32_t unit = 0;
	while (unit < 5 && bytes >> (10 * unit) >= 1024)
		unit++;
	put10(p, unit ? (bytes >> (10 * (unit - 1))) * 10 >> 10 : bytes * 10);
	put_char(p, ' ');
	if (unit) {
		put_char(p, "KMGTP"[unit - 1]);
		put_char(p, 'i');
	}
	put_char(p, 'B');
}

static uint64_t percent(uint64_t part, uint64_t whole)
{
	return whole ? part * 100 / whole : 0;
}

static void put_title(struct picture *p)
{
	const char *text = p->title ? p->title : "heap";
	while (*text) {
		uint32_t point = text_decode(&text);
		point = text_printable(point) ? point : 0xfffd;
		if (point < 0x80 && point != '<' && point != '>' && point != '&' && point != '"') {
			put_char(p, (char)point);
			continue;
		}
		put(p, "&#");
		put_number(p, point);
		put_char(p, ';');
	}
}

/* --- geometry ------------------------------------------------------------ */

static uint64_t row_of(const struct picture *p, uint64_t offset)
{
	return offset / p->row_bytes;
}

/* From the left of the row that begins at `row_from`. */
static uint64_t x10_of(const struct picture *p, uint64_t row_from, uint64_t offset)
{
	uint64_t wide10 = 10ull * (p->width - GUTTER);
	return 10ull * GUTTER + (offset - row_from) * wide10 / p->row_bytes;
}

static uint64_t row_start(const struct picture *p, uint64_t offset)
{
	return row_of(p, offset) * p->row_bytes;
}

/* Between two offsets of one row. */
static uint64_t width10(const struct picture *p, uint64_t from, uint64_t to)
{
	uint64_t row_from = row_start(p, from);
	return x10_of(p, row_from, to) - x10_of(p, row_from, from);
}

/* A rectangle in the row of `cell`: `height` pixels that end `bottom` above the
 * row's lower edge. */
static void put_box(struct picture *p, const struct picture_cell *cell, const char *class,
                    uint32_t height, uint32_t bottom)
{
	uint64_t row_from = row_start(p, cell->from), from = x10_of(p, row_from, cell->from);
	uint64_t wide = x10_of(p, row_from, cell->to) - from;
	uint64_t y = TOP + row_of(p, cell->from) * PITCH + HEIGHT - bottom - height;
	/* A gap, where there is room for one. */
	wide = wide > 40 ? wide - 10 : wide > 10 ? wide - 3 : wide;
	put(p, "<path class=\"");
	put(p, class);
	put(p, "\" d=\"M");
	put10(p, from);
	put_char(p, ' ');
	put_number(p, y);
	put_char(p, 'h');
	put10(p, wide);
	put_char(p, 'v');
	put_number(p, height);
	put(p, "h-");
	put10(p, wide);
	put(p, "z\"/>");
}

/* The colour of a slab's block size: SIZES steps, each of a factor of 4. */
static const char *size_class(uint64_t block_size)
{
	static const char *const names[SIZES] = {"z0", "z1", "z2", "z3", "z4", "z5"};
	uint32_t step = 0;
	while (step < SIZES - 1 && block_size > (uint64_t)32 << (2 * step))
		step++;
	return names[step];
}

/* --- cells --------------------------------------------------------------- */

static const char *kind_name(uint32_t kind)
{
	static const char *const names[REGION_KINDS] = {
		"free", "metadata", "slab", "span", "changing", "damaged",
	};
	return names[kind];
}

static void put_count(struct picture *p, uint64_t count, const char *what)
{
	put_number(p, count);
	put_char(p, ' ');
	put(p, what);
	if (count != 1)
		put_char(p, 's');
}

static void put_thread(struct picture *p, const struct picture_cell *cell, const char *none)
{
	if (cell->threads_differ) {
		put(p, ", several threads");
	} else if (cell->thread) {
		put(p, ", thread ");
		put_number(p, cell->thread);
	} else {
		put(p, none);
	}
}

static void put_slabs(struct picture *p, const struct picture_cell *cell)
{
	put(p, " of ");
	put_number(p, cell->block_size);
	put(p, "-byte blocks, ");
	put_number(p, cell->used);
	put(p, " of ");
	put_number(p, cell->blocks);
	put(p, " used (");
	put_number(p, percent(cell->used, cell->blocks));
	put(p, " %)");
	if (cell->kept) {
		put(p, ", ");
		put_number(p, cell->kept);
		put(p, " free and kept by a thread");
	}
	if (cell->freed) {
		put(p, ", ");
		put_number(p, cell->freed);
		put(p, " freed and not collected");
	}
	put_thread(p, cell, ", no owner");
}

static void put_parts(struct picture *p, const struct picture_cell *cell)
{
	put_count(p, cell->regions, "region");
	for (uint32_t kind = 0; kind < REGION_KINDS; kind++) {
		if (!cell->bytes[kind])
			continue;
		put(p, ", ");
		put(p, kind_name(kind));
		put_char(p, ' ');
		put_size(p, cell->bytes[kind]);
	}
	put(p, "; live blocks ");
	put_size(p, cell->live);
}

/* Whether the cell stands for things that one line cannot tell. */
static int cell_mixed(const struct picture_cell *cell)
{
	return cell->kinds_differ || (cell->kind == REGION_SLAB && cell->sizes_differ);
}

/* The numbers that show where a pointer rests. */
static void put_numbers(struct picture *p, const struct picture_cell *cell)
{
	put(p, "<title>");
	put_hex(p, p->origin + cell->from);
	put(p, ": ");
	put_size(p, cell->to - cell->from);
	put(p, ", ");
	if (cell_mixed(cell)) {
		put_parts(p, cell);
	} else if (cell->regions > 1) {
		put_count(p, cell->regions, kind_name(cell->kind));
	} else {
		put(p, kind_name(cell->kind));
	}
	if (!cell_mixed(cell) && cell->kind == REGION_SLAB)
		put_slabs(p, cell);
	if (!cell_mixed(cell) && cell->kind == REGION_SPAN) {
		put(p, cell->regions > 1 ? ", together " : ", one block of ");
		if (cell->regions > 1)
			put_size(p, cell->live);
		else
			put_count(p, cell->block_size, "byte");
		put_thread(p, cell, "");
	}
	put(p, "</title>");
}

/* A number on a cell that is wide enough. */
static void put_label(struct picture *p, const struct picture_cell *cell)
{
	uint64_t row_from = row_start(p, cell->from), room = width10(p, cell->from, cell->to);
	if (cell->sizes_differ || cell_mixed(cell) ||
	    room < (cell->block_size < 10000 ? NUMBER10 : SIZE10))
		return;
	put(p, "<text class=\"n\" x=\"");
	put10(p, x10_of(p, row_from, cell->from) + 30);
	put(p, "\" y=\"");
	put_number(p, TOP + row_of(p, cell->from) * PITCH + HEIGHT - 6);
	put(p, "\">");
	if (cell->block_size < 10000)
		put_number(p, cell->block_size);
	else
		put_size(p, cell->block_size);
	put(p, "</text>");
}

static void put_owner_class(struct picture *p, uint32_t thread)
{
	put(p, " class=\"o");
	put_number(p, ((thread & 255) + PICTURE_THREADS - 1) % PICTURE_THREADS);
	put_char(p, '"');
}

static void draw_slab(struct picture *p, const struct picture_cell *cell)
{
	uint64_t live = cell->used, room = cell->blocks ? cell->blocks : 1;
	if (cell_mixed(cell)) {
		live = cell->live;
		room = cell->to - cell->from;
	}
	uint32_t high = (uint32_t)(live * (HEIGHT - 4) / room);
	put_box(p, cell, "r", HEIGHT, 0);
	if (live)
		put_box(p, cell, "u", high ? high : 1, 0);
	put_box(p, cell, size_class(cell->block_size), 3, HEIGHT - 3);
	put_label(p, cell);
}

static void cell_draw(struct picture *p)
{
	struct picture_cell *cell = &p->cell;
	if (!cell->regions)
		return;
	put(p, "<g");
	if (cell->owned && cell->thread && !cell->threads_differ)
		put_owner_class(p, cell->thread);
	put_char(p, '>');
	put_numbers(p, cell);
	if (cell->kind == REGION_SLAB) {
		draw_slab(p, cell);
	} else if (cell->kind == REGION_SPAN) {
		put_box(p, cell, "u", HEIGHT, 0);
		put_label(p, cell);
	} else {
		static const char *const classes[REGION_KINDS] = {"f", "m", "", "", "c", "d"};
		put_box(p, cell, classes[cell->kind], HEIGHT, 0);
	}
	put(p, "</g>\n");
	*cell = (struct picture_cell){.from = cell->to, .to = cell->to};
}

/* Live bytes of a region. */
static uint64_t region_live(const struct region *r)
{
	uint64_t live = r->kind == REGION_SPAN ? r->block_size : r->used * r->block_size;
	return live < r->length ? live : r->length;
}

static int region_owned(const struct region *r)
{
	return r->kind == REGION_SLAB || r->kind == REGION_SPAN;
}

static int cell_alike(const struct picture_cell *cell, const struct region *r)
{
	return !cell->kinds_differ && cell->kind == r->kind && cell->thread == r->thread &&
	       (cell->block_size == r->block_size || r->kind == REGION_SPAN);
}

/* Adds what of the region lies before `to`. */
static void cell_add(struct picture_cell *cell, const struct region *r, uint64_t to)
{
	uint64_t part = to - cell->to;
	if (cell->regions++ && r->kind != cell->kind)
		cell->kinds_differ = 1;
	if (region_owned(r)) {
		if (cell->owned++) {
			cell->sizes_differ |= cell->block_size != r->block_size;
			cell->threads_differ |= cell->thread != r->thread;
		}
		cell->block_size = r->block_size;
		cell->thread = r->thread;
	}
	cell->blocks += r->blocks;
	cell->used += r->used;
	cell->kept += r->kept;
	cell->freed += r->freed;
	/* Regions are multiples of 1,024 bytes, and may have terabytes. */
	uint32_t scale = r->length >> 32 ? 10 : 0;
	cell->live += (region_live(r) >> scale) * (part >> 10) / (r->length >> 10) << scale;
	cell->bytes[r->kind] += part;
	cell->to = to;
	cell->kind = r->kind;
	for (uint32_t kind = 0; kind < REGION_KINDS; kind++)
		if (cell->bytes[kind] > cell->bytes[cell->kind])
			cell->kind = kind;
	if (cell->bytes[REGION_DAMAGED])
		cell->kind = REGION_DAMAGED;
}

/* Whether what of the region lies before `to` may be drawn with the cell. */
static int cell_takes(struct picture *p, const struct region *r, uint64_t to)
{
	const struct picture_cell *cell = &p->cell;
	uint64_t has = width10(p, cell->from, cell->to), more = width10(p, cell->to, to);
	return has < NARROW10 && more < NARROW10
	               ? 1
	               : has < ALIKE10 && more < ALIKE10 && cell_alike(cell, r);
}

/* --- the picture --------------------------------------------------------- */

static const char style[] = ".lshm-map{background:#fff;max-width:100%;height:auto;"
			    "font:11px system-ui,sans-serif}"
			    ".lshm-map text{fill:#444}"
			    ".lshm-map .t{font-size:14px;font-weight:600;fill:#111}"
			    ".lshm-map .a{text-anchor:end;font-size:10px}"
			    ".lshm-map .n{font-size:10px;fill:#111;stroke:#fff;stroke-opacity:.6;"
			    "stroke-width:2px;paint-order:stroke;pointer-events:none}"
			    ".lshm-map .r{fill-opacity:.25}"
			    ".lshm-map g{fill:#8a94a6}"
			    ".lshm-map .o0{fill:#4e79a7}.lshm-map .o1{fill:#f28e2b}"
			    ".lshm-map .o2{fill:#59a14f}.lshm-map .o3{fill:#b07aa1}"
			    ".lshm-map .o4{fill:#39b0a8}.lshm-map .o5{fill:#d4b012}"
			    ".lshm-map .o6{fill:#ff8fa0}.lshm-map .o7{fill:#9c755f}"
			    ".lshm-map .o8{fill:#1f9ed1}.lshm-map .o9{fill:#8cc152}"
			    ".lshm-map .o10{fill:#c75b8b}.lshm-map .o11{fill:#6b6ecf}"
			    ".lshm-map .z0{fill:#d9c9f2}.lshm-map .z1{fill:#b79be0}"
			    ".lshm-map .z2{fill:#946cc9}.lshm-map .z3{fill:#7342ad}"
			    ".lshm-map .z4{fill:#532489}.lshm-map .z5{fill:#350f60}"
			    ".lshm-map .f{fill:#eef0f3}.lshm-map .m{fill:#5b6470}"
			    ".lshm-map .c{fill:#fff3c4;stroke:#b8860b;stroke-width:.6}"
			    ".lshm-map .d{fill:#d40000}"
			    "@media(prefers-color-scheme:dark){"
			    ".lshm-map{background:#16181d}.lshm-map text{fill:#b8bec9}"
			    ".lshm-map .t{fill:#f2f4f7}"
			    ".lshm-map .n{fill:#fff;stroke:#16181d}"
			    ".lshm-map .r{fill-opacity:.35}"
			    ".lshm-map .f{fill:#262a32}.lshm-map .m{fill:#566072}"
			    ".lshm-map .c{fill:#4a3c00;stroke:#e0b030}"
			    ".lshm-map .d{fill:#ff4d4d}"
			    ".lshm-map .z0{fill:#f0e8ff}.lshm-map .z1{fill:#d4bcff}"
			    ".lshm-map .z2{fill:#b48cff}.lshm-map .z3{fill:#9160ee}"
			    ".lshm-map .z4{fill:#6d3cc8}.lshm-map .z5{fill:#4b2299}}";

static void put_attribute(struct picture *p, const char *name, uint64_t x)
{
	put_char(p, ' ');
	put(p, name);
	put(p, "=\"");
	put_number(p, x);
	put_char(p, '"');
}

static void put_text_at(struct picture *p, const char *class, uint64_t x, uint64_t y)
{
	put(p, "<text class=\"");
	put(p, class);
	put_char(p, '"');
	put_attribute(p, "x", x);
	put_attribute(p, "y", y);
	put_char(p, '>');
}

static uint32_t legend_lines(const struct picture *p)
{
	return p->width < WIDE ? LEGEND_LINES * 2 : LEGEND_LINES;
}

void picture_begin(struct picture *p)
{
	p->width = p->width < WIDTH_MIN ? WIDTH_MIN : p->width;
	p->width = p->width > WIDTH_MAX ? WIDTH_MAX : p->width;
	/* A power of two, for round numbers beside the rows: the least with which
	 * there are not too many of them and chunks are not too wide. */
	p->row_bytes = CHUNK;
	while (p->row_bytes * CHUNK_PX < (uint64_t)(p->width - GUTTER) * CHUNK ||
	       p->row_bytes * ROWS_MAX < p->committed)
		p->row_bytes *= 2;
	if (p->row_bytes > p->committed && p->committed)
		p->row_bytes = p->committed;
	p->rows = (uint32_t)((p->committed + p->row_bytes - 1) / p->row_bytes);
	uint64_t height = TOP + p->rows * PITCH + legend_lines(p) * LEGEND_LINE;
	put(p, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lshm-map\" role=\"img\"");
	put_attribute(p, "width", p->width);
	put_attribute(p, "height", height);
	put(p, " viewBox=\"0 0 ");
	put_number(p, p->width);
	put_char(p, ' ');
	put_number(p, height);
	put(p, "\" aria-label=\"Map of ");
	put_title(p);
	put(p, "\">\n<style>");
	put(p, style);
	put(p, "</style>\n");
	put_text_at(p, "t", 4, 18);
	put_title(p);
	put(p, "</text>\n");
	for (uint32_t row = 0; row < p->rows; row++) {
		put_text_at(p, "a", GUTTER - 6, TOP + row * PITCH + HEIGHT - 7);
		put_size(p, p->origin + row * p->row_bytes);
		put(p, "</text>\n");
	}
}

static void note_thread(struct picture *p, uint32_t thread)
{
	uint32_t i = 0;
	while (i < p->thread_count && p->threads[i] != thread)
		i++;
	if (!thread || i < p->thread_count)
		return;
	if (i < PICTURE_THREADS)
		p->threads[p->thread_count++] = thread;
	else
		p->more_threads = 1;
}

void picture_region(struct picture *p, const struct region *r)
{
	struct picture_cell *cell = &p->cell;
	uint64_t end = r->offset + r->length;
	/* A heap that grows while it is drawn is drawn as it was at first. */
	if (r->offset != cell->to || r->kind >= REGION_KINDS || r->length < 1024 ||
	    r->offset >= p->committed)
		return;
	end = end < p->committed ? end : p->committed;
	p->bytes[r->kind] += end - r->offset;
	p->live += region_live(r);
	p->blocks += r->used;
	p->slabs += r->kind == REGION_SLAB;
	p->spans += r->kind == REGION_SPAN;
	note_thread(p, r->thread);
	while (cell->to < end) {
		uint64_t row_end = row_start(p, cell->to) + p->row_bytes;
		uint64_t to = end < row_end ? end : row_end;
		if (cell->regions && !cell_takes(p, r, to))
			cell_draw(p);
		cell_add(cell, r, to);
		if (to == row_end)
			cell_draw(p);
	}
}

/* --- the legend ---------------------------------------------------------- */

/* Where the next key goes. */
struct place {
	uint64_t x, y;
};

static struct place legend_line(struct place place)
{
	return (struct place){.x = 4, .y = place.y + LEGEND_LINE};
}

/* A coloured square and a word; returns where the next one goes. */
static struct place put_key(struct picture *p, struct place at, const char *class, const char *text)
{
	uint64_t length = 0;
	while (text[length])
		length++;
	if (at.x + 20 + length * 6 > p->width)
		at = legend_line(at);
	put(p, "<path class=\"");
	put(p, class);
	put(p, "\" d=\"M");
	put_number(p, at.x);
	put_char(p, ' ');
	put_number(p, at.y - 9);
	put(p, "h10v10h-10z\"/>");
	put_text_at(p, "", at.x + 14, at.y);
	put(p, text);
	put(p, "</text>\n");
	at.x += 26 + length * 6;
	return at;
}

static struct place put_kinds(struct picture *p, struct place at)
{
	put(p, "<g>");
	at = put_key(p, at, "u", "used");
	at = put_key(p, at, "r", "room in a slab");
	at = put_key(p, at, "f", "free");
	at = put_key(p, at, "m", "metadata");
	at = put_key(p, at, "c", "changing");
	at = put_key(p, at, "d", "damaged");
	put(p, "</g>\n");
	return legend_line(at);
}

static struct place put_sizes(struct picture *p, struct place at)
{
	static const char *const texts[SIZES] = {
		"slab of blocks to 32 B", "128 B", "512 B", "2 KiB", "8 KiB", "16 KiB",
	};
	for (uint32_t i = 0; i < SIZES; i++)
		at = put_key(p, at, size_class((uint64_t)32 << (2 * i)), texts[i]);
	return legend_line(at);
}

static void put_threads(struct picture *p, struct place at)
{
	const uint32_t last = TOP + p->rows * PITCH + legend_lines(p) * LEGEND_LINE;
	char text[24];
	put(p, "<g>");
	at = put_key(p, at, "u", "no thread or several");
	put(p, "</g>");
	for (uint32_t i = 0; i < p->thread_count && at.y < last; i++) {
		char *t = text + sizeof text;
		*--t = 0;
		for (uint32_t x = p->threads[i]; x; x /= 10)
			*--t = (char)('0' + x % 10);
		for (const char *word = " daerht"; *word; word++)
			*--t = *word;
		put(p, "<g");
		put_owner_class(p, p->threads[i]);
		put_char(p, '>');
		at = put_key(p, at, "u", t);
		put(p, "</g>\n");
	}
	if (p->more_threads && at.y < last) {
		put_text_at(p, "", at.x, at.y);
		put(p, "and more</text>");
	}
}

void picture_end(struct picture *p)
{
	struct place at = {.x = 4, .y = TOP + p->rows * PITCH + LEGEND_LINE - 4};
	if (p->cell.regions)
		cell_draw(p);
	put_text_at(p, "", 4, 36);
	put_size(p, p->committed);
	put(p, " of at most ");
	put_size(p, p->maximum);
	put(p, ", ");
	put_number(p, percent(p->live, p->committed));
	put(p, " % in ");
	put_count(p, p->blocks, "live block");
	put(p, ", ");
	put_count(p, p->slabs, "slab");
	put(p, ", ");
	put_count(p, p->spans, "span");
	put(p, "</text>\n");
	at = put_kinds(p, at);
	at = put_sizes(p, at);
	put_threads(p, at);
	put(p, "</svg>\n");
	flush(p);
}
