/* invariants.c - one test per invariant of layout.h: break exactly that field,
 * and lshm_check says its number and where; mend it, and the heap is sound.
 */
#include "test.h"

#include "label.h"

/* The copies that label_seal calls; the library keeps its own to itself. */
extern inline uint32_t label_code(uint64_t x);
extern inline uint32_t label_pad(const struct view *v, size_t payload);
extern inline uint64_t label_seal(const struct view *v, size_t payload, uint64_t bits);

/* A heap of one map piece, so that its place is simple arithmetic. */
static lshm *heap;
static unsigned char *base;
static struct header *header;
static lshm_ptr small, large; /* in a slab, and a span */

static struct entry *entry_of(lshm_ptr p)
{
	unsigned char *piece = base + sizeof *header + header->slots_first * sizeof(struct slot);
	return (struct entry *)(void *)piece + (p >> header->chunk_log2);
}

static _Atomic uint64_t *word_of(lshm_ptr p)
{
	return &entry_of(p)->word;
}

static lshm_ptr chunk_of(lshm_ptr p)
{
	return p >> header->chunk_log2 << header->chunk_log2;
}

/* The map's first FREE chunk behind p. */
static lshm_ptr free_chunk(lshm_ptr p)
{
	do
		p += (lshm_ptr)1 << header->chunk_log2;
	while (WORD_KIND(*word_of(p)) != KIND_FREE);
	return chunk_of(p);
}

static void broken(uint32_t invariant, lshm_ptr offset)
{
	lshm_report report;
	CHECK(lshm_check(heap, &report) == LSHM_ERR_DAMAGED);
	if (report.invariant != invariant || report.offset != offset)
		fprintf(stderr, "said %u at %llu, not %u at %llu\n", report.invariant,
		        (unsigned long long)report.offset, invariant, (unsigned long long)offset);
	CHECK(report.invariant == invariant && report.offset == offset);
}

/* With `field` being `value` the check says so, and not before or after. */
#define BREAKS(invariant, offset, field, value) \
	do { \
		__typeof__((field) + 0) was = (field); \
		test_sound(heap); \
		(field) = (__typeof__((field) + 0))(value); \
		broken(invariant, offset); \
		(field) = was; \
		test_sound(heap); \
	} while (0)

static void null_bytes(void)
{
	BREAKS(1, 40, header->null[40], 1);
}

static void geometry(void)
{
	BREAKS(2, NULL_BYTES, header->chunks_max, header->chunks_max - 1);
	BREAKS(2, NULL_BYTES, header->chunk_log2, header->chunk_log2 + 1);
	BREAKS(2, NULL_BYTES, header->map_first, header->map_first - 1);
	BREAKS(2, NULL_BYTES, header->slots_first, header->slots_first * 2);
	BREAKS(2, NULL_BYTES, header->version, LAYOUT_VERSION + 1);
	BREAKS(2, NULL_BYTES, header->secret, header->secret + 1);
}

static void committed(void)
{
	BREAKS(3, offsetof(struct header, committed), header->committed, header->chunks_max + 1);
}

static void words(void)
{
	lshm_ptr p = free_chunk(small);
	BREAKS(4, p, *word_of(p), 15);
	BREAKS(4, p, *word_of(p), KIND_SPAN | (uint64_t)0xffffff << 40);
	BREAKS(4, p, *word_of(p), KIND_SLAB);
}

static void tails(void)
{
	lshm_ptr p = free_chunk(small);
	BREAKS(5, p, *word_of(p), KIND_TAIL | (uint64_t)0xffff << 40);
	p = large + ((lshm_ptr)1 << header->chunk_log2);
	BREAKS(6, p, *word_of(p), 0);
	BREAKS(6, p, *word_of(p), KIND_TAIL | 2ull << 40);
}

static void fresh(void)
{
	struct entry *r = entry_of(small);
	BREAKS(7, chunk_of(small), r->fresh, r->fresh - 1);
	BREAKS(7, chunk_of(small), r->fresh, 0xfff0);
}

static void labels(void)
{
	unsigned char *label = base + small - HEADER_SIZE;
	BREAKS(8, small, label[6], label[6] ^ 1);
	/* A header with a right check that says too much. */
	struct view view = {.secret = header->secret};
	uint64_t *whole = (uint64_t *)(void *)label;
	uint64_t bits = (*whole & LABEL_BITS) | 30000;
	BREAKS(9, small, *whole, label_seal(&view, (size_t)small, bits));
	BREAKS(10, small, base[small + 50], 0);
	label = base + large - HEADER_SIZE;
	BREAKS(11, large, label[0], label[0] ^ 1);
}

static void slots(void)
{
	_Atomic uint64_t *word = word_of(small);
	BREAKS(12, chunk_of(small), *word, (*word & ~0xff0ull) | 200 << 4);
	struct slot *slot = (struct slot *)(void *)(base + sizeof *header) + 1;
	BREAKS(13, sizeof *header + sizeof *slot, slot->state, 7);
}

static void names(void)
{
	CHECK(lshm_name_set(heap, "name", small) == 0);
	lshm_ptr at = offsetof(struct header, names);
	BREAKS(14, at, header->names[0].state, 3);
	BREAKS(14, at, header->names[0].text[0], 0);
	BREAKS(14, at, header->names[0].text[NAME_BYTES - 1], 'x');
}

int main(void)
{
	test_begin(60);
	heap = test_heap(1 << 20, 1 << 20);
	small = lshm_malloc(heap, 50);
	large = lshm_malloc(heap, 50000);
	CHECK(small && large);
	base = (unsigned char *)lshm_at(heap, 64) - 64;
	header = (struct header *)(void *)base;
	RUN(null_bytes);
	RUN(geometry);
	RUN(committed);
	RUN(words);
	RUN(tails);
	RUN(fresh);
	RUN(labels);
	RUN(slots);
	RUN(names);
	lshm_close(heap);
	return test_end();
}
