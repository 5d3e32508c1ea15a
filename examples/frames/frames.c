/* frames.c - two processes exchange frames through one heap. A frame is a block:
 * the producer draws into it where it lies, the consumer reads it there and frees
 * it. A ring passes the pointers. Either may be killed and started again.
 *
 *     frames produce /name COUNT        frames consume /name */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lshm.h>

enum { WIDTH = 320, HEIGHT = 180, SLOTS = 8, PATIENCE_NS = 100000000 };

struct frame {
	uint32_t number, is_last, sum;
	uint8_t point[WIDTH * HEIGHT];
};

/* In the heap, found by root 0. One writes `sent`, the other `taken`. */
struct ring {
	uint32_t sent, taken;
	lshm_ptr frame[SLOTS];
};
enum { SENT = offsetof(struct ring, sent), TAKEN = offsetof(struct ring, taken) };

/* Waits while the word at `at` is `value`. */
static void wait_while(lshm *heap, lshm_ptr at, uint32_t value)
{
	while (lshm_load_u32(heap, at) == value)
		lshm_wait32(heap, at, value, PATIENCE_NS);
}

static int produce(lshm *heap, lshm_ptr ring, unsigned count)
{
	struct ring *slots = lshm_at(heap, ring);
	for (unsigned n = 1; n <= count; n++) {
		uint32_t sent = lshm_load_u32(heap, ring + SENT);
		wait_while(heap, ring + TAKEN, sent - SLOTS); /* the ring is full */
		lshm_ptr at = lshm_malloc(heap, sizeof(struct frame));
		struct frame *frame = lshm_writable(heap, at, sizeof *frame);
		if (!frame)
			return -1;
		*frame = (struct frame){.number = n, .is_last = n == count};
		for (unsigned i = 0; i < WIDTH * HEIGHT; i++) {
			frame->point[i] = (uint8_t)(i * n >> 4);
			frame->sum += frame->point[i];
		}
		slots->frame[sent % SLOTS] = at;
		lshm_store_u32(heap, ring + SENT, sent + 1); /* from here on it is theirs */
		lshm_notify(heap, ring + SENT, 1);
	}
	return 0;
}

static int consume(lshm *heap, lshm_ptr ring)
{
	struct ring *slots = lshm_at(heap, ring);
	unsigned seen = 0;
	for (uint32_t is_last = 0; !is_last;) {
		uint32_t taken = lshm_load_u32(heap, ring + TAKEN), sum = 0;
		wait_while(heap, ring + SENT, taken); /* the ring is empty */
		lshm_ptr at = slots->frame[taken % SLOTS];
		const struct frame *frame = lshm_readable(heap, at, sizeof *frame);
		for (unsigned i = 0; frame && i < WIDTH * HEIGHT; i++)
			sum += frame->point[i];
		if (!frame || sum != frame->sum)
			return -1;
		is_last = frame->is_last;
		lshm_store_u32(heap, ring + TAKEN, taken + 1);
		lshm_notify(heap, ring + TAKEN, 1);
		lshm_free(heap, at);
		seen++;
	}
	return printf("%u frames of %d x %d, all as they were sent\n", seen, WIDTH, HEIGHT) < 0;
}

int main(int argc, char **argv)
{
	int producing = argc == 4 && !strcmp(argv[1], "produce");
	if (!producing && !(argc == 3 && !strcmp(argv[1], "consume")))
		return fputs("usage: frames produce NAME COUNT | consume NAME\n", stderr), 2;
	lshm *heap = lshm_open(argv[2], LSHM_CREATE, NULL);
	lshm_ptr made = heap ? lshm_calloc(heap, 1, sizeof(struct ring)) : 0;
	if (!made)
		return fprintf(stderr, "frames: %s\n", lshm_strerror(lshm_error())), 1;
	/* Both try to make the ring; one of them does. */
	lshm_ptr ring = 0;
	if (lshm_root_cas(heap, 0, &ring, made) == 1)
		ring = made;
	else
		lshm_free(heap, made);
	int result = producing ? produce(heap, ring, (unsigned)atoi(argv[3])) : consume(heap, ring);
	if (result)
		fprintf(stderr, "frames: a frame was lost or damaged\n");
	lshm_close(heap);
	if (!producing)
		lshm_unlink(argv[2]);
	return result != 0;
}
