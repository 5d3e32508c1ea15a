#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { COLUMNS_MAX = 8 };

struct cell {
	char *text;
	enum colour colour;
	bool right;
};

static struct cell *cells;
static size_t count, room;
static int columns;

static bool coloured(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

static const char *const codes[] = {"", "1", "2", "32", "33", "1;31"};

/* How many columns of a terminal the text takes, roughly: a character, a column. */
static int text_width(const char *text)
{
	int width = 0;
	for (; *text; width++)
		text_decode(&text);
	return width;
}

void print_text(FILE *file, const char *text)
{
	while (*text) {
		const char *from = text;
		uint32_t point = text_decode(&text);
		if (point == 0xfffd || !text_printable(point))
			putc('?', file);
		else
			fwrite(from, 1, (size_t)(text - from), file);
	}
}

void print_colour(enum colour colour, const char *text)
{
	bool shown = colour != PLAIN && coloured();
	if (shown)
		printf("\033[%sm", codes[colour]);
	print_text(stdout, text);
	if (shown)
		fputs("\033[0m", stdout);
}

const char *size_text(char *buffer, size_t size, uint64_t bytes, bool exact)
{
	int unit = 0;
	while (unit < 5 && bytes >> (10 * unit) >= 1024)
		unit++;
	if (exact || !unit)
		snprintf(buffer, size, "%llu%s", (unsigned long long)bytes, exact ? "" : " B");
	else
		snprintf(buffer, size, "%.1f %ciB", (double)(bytes >> (10 * (unit - 1))) / 1024.0,
		         "KMGTP"[unit - 1]);
	return buffer;
}

void out_of_memory(void)
{
	fputs("lshm: out of memory\n", stderr);
	exit(3);
}

void table_begin(int wide)
{
	columns = wide;
	count = 0;
}

void table_cell(enum colour colour, bool right, const char *text)
{
	if (count == room) {
		room = room ? room * 2 : 64;
		cells = realloc(cells, room * sizeof *cells);
	}
	char *copy = cells ? strdup(text) : NULL;
	if (!copy)
		out_of_memory();
	cells[count++] = (struct cell){.text = copy, .colour = colour, .right = right};
}

void table_number(uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	table_cell(PLAIN, true, text);
}

void table_size(uint64_t bytes, bool exact)
{
	char text[24];
	table_cell(PLAIN, true, size_text(text, sizeof text, bytes, exact));
}

void table_end(void)
{
	int width[COLUMNS_MAX] = {0};
	for (size_t i = 0; i < count; i++) {
		int wide = text_width(cells[i].text);
		if (wide > width[i % (size_t)columns])
			width[i % (size_t)columns] = wide;
	}
	for (size_t i = 0; i < count; i++) {
		const struct cell *cell = &cells[i];
		int column = (int)(i % (size_t)columns);
		int pad = width[column] - text_width(cell->text);
		bool last = column == columns - 1;
		if (cell->right)
			printf("%*s", pad, "");
		print_colour(cell->colour, cell->text);
		if (!cell->right && !last)
			printf("%*s", pad, "");
		fputs(last ? "\n" : "  ", stdout);
		free(cell->text);
	}
	free(cells);
	cells = NULL;
	count = room = 0;
}
