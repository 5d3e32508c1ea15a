/* images.c - fuzzes what opens, checks, walks, reaps and uses a heap's image.
 * The image is a real one, in which up to 16 words are then written over as a
 * hostile peer would, or any bytes laid over it.
 *
 *   image:1 strokes:1 { where:8 what:8 }*strokes { call:8 }*
 *
 * More than any offset can reach is unmapped before and behind the image. What is opened for reading, or refused, is not changed.
 */
#include "input.h"

#include "scribble.h"
#include "victim.h"

#include <sys/mman.h>

#define GUARD ((size_t)1 << 30)

enum { IMAGES = 6, LARGEST = (1 << 20) + (1 << 16), STROKES = 16, CALLS = 64, LAID = 0x80 };

static struct image {
	unsigned char *bytes;
	size_t size;         /* the heap's maximum: what is mapped */
	unsigned char *base; /* where, with nothing around it */
} images[IMAGES];

static unsigned char *copy;

/* --- real images ----------------------------------------------------------- */

static unsigned char *guarded(size_t size)
{
	unsigned char *range = mmap(NULL, size + 2 * GUARD, PROT_NONE,
	                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(range != MAP_FAILED);
	CHECK(mprotect(range + GUARD, size, PROT_READ | PROT_WRITE) == 0);
	return range + GUARD;
}

/* Blocks of all classes and some spans, by three threads of which each frees
 * what another allocated, without telling yet; then as many as fit, if so. */
static void work(lshm **threads, uint64_t seed, int steps, bool fill)
{
	lshm_ptr p[128] = {0};
	for (int i = 0; i < steps; i++) {
		lshm_ptr *q = &p[random_below(&seed, 128)];
		lshm *heap = threads[random_below(&seed, 3)];
		if (*q)
			CHECK(lshm_free(heap, *q) == 0);
		*q = random_below(&seed, 3) ? lshm_malloc(heap, random_size(&seed)) : 0;
	}
	for (size_t size = 1 << 20; fill && size; size /= 2)
		while (lshm_malloc(threads[0], size))
			;
	CHECK(lshm_name_set(threads[0], "name", p[0]) == 0);
	CHECK(lshm_root_set(threads[0], 1, p[1]) == 0);
}

static void image_make(struct image *image, size_t initial, size_t size, int steps, bool fill)
{
	lshm *threads[3];
	lshm_options o = {.secret = 0x0123456789abcdef};
	unsigned char *base = guarded(size);
	threads[0] = lshm_init(base, initial, size, &o);
	threads[1] = lshm_attach(base, size, 0);
	threads[2] = lshm_attach(base, size, 0);
	CHECK(threads[0] && threads[1] && threads[2]);
	work(threads, steps + 1, steps, fill);
	if (steps % 2)
		lshm_trim(threads[1]);
	image->base = base;
	image->size = size;
	image->bytes = malloc(size);
	CHECK(image->bytes);
	/* As it is: with three threads that never left. */
	memcpy(image->bytes, base, size);
	for (int i = 0; i < 3; i++)
		lshm_close(threads[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	copy = malloc(LARGEST);
	image_make(&images[0], 1 << 16, 1 << 16, 0, false);
	image_make(&images[1], 1 << 16, 1 << 16, 120, false);
	image_make(&images[2], 1 << 17, 1 << 17, 201, false);
	image_make(&images[3], 1 << 16, 1 << 18, 300, false);
	image_make(&images[4], 1 << 16, 1 << 16, 61, true);
	image_make(&images[5], 1 << 18, LARGEST, 200, false); /* chunks of 4 KiB */
	return 0;
}

/* --- one input --------------------------------------------------------------- */

static void damage(const struct image *image, unsigned char *base, struct input *in, bool laid)
{
	struct pen pen = pen_make(image->bytes, image->size);
	size_t strokes = input_take(in, 1) % (STROKES + 1);
	pen.base = base;
	if (laid) {
		size_t at = input_take(in, 4) % image->size, n = strokes * 16;
		n = n < in->left ? n : in->left;
		n = n < image->size - at ? n : image->size - at;
		memcpy(base + at, in->at, n);
		input_take(in, n);
		return;
	}
	while (strokes--) {
		uint64_t where = input_take(in, 8);
		scribble(&pen, where, input_take(in, 8));
	}
}

static void read_only(unsigned char *base, size_t size)
{
	lshm *heap = lshm_attach(base, size, LSHM_READ_ONLY);
	struct victim v = {.heap = heap, .reach = size};
	lshm_thread list[8];
	if (heap) {
		for (unsigned op = 12; op < 17; op++)
			victim_look(&v, op, lshm_root_get(heap, 1));
		lshm_threads(heap, list, 8);
		lshm_close(heap);
	}
	CHECK(memcmp(base, copy, size) == 0);
}

/* What is refused for reading is refused for writing too, but for want of room. */
static void use(unsigned char *base, size_t size, struct input *in)
{
	lshm_thread list[256];
	lshm_block block;
	struct victim v = {.heap = lshm_attach(base, size, 0), .reach = size};
	if (!v.heap) {
		CHECK(memcmp(base, copy, size) == 0);
		return;
	}
	int count = lshm_threads(v.heap, list, 256);
	for (int i = 0; i < count; i++)
		lshm_reap(v.heap, list[i].thread, LSHM_FORCE, NULL);
	lshm_ptr p = 0;
	for (int i = 0; i < VICTIM_BLOCKS && (p = lshm_next(v.heap, p, &block)) != 0; i++)
		v.block[i] = p;
	for (int i = 0; i < CALLS && in->left; i++)
		victim_step(&v, input_take(in, 8));
	/* Short of memory: everything is looked at. */
	for (int i = 0; i < 4; i++)
		lshm_realloc(v.heap, v.block[i], size - 64);
	for (p = 0; (p = lshm_next(v.heap, p, &block)) != 0;)
		lshm_free(v.heap, p);
	lshm_malloc(v.heap, size - 64);
	lshm_check(v.heap, NULL);
	lshm_close(v.heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t first = input_take(&in, 1);
	const struct image *image = &images[first % IMAGES];
	unsigned char *base = image->base;
	memcpy(base, image->bytes, image->size);
	damage(image, base, &in, first & LAID);
	memcpy(copy, base, image->size);
	read_only(base, image->size);
	use(base, image->size, &in);
	return 0;
}
