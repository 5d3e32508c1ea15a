/* operations.c - fuzzes streams of operations, by three threads of one heap,
 * against the shadow of it. A thread here is an attachment: one and the same
 * caller uses the three in turn, so that an input always does the same. One that
 * is reaped has been killed between two operations; it attaches anew.
 *
 *   heap:1 { operation:1 thread and block:1 size:2 }*
 *
 * The heap may be small enough to be out of memory often, or grow.
 */
#include "input.h"

#include "shadow.h"

#include <sys/mman.h>

enum { THREADS = 3, REGION = 1 << 20, OPERATIONS = 400 };

static const struct {
	size_t initial, maximum;
} sizes[] = {{1 << 16, 1 << 16}, {1 << 16, 1 << 19}, {1 << 18, 1 << 18}, {1 << 17, REGION}};

static unsigned char *region;
static struct shadow *shadow;
static lshm *threads[THREADS];
static uint32_t numbers[THREADS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(region != MAP_FAILED);
	shadow = shadow_make(REGION);
	return 0;
}

/* Few small sizes, so that slabs fill up, and now and then a large one. */
static size_t size_of(uint64_t r)
{
	if (r % 16 == 0)
		return (size_t)(r >> 4) % 65536;
	if (r % 4 == 0)
		return (size_t)(r >> 2) % 20000;
	return (size_t)(r >> 2) % 600;
}

/* Thread i was reaped: what it allocated is gone, if so asked. */
static void reap(size_t by, size_t i, bool freeall)
{
	lshm_reaped reaped;
	size_t count = 0;
	uint32_t number = numbers[i];
	if (by == i || !number)
		return;
	CHECK(lshm_reap(threads[by], number, LSHM_FORCE | (freeall ? LSHM_FREE_ALL : 0), &reaped) ==
	      0);
	for (size_t k = shadow->count; k-- > 0;) {
		if (shadow->live[k].thread != number)
			continue;
		count++;
		if (freeall)
			shadow_remove(shadow, k);
	}
	CHECK(reaped.blocks == count);
	numbers[i] = 0;
}

/* What is no live block is refused, whoever asks. */
static void misuse(lshm *heap, uint64_t r)
{
	lshm_ptr p = r * 16 % REGION;
	for (size_t i = 0; i < shadow->count; i++)
		if (shadow->live[i].ptr == p)
			return;
	CHECK(lshm_free(heap, p) < 0 || !p);
	CHECK(lshm_realloc(heap, p + 8, 1) == 0);
}

static void operate(size_t i, unsigned operation, size_t which, uint64_t r)
{
	lshm *heap = threads[i];
	size_t size = size_of(r);
	bool any = shadow->count > 0, room = shadow->count < SHADOW_MAX;
	which = any ? which * 7 % shadow->count : 0;
	if (operation < 5 && room)
		shadow_allocate(shadow, heap, SHADOW_MALLOC, 0, size);
	else if (operation == 5 && room)
		shadow_allocate(shadow, heap, SHADOW_CALLOC, 0, size);
	else if (operation == 6 && room)
		shadow_allocate(shadow, heap, SHADOW_ALIGNED, (size_t)1 << r % 14, size);
	else if (operation < 10 && any)
		shadow_reallocate(shadow, heap, which, size);
	else if (operation < 14 && any)
		shadow_free(shadow, heap, which);
	else if (operation == 14)
		lshm_trim(heap);
	else if (operation == 15)
		lshm_detach(heap);
	else if (operation == 16)
		reap(i, r % THREADS, r & 64);
	else if (operation == 17)
		lshm_grow(heap, size);
	else if (operation == 18)
		shadow_audit(shadow, heap);
	else
		misuse(heap, r);
}

/* All of it whole again, whoever freed what: at the latest when memory is short. */
static void finish(size_t maximum)
{
	lshm_statistics s;
	shadow_audit(shadow, threads[0]);
	while (shadow->count)
		shadow_free(shadow, threads[shadow->count % THREADS], shadow->count - 1);
	for (size_t i = 0; i < THREADS; i++)
		lshm_trim(threads[i]);
	shadow_audit(shadow, threads[1]);
	CHECK(lshm_malloc(threads[0], maximum - 64) == 0);
	CHECK(lshm_stats(threads[2], &s) == 0 && s.used == 0 && s.slabs == 0 && s.spans == 0);
	CHECK(lshm_malloc(threads[0], (size_t)s.largest_free));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t kind = input_take(&in, 1) % (sizeof sizes / sizeof *sizes);
	lshm_options o = {.secret = 0x0123456789abcdef};
	memset(region, 0, sizes[kind].maximum);
	threads[0] = lshm_init(region, sizes[kind].initial, sizes[kind].maximum, &o);
	for (size_t i = 1; i < THREADS; i++)
		threads[i] = lshm_attach(region, sizes[kind].maximum, 0);
	for (int i = 0; i < OPERATIONS && in.left; i++) {
		unsigned operation = (unsigned)input_take(&in, 1) % 20;
		size_t who = input_take(&in, 1);
		for (size_t k = 0; k < THREADS; k++)
			numbers[k] = lshm_self(threads[k]);
		operate(who % THREADS, operation, who / THREADS, input_take(&in, 2));
	}
	finish(sizes[kind].maximum);
	for (size_t i = 0; i < THREADS; i++)
		lshm_close(threads[i]);
	return 0;
}
