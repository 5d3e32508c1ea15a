/* wasm.c - the picture for JavaScript. A module of its own with a memory of its
 * own: it never sees the heap, JavaScript hands it one region after the other.
 */
#include "picture.h"

enum { TITLE_BYTES = 256 };

__attribute__((import_module("env"), import_name("write"))) void host_write(const char *text,
                                                                            size_t length);

static struct picture picture;
static struct region region;
static char title[TITLE_BYTES];

static void pass_on(void *context, const char *text, size_t length)
{
	(void)context;
	host_write(text, length);
}

/* Where a region goes. */
struct region *region_buffer(void)
{
	return &region;
}

/* Where a title goes, in UTF-8, ending in zero. */
char *title_buffer(void)
{
	return title;
}

uint32_t title_bytes(void)
{
	return TITLE_BYTES;
}

void begin(uint32_t width, double committed, double maximum, double origin)
{
	picture = (struct picture){
		.width = width,
		.committed = (uint64_t)committed,
		.maximum = (uint64_t)maximum,
		.origin = (uint64_t)origin,
		.title = title,
		.write = pass_on,
	};
	picture_begin(&picture);
}

void add(void)
{
	picture_region(&picture, &region);
}

void end(void)
{
	picture_end(&picture);
}
