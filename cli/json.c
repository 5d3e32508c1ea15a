#include "json.h"

#include <stdio.h>

#include "text.h"

enum { DEPTH_MAX = 8 };

static struct {
	bool list, filled;
} level[DEPTH_MAX];
static int depth;

/* Each entry of a list of objects stands in a line of its own. */
static void begin(const char *key)
{
	bool line = depth && (level[depth - 1].list || depth == 1);
	if (depth && level[depth - 1].filled)
		fputs(line ? "," : ", ", stdout);
	if (line)
		printf("\n%*s", depth, "");
	if (depth)
		level[depth - 1].filled = true;
	if (key)
		printf("\"%s\": ", key);
}

static void open_level(const char *key, bool list)
{
	begin(key);
	putchar(list ? '[' : '{');
	level[depth].list = list;
	level[depth].filled = false;
	depth++;
}

void json_object(const char *key)
{
	open_level(key, false);
}

void json_list(const char *key)
{
	open_level(key, true);
}

void json_end(void)
{
	depth--;
	if (level[depth].filled && (level[depth].list || depth == 0))
		printf("\n%*s", depth, "");
	putchar(level[depth].list ? ']' : '}');
	if (depth == 0)
		putchar('\n');
}

int json_depth(void)
{
	return depth;
}

void json_unwind(int keep)
{
	while (depth > keep)
		json_end();
}

void json_number(const char *key, uint64_t value)
{
	begin(key);
	printf("%llu", (unsigned long long)value);
}

void json_bool(const char *key, bool value)
{
	begin(key);
	fputs(value ? "true" : "false", stdout);
}

void json_text(const char *key, const char *value)
{
	begin(key);
	if (!value) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	while (*value) {
		uint32_t point = text_decode(&value);
		if (point == '"' || point == '\\')
			printf("\\%c", (int)point);
		else if (point >= 0x20 && point < 0x7f)
			putchar((int)point);
		else if (point < 0x10000)
			printf("\\u%04x", (unsigned)point);
		else
			printf("\\u%04x\\u%04x", (unsigned)(0xd800 + ((point - 0x10000) >> 10)),
			       (unsigned)(0xdc00 + ((point - 0x10000) & 0x3ff)));
	}
	putchar('"');
}
