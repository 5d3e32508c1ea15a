/* scenarios.c - what threads do to one small heap under every schedule, and what
 * must hold after each.
 *
 * After each schedule the dead are reaped. Then the heap is sound; the live
 * blocks are those that somebody holds, but for what a death cut short; and once
 * they are freed and everybody left, all chunks are free again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "sched.h"
#include "slab.h"
#include "thread.h"

enum {
	BLOCKS = 32,
	JUDGE = SCHED_THREADS,
	SMALL = 248, /* four to a chunk of 1 KiB */
	CHUNK = 1024,
};

static size_t span_size(uint32_t chunks)
{
	return (size_t)chunks * CHUNK - HEADER_SIZE;
}

struct held {
	size_t p, size;
	int who; /* allocated it */
};

/* The scenario's own state, private to its threads but for `held`, which says
 * who may use what: no part of the heap, so never a reason to wait. */
static struct world {
	struct view v[SCHED_THREADS + 1];
	struct held held[BLOCKS];
	size_t cut[SCHED_THREADS];  /* block that a thread is freeing or resizing */
	bool taking[SCHED_THREADS]; /* or allocating */
	bool failed[SCHED_THREADS]; /* an allocation found no room */
	/* Threads, as bits: attaching now; beside which each one attached; refused. */
	uint32_t attaching, beside[SCHED_THREADS], refused;
	size_t walked[BLOCKS], ever[BLOCKS];
	uint32_t walked_count, ever_count;
	size_t kept[SCHED_THREADS]; /* what a thread was freeing and had not freed when it died */
	size_t p[8];                /* the scenario's blocks */
	uint64_t initial;
} w;

/* --- what threads do ------------------------------------------------------------ */

static struct view *mine(void)
{
	return &w.v[sched_self()];
}

static void hold(size_t p, size_t size, int who)
{
	struct held *place = NULL;
	for (struct held *h = w.held; h < w.held + BLOCKS; h++) {
		if (!h->p)
			place = h;
		else if (p < h->p + h->size && h->p < p + size)
			sched_fail("blocks overlap: %zu of %zu bytes, %zu of %zu", p, size, h->p,
			           h->size);
	}
	*place = (struct held){p, size, who};
	w.ever[w.ever_count++ % BLOCKS] = p;
}

static struct held *held_find(size_t p)
{
	for (struct held *h = w.held; h < w.held + BLOCKS; h++)
		if (h->p == p)
			return h;
	return NULL;
}

static size_t take_as(int who, size_t size)
{
	w.taking[who] = true;
	size_t p = heap_malloc(&w.v[who], size);
	w.taking[who] = false;
	if (p)
		hold(p, size, who);
	else
		w.failed[who] = true;
	return p;
}

static size_t take(size_t size)
{
	return take_as(sched_self(), size);
}

static void give_as(int who, size_t p)
{
	held_find(p)->p = 0;
	w.cut[who] = p;
	int error = heap_free(&w.v[who], p);
	w.cut[who] = 0;
	if (error)
		sched_fail("free refuses block %zu: %d", p, error);
}

static void give(size_t p)
{
	give_as(sched_self(), p);
}

static size_t resize(size_t p, size_t size)
{
	int me = sched_self();
	struct held *h = held_find(p), was = *h;
	h->p = 0;
	w.cut[me] = p;
	w.taking[me] = true;
	size_t q = heap_realloc(mine(), p, size, GRANULE);
	w.taking[me] = false;
	w.cut[me] = 0;
	if (!q) {
		w.failed[me] = true;
		hold(p, was.size, was.who);
		return p;
	}
	hold(q, size, q == p ? was.who : me);
	return q;
}

static void walk(void)
{
	for (size_t p = 0; (p = walk_next(mine(), p)) != 0;) {
		if (w.walked_count == BLOCKS)
			sched_fail("a walk reports too many blocks");
		w.walked[w.walked_count++] = p;
	}
}

/* A block of which the free was not yet the commit must stay live. */
static void note_death(int thread)
{
	size_t p = w.cut[thread];
	if (p && !w.taking[thread] && heap_find(&w.v[JUDGE], p) == 0)
		w.kept[thread] = p;
}

/* --- preparing -------------------------------------------------------------------- */

static void attach_as(int who)
{
	host_act_as(who);
	if (heap_open(&w.v[who], sched_region, w.initial) || thread_attach(&w.v[who], 0)) {
		fprintf(stderr, "cannot attach\n");
		exit(2);
	}
}

/* A heap of `initial` bytes with threads 0 to `threads` - 1 attached. */
static void prepare(uint32_t threads, uint32_t initial, uint32_t maximum)
{
	memset(&w, 0, sizeof w);
	sched_keep(&w, sizeof w);
	sched_on_death(note_death);
	w.initial = initial;
	host_begin(initial / CHUNK);
	if (heap_format(sched_region, initial, maximum, 0x0123456789abcdef)) {
		fprintf(stderr, "cannot format\n");
		exit(2);
	}
	for (uint32_t i = 0; i < SCHED_THREADS; i++)
		if (i < threads)
			attach_as((int)i);
		else
			heap_open(&w.v[i], sched_region, initial);
	heap_open(&w.v[JUDGE], sched_region, initial);
}

/* Of its 55 chunks 19 are free once three threads are there: the slot table was
 * doubled for the second and the third. Blocks of more than 4 chunks are spans. */
enum { TINY = 55 << 10 };

static void prepare_3(void)
{
	prepare(3, TINY, TINY);
}

/* Blocks 0 ... n-1 of one class are thread 0's, four to a slab. */
static void fill(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		w.p[i] = take_as(0, SMALL);
}

/* --- judging ------------------------------------------------------------------------ */

static void check_sound(struct view *v)
{
	const struct report *r = &v->report;
	heap_check(v);
	if (r->invariant)
		sched_fail("invariant %u is broken at %u", (uint32_t)r->invariant,
		           (uint32_t)r->offset);
}

/* Whether a death explains a block that nobody holds. */
static bool cut_short(struct view *v, size_t p, uint32_t *unknown)
{
	for (int i = 0; i < SCHED_THREADS; i++)
		if (sched_died(i) && w.cut[i] == p)
			return true;
	uint32_t thread = v->found.thread;
	for (int i = 0; i < SCHED_THREADS; i++)
		if (sched_died(i) && w.taking[i] && w.v[i].thread == thread)
			return (*unknown)-- > 0;
	return false;
}

static void check_blocks(struct view *v)
{
	uint32_t found = 0, held = 0, unknown = 0;
	for (int i = 0; i < SCHED_THREADS; i++)
		unknown += sched_died(i) && w.taking[i];
	for (struct held *h = w.held; h < w.held + BLOCKS; h++)
		held += h->p != 0;
	for (size_t p = 0; (p = walk_next(v, p)) != 0;) {
		struct held *h = held_find(p);
		if (h && v->found.size != h->size)
			sched_fail("block %zu has %zu bytes, not %zu", p, v->found.size, h->size);
		if (h && v->found.thread != w.v[h->who].thread)
			sched_fail("block %zu is said to be thread %u's", p, v->found.thread);
		if (!h && !cut_short(v, p, &unknown))
			sched_fail("block %zu is live and nobody's", p);
		found += h != NULL;
	}
	for (int i = 0; i < SCHED_THREADS; i++)
		if (w.kept[i] && heap_find(v, w.kept[i]))
			sched_fail("block %zu is freed, and its free was not", w.kept[i]);
	if (found != held)
		sched_fail("%u blocks are held, %u of them are live", held, found);
}

/* Of a slab, each block that another thread freed has its hint: the owner need not read
 * all labels to find it. */
static void check_hints_of(struct view *v, uint32_t k, uint64_t word)
{
	uint32_t stride = class_stride(WORD_CLASS(word)), fresh = slab_fresh(v, k, word);
	for (uint32_t x = 0; x + stride <= fresh; x += stride) {
		size_t p = slab_payload(v, k, x);
		uint64_t hints = map_at(v, (uint32_t)(p >> v->chunk_log2))->hints;
		if (label_look(v, p) == STATE_XFREE && !(hints & hint_of(v, p)))
			sched_fail("block %zu was freed, and nothing tells of it", p);
	}
}

static void check_hints(struct view *v)
{
	for (uint32_t c = 0, n; c < v->chunks; c += n) {
		uint64_t word = map_at(v, c)->word;
		n = word_length(word);
		if (WORD_KIND(word) == KIND_SLAB && !(word & WORD_DIRTY))
			check_hints_of(v, c, word);
	}
}

/* Who published a piece of the slot table, or their reaper, kept it. */
static void check_pieces(struct view *v)
{
	for (int i = 0; i < SLOT_PIECES; i++) {
		uint32_t c = view_header(v)->slot_piece[i];
		if (c && WORD_OWNER(map_at(v, c)->word) != OWNER(KIND_META, 0))
			sched_fail("piece %d of the slot table is not kept", i);
	}
}

static void check_walked(void)
{
	uint32_t unknown = 0;
	for (int i = 0; i < SCHED_THREADS; i++)
		unknown += sched_died(i) && w.taking[i];
	for (uint32_t i = 0; i < w.walked_count; i++) {
		bool known = false;
		for (uint32_t j = 0; j < w.ever_count; j++)
			known |= w.ever[j] == w.walked[i];
		if (!known && unknown-- == 0)
			sched_fail("a walk reports %zu, which never was a block", w.walked[i]);
	}
}

/* All is freed, everybody leaves: nothing may be missing. */
static void check_nothing_lost(struct view *v)
{
	const struct report *r = &v->report;
	for (size_t p; (p = walk_next(v, 0)) != 0;)
		if (heap_free(v, p))
			sched_fail("block %zu cannot be freed: %d", p, heap_free(v, p));
	for (int i = 0; i < SCHED_THREADS; i++) {
		host_act_as(i);
		if (!sched_died(i))
			thread_detach(&w.v[i]);
	}
	/* More than there is: so all that is free but held is gathered. */
	heap_malloc(v, span_size(v->chunks_max));
	check_sound(v);
	if (r->blocks || r->slabs || r->free_chunks * CHUNK + r->metadata != r->committed)
		sched_fail("lost: %u slabs, %u of %u bytes free", (uint32_t)r->slabs,
		           (uint32_t)(r->free_chunks * CHUNK), (uint32_t)r->committed);
	if (r->threads != 1)
		sched_fail("%u slots are taken, not one", (uint32_t)r->threads);
}

static void verify(void)
{
	struct view *v = &w.v[JUDGE];
	host_act_as(JUDGE);
	/* A thread that never attached: where all slots are taken too. */
	for (int i = 0; i < SCHED_THREADS && host_reap(v); i++)
		;
	if (thread_attach(v, 0))
		sched_fail("the judge cannot attach");
	check_sound(v);
	check_walked();
	check_pieces(v);
	check_hints(v);
	for (int i = 0; i < SCHED_THREADS; i++)
		if (!sched_died(i))
			thread_trim(&w.v[i]);
	check_blocks(v);
	check_sound(v);
	check_nothing_lost(v);
}

static void verify_all_served(void)
{
	for (int i = 0; i < SCHED_THREADS; i++)
		if (w.failed[i] && !sched_died(i))
			sched_fail("thread %d found no room, and there was", i);
	verify();
}

static void verify_one_served(void)
{
	bool died = false;
	for (int i = 0; i < SCHED_THREADS; i++)
		died |= sched_died(i);
	if (!died && w.failed[0] && w.failed[1])
		sched_fail("two claimers found no room, and there was for one");
	verify();
}

/* --- malloc against remote free against collect ---------------------------------------- */

static void collect_prepare(void)
{
	prepare_3();
	fill(4);
}

static void collect_owner(void)
{
	size_t p = take(SMALL);
	take(SMALL);
	if (p)
		give(p);
}

static void collect_first(void)
{
	give(w.p[0]);
	give(w.p[1]);
	thread_trim(mine());
}

static void collect_second(void)
{
	give(w.p[2]);
	thread_trim(mine());
}

/* --- a hint that is sent twice, for a block that is live again -------------------- */

enum { ALONE = 1016 }; /* one to a chunk */

static void twice_prepare(void)
{
	prepare_3();
	w.p[0] = take_as(0, ALONE);
}

static void twice_owner(void)
{
	take(ALONE);
}

static void twice_freer(void)
{
	give(w.p[0]);
	thread_trim(mine());
}

/* --- giving a slab up against adoption ---------------------------------------------------- */

static void park_prepare(void)
{
	prepare_3();
	fill(3); /* one is left, then the slab is given up */
}

static void park_owner(void)
{
	take(SMALL);
	take(SMALL);
}

static void park_freer(void)
{
	give(w.p[0]);
	thread_trim(mine());
	take(SMALL);
}

static void park_other(void)
{
	give(w.p[1]);
	thread_trim(mine());
}

/* --- adoption against remote free --------------------------------------------------------- */

static void adopt_prepare(void)
{
	prepare_3();
	fill(5); /* the first four are in a slab without an owner */
}

static void adopt_owner(void)
{
	give(w.p[2]);
	give(w.p[3]); /* the first goes back: only one is kept */
	take(SMALL);
}

static void adopt_second(void)
{
	give(w.p[1]);
	thread_trim(mine());
	take(SMALL);
}

/* --- release of a slab ------------------------------------------------------------------------ */

static void release_prepare(void)
{
	prepare_3();
	fill(5);
	give_as(0, w.p[0]); /* thread 0 owns both again */
}

static void release_owner(void)
{
	give(w.p[1]);
	give(w.p[2]);
	thread_trim(mine());
}

static void release_freer(void)
{
	give(w.p[3]);
	size_t p = take(SMALL);
	if (p)
		give(p);
	thread_trim(mine());
}

static void release_claimer(void)
{
	size_t p = take(span_size(5));
	if (p)
		memset(sched_region + p, 0x5a, span_size(5));
	take(100);
}

/* --- claims ---------------------------------------------------------------------------------------- */

static void claims_prepare(void)
{
	prepare_3();
	w.p[0] = take_as(2, span_size(6));
}

static void claims_eight(void)
{
	take(span_size(8));
}

static void claims_free(void)
{
	give(w.p[0]);
}

static void rivals_prepare(void)
{
	prepare_3();
}

static void rivals_frees(void)
{
	size_t p = take(span_size(11));
	if (p)
		give(p);
}

static void rivals_body(void)
{
	take(span_size(11));
}

/* The last chunks: who loses the first of a run to another looks for one again. */
static void last_prepare(void)
{
	prepare_3();
	w.p[0] = take_as(2, span_size(12));
}

static void last_singles(void)
{
	take(span_size(1));
	take(span_size(1));
}

static void last_run(void)
{
	take(span_size(5));
}

/* A single chunk is claimed at once or not: what is free at the end always was. */
static void last_verify(void)
{
	struct view *v = &w.v[JUDGE];
	heap_check(v);
	if (w.failed[0] || (w.failed[1] && v->report.largest_free >= span_size(5)))
		sched_fail("there was room, and a claimer is told that there is none");
	verify();
}

/* --- growth ------------------------------------------------------------------------------------------- */

static void grow_prepare(void)
{
	prepare(3, TINY, 2 * TINY);
	w.p[0] = take_as(2, span_size(19));
}

static void grow_six(void)
{
	take(span_size(6));
}

static void grow_nine(void)
{
	take(span_size(9));
}

static void grow_free(void)
{
	give(w.p[0]);
}

/* --- attaching ------------------------------------------------------------------------------------------ */

static void attach_prepare(void)
{
	prepare(0, TINY, TINY);
	attach_as(2);
}

/* There is room for all. Only who comes while another one takes the table's last
 * slot, and does not see it extended yet, may be told that there is none. */
static void attach_body(void)
{
	int me = sched_self();
	uint64_t stale = sched_stale_loads();
	w.beside[me] = w.attaching;
	for (int i = 0; i < SCHED_THREADS; i++)
		if (w.attaching >> i & 1)
			w.beside[i] |= 1u << me;
	w.attaching |= 1u << me;
	int error = thread_attach(mine(), 0);
	w.attaching &= ~(1u << me);
	if (error == LSHM_ERR_THREADS_FULL && (w.beside[me] || sched_stale_loads() > stale))
		w.refused |= 1u << me;
	else if (error)
		sched_fail("attaching fails: %d", error);
	else
		take(SMALL);
}

static void attach_leave(void)
{
	uint32_t thread = 0;
	w.p[0] = take(SMALL);
	while ((thread = thread_next(mine(), THREAD_SLOT(thread))) != 0)
		;
	thread_detach(mine());
}

static void attach_verify(void)
{
	if (!w.v[0].slot && !w.v[1].slot && !sched_died(0) && !sched_died(1))
		sched_fail("nobody got the slot that was free");
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < i; j++)
			if (w.v[i].slot && w.v[i].slot == w.v[j].slot && !sched_died(i) &&
			    !sched_died(j))
				sched_fail("two threads have one slot");
	/* Once nobody attaches, and who died in it is reaped, all get in. */
	host_act_as(JUDGE);
	host_reap(&w.v[JUDGE]);
	for (int i = 0; i < SCHED_THREADS; i++) {
		host_act_as(i);
		if (w.refused >> i & 1 && thread_attach(&w.v[i], 0))
			sched_fail("thread %d is refused again", i);
	}
	verify();
}

/* --- recovering -------------------------------------------------------------------------------------------- */

static void reap_prepare(void)
{
	prepare(3, TINY, TINY);
	w.p[0] = take_as(1, SMALL);
	w.p[1] = take_as(0, span_size(5));
	w.p[2] = take_as(0, SMALL);
}

/* Everything that a death can cut short. */
static void reap_victim(void)
{
	give(w.p[0]);
	give(w.p[1]);
	take(2000); /* one block is a slab of this class */
	size_t p = take(span_size(5));
	if (p)
		give(resize(resize(p, span_size(3)), span_size(6)));
}

static void reap_by_lock(void)
{
	host_reap(mine());
}

/* Who is told of deaths by its host, without locks: the first that asks. */
static void reap_by_word(void)
{
	for (int tries = 0; tries < 3; tries++)
		for (int i = 0; i < SCHED_THREADS; i++)
			if (i != sched_self() && sched_died(i))
				thread_reap(mine(), w.v[i].thread, REAP_KEEP);
}

static void reap_freer(void)
{
	give(w.p[2]);
	thread_trim(mine());
	take(SMALL);
}

/* --- resizing against a walk and a claim ------------------------------------------------------------------------ */

static void resize_prepare(void)
{
	prepare_3();
	w.p[0] = take_as(0, span_size(5));
	w.p[1] = take_as(2, SMALL);
}

static void resize_owner(void)
{
	size_t p = resize(w.p[0], span_size(3));
	resize(p, span_size(7));
}

static void resize_claimer(void)
{
	size_t p = take(span_size(5));
	if (p)
		give(p);
}

static void resize_verify(void)
{
	bool seen = !w.walked_count && sched_died(2);
	for (uint32_t i = 0; i < w.walked_count; i++)
		seen |= w.walked[i] == w.p[1];
	if (!seen)
		sched_fail("a walk misses a block that lived throughout");
	verify();
}

/* --- carving against a walk and a free ------------------------------------------------------------------------------ */

static void carve_owner(void)
{
	w.p[3] = take(SMALL);
	take(1000);
	give(w.p[3]);
}

static void carve_prepare(void)
{
	prepare_3();
	w.p[1] = take_as(1, SMALL);
}

static void carve_other(void)
{
	give(w.p[1]);
	thread_trim(mine());
	take(2000);
}

static void check_live(void)
{
	heap_check(mine());
	uint32_t invariant = (uint32_t)mine()->report.invariant;
	if (invariant)
		sched_fail("a live check says that invariant %u is broken", invariant);
}

/* --- trim against adoption, and what is allocated after it ---------------------------- */

static void trim_owner(void)
{
	thread_trim(mine());
	take(SMALL);
}

static void trim_freer(void)
{
	give(w.p[0]);
	thread_trim(mine());
	take(SMALL);
	take(SMALL);
}

/* --- hints that come late, for a chunk that is another slab by then ---------------------- */

/* Four in three chunks, carved two by two; a slab is as long where there are 96. */
enum { WIDE = 696 };

static void late_prepare(void)
{
	prepare(3, 96 << 10, 96 << 10);
	for (int i = 0; i < 4; i++)
		w.p[i] = take_as(0, WIDE);
}

/* Bytes of a user that look like blocks which another thread freed. */
static void late_write(size_t p)
{
	size_t stride = WIDE + HEADER_SIZE;
	for (size_t q = p + stride; q < p + 4 * stride; q += stride)
		bytes_store64(header_at(mine(), q),
		              label_seal(mine(), q, LABEL_MAKE(STATE_XFREE, WIDE)));
}

static void late_owner(void)
{
	for (int i = 0; i < 3; i++)
		give(w.p[i]);
	thread_trim(mine());
	size_t p = take(span_size(5));
	late_write(p);
	give(p);
	for (int i = 0; i < 5; i++)
		take(WIDE);
}

static void late_freer(void)
{
	give(w.p[3]);
	thread_trim(mine());
}

/* --- reaped by force ---------------------------------------------------------------------- */

static void force_reaper(void)
{
	if (thread_reap(mine(), w.v[0].thread, REAP_KEEP))
		sched_fail("it is not reaped");
	host_release_slot(mine(), THREAD_SLOT(w.v[0].thread));
	thread_attach(&w.v[3], 0); /* another tenant of the slot */
}

static void force_reaped(void)
{
	if (heap_malloc(mine(), SMALL) || mine()->error != LSHM_ERR_DETACHED)
		sched_fail("a thread that was reaped allocates");
	if (heap_free(mine(), w.p[0]) != LSHM_ERR_DETACHED)
		sched_fail("a thread that was reaped frees");
}

/* --- names ----------------------------------------------------------------------------------------------------------- */

static const uint8_t name_one[NAME_BYTES] = "one", name_two[NAME_BYTES] = "two";

static void name_set(const uint8_t *text, uint64_t offset)
{
	_Atomic uint64_t *value = name_value(mine(), text, true);
	if (!value)
		sched_fail("there was room for the name");
	store_release(value, offset);
}

static uint64_t name_get(struct view *v, const uint8_t *text)
{
	_Atomic uint64_t *value = name_value(v, text, false);
	return value ? load_acquire(value) : 0;
}

static void names_set_one(void)
{
	name_set(name_one, 64);
}

static void names_set_both(void)
{
	name_set(name_two, 128);
	name_set(name_one, 192);
}

static void names_find(void)
{
	uint64_t one = name_get(mine(), name_one), two = name_get(mine(), name_two);
	if ((one && one != 64 && one != 192) || (two && two != 128))
		sched_fail("a name has a value that nobody gave it");
}

static void names_verify(void)
{
	uint64_t one = name_get(&w.v[JUDGE], name_one);
	if (!one && !sched_died(0) && !sched_died(1))
		sched_fail("a name that was set is not there");
	verify();
}

/* --- making way --- the owner gives a slab up for one more; another frees in it */

static void way_prepare(void)
{
	prepare_3();
	fill(8);
	take_as(0, SMALL);
	give_as(0, w.p[4]);
	give_as(0, w.p[5]);
	w.p[4] = w.p[0];
	if (w.v[0].list[class_of(SMALL)].held != 2)
		sched_fail("the owner has not as many slabs as it may");
}

static void way_owner(void)
{
	give(w.p[0]);
	give(w.p[1]);
}

static void way_freer(void)
{
	give(w.p[6]);
	give(w.p[7]);
	thread_trim(mine());
}

static void way_other(void)
{
	take(SMALL);
	take(SMALL);
}

/* --- looking at a label while its keeper uses the block and leaves ----------------------- */

/* Thread 1 keeps a block of thread 0's slab. */
static void kept_prepare(void)
{
	prepare_3();
	fill(4);
	give_as(1, w.p[0]);
}

/* The same, and hints that tell of more than was given back. */
static void kept_hinted_prepare(void)
{
	kept_prepare();
	map_at(&w.v[0], (uint32_t)(w.p[0] >> w.v[0].chunk_log2))->hints = ~0ull;
}

static void kept_rebuild(void)
{
	thread_trim(mine());
	take(SMALL);
}

static void kept_collect(void)
{
	take(SMALL);
	take(SMALL);
}

static void kept_take(void)
{
	take(SMALL);
}

static void kept_leave(void)
{
	take(SMALL);
	thread_detach(mine());
}

/* --- the list --------------------------------------------------------------------------------------------------------- */

#define MORTAL(body) \
	{ \
		body, true, 0 \
	}
#define IMMORTAL(body) \
	{ \
		body, false, 0 \
	}
/* Once thread 1 has ended. */
#define BEHIND_1(body) \
	{ \
		body, false, 2 \
	}
/* Once thread 0 has ended or died. */
#define AFTER_0(body) \
	{ \
		body, true, 1 \
	}

/* clang-format off */
static const struct scenario scenarios[] = {
	{"collect", collect_prepare, verify, 1,
	 {MORTAL(collect_owner), MORTAL(collect_first), MORTAL(collect_second)}},
	{"leave", kept_prepare, verify, 1, {IMMORTAL(kept_rebuild), IMMORTAL(kept_leave)}},
	{"leave-hinted", kept_hinted_prepare, verify, 1,
	 {IMMORTAL(kept_collect), IMMORTAL(kept_leave)}},
	{"leave-dead", kept_prepare, verify, 1,
	 {IMMORTAL(kept_rebuild), MORTAL(kept_take), BEHIND_1(reap_by_lock)}},
	{"twice", twice_prepare, verify, 1,
	 {MORTAL(twice_owner), MORTAL(twice_freer)}},
	{"park", park_prepare, verify, 1,
	 {MORTAL(park_owner), MORTAL(park_freer), MORTAL(park_other)}},
	{"adopt", adopt_prepare, verify, 1,
	 {MORTAL(adopt_owner), MORTAL(adopt_second), MORTAL(park_freer)}},
	{"release", release_prepare, verify, 1,
	 {MORTAL(release_owner), MORTAL(release_freer), MORTAL(release_claimer)}},
	{"claims", claims_prepare, verify_one_served, 1,
	 {MORTAL(claims_eight), MORTAL(claims_eight), MORTAL(claims_free)}},
	{"rivals", rivals_prepare, verify_one_served, 1,
	 {MORTAL(rivals_frees), MORTAL(rivals_body)}},
	{"last", last_prepare, last_verify, 1,
	 {IMMORTAL(last_singles), IMMORTAL(last_run)}},
	{"grow", grow_prepare, verify_all_served, 2,
	 {MORTAL(grow_six), MORTAL(grow_nine), MORTAL(grow_free)}},
	{"measure", grow_prepare, verify_all_served, 2,
	 {MORTAL(grow_six), IMMORTAL(check_live)}},
	{"attach", attach_prepare, attach_verify, 2,
	 {MORTAL(attach_body), MORTAL(attach_body), MORTAL(attach_leave)}},
	{"resize", resize_prepare, resize_verify, 2,
	 {MORTAL(resize_owner), MORTAL(resize_claimer), IMMORTAL(walk)}},
	{"carve", carve_prepare, verify, 2,
	 {MORTAL(carve_owner), MORTAL(carve_other), IMMORTAL(walk)}},
	{"check", carve_prepare, verify, 2,
	 {MORTAL(carve_owner), MORTAL(carve_other), IMMORTAL(check_live)}},
	{"trim", park_prepare, verify, 1,
	 {MORTAL(trim_owner), MORTAL(trim_freer), MORTAL(park_other)}},
	{"late", late_prepare, verify, 2,
	 {MORTAL(late_owner), MORTAL(late_freer)}},
	{"way", way_prepare, verify, 1,
	 {MORTAL(way_owner), MORTAL(way_freer), MORTAL(way_other)}},
	{"force", park_prepare, verify, 1,
	 {BEHIND_1(force_reaped), IMMORTAL(force_reaper)}},
	{"names", prepare_3, names_verify, 1,
	 {MORTAL(names_set_one), MORTAL(names_set_both), IMMORTAL(names_find)}},
	{"reap-locks", reap_prepare, verify, 3,
	 {MORTAL(reap_victim), AFTER_0(reap_by_lock), AFTER_0(reap_by_lock)}},
	{"reap-words", reap_prepare, verify, 3,
	 {MORTAL(reap_victim), AFTER_0(reap_by_word), AFTER_0(reap_by_word)}},
	{"reap-frees", reap_prepare, verify, 3,
	 {MORTAL(reap_victim), AFTER_0(reap_by_lock), MORTAL(reap_freer)}},
};
/* clang-format on */

/* What is searched: { preemptions, deaths, stale loads }, by the weight of a
 * scenario. `make soak-kills` does both lists. */
static const struct bounds quick[][4] = {
	{{2, 0, 0}, {1, 1, 0}, {1, 0, 1}},
	{{1, 0, 0}, {0, 1, 0}, {1, 0, 1}},
	{{1, 1, 0}},
};
static const struct bounds full[][4] = {
	{{3, 0, 0}, {2, 1, 0}, {1, 1, 1}, {2, 0, 1}},
	{{2, 0, 0}, {1, 1, 0}, {0, 2, 0}, {1, 0, 2}},
	{{2, 1, 0}, {1, 2, 0}, {1, 1, 1}},
};

static bool explore(const struct scenario *s, struct bounds b, uint64_t most)
{
	struct tally t;
	bool ok = sched_explore(s, b, most, &t);
	printf("%s %s: %d preemptions, %d deaths, %d stale loads: %llu schedules%s, of up to %llu "
	       "accesses; %llu deaths, %llu stale loads\n",
	       ok ? "ok" : "FAILED", s->name, b.preemptions, b.deaths, b.stale,
	       (unsigned long long)t.schedules, t.complete ? "" : " (not all)",
	       (unsigned long long)t.steps_max, (unsigned long long)t.deaths,
	       (unsigned long long)t.stale);
	fflush(stdout);
	return ok;
}

static bool explore_list(const struct scenario *s, const struct bounds list[4], uint64_t most)
{
	bool ok = true;
	for (int i = 0; ok && i < 4; i++)
		if (list[i].preemptions + list[i].deaths + list[i].stale)
			ok = explore(s, list[i], most);
	return ok;
}

/* A number from the environment, or 0. */
static uint64_t wanted(const char *name)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 0) : 0;
}

/* Whether scenario i is meant: by its name, or as one of the share K/N of all. */
static bool meant(const char *which, size_t i)
{
	unsigned k, n;
	if (sscanf(which, "%u/%u", &k, &n) == 2 && n)
		return i % n == k % n;
	return !strcmp(which, scenarios[i].name);
}

/* test_sched [K/N]
 * test_sched SCENARIO [PREEMPTIONS DEATHS STALE [SCHEDULES]] */
int main(int argc, char **argv)
{
	uint64_t most = wanted("LSHM_SCHEDULES"); /* of the full list, of each */
	int passed = 0, failed = 0;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		const struct scenario *s = &scenarios[i];
		bool ok;
		if (argc > 1 && !meant(argv[1], i))
			continue;
		if (argc > 4)
			ok = explore(s,
			             (struct bounds){atoi(argv[2]), atoi(argv[3]), atoi(argv[4])},
			             argc > 5 ? strtoull(argv[5], NULL, 0) : UINT64_MAX);
		else
			ok = explore_list(s, quick[s->weight - 1], UINT64_MAX) &&
			     (!wanted("LSHM_SOAK") ||
			      explore_list(s, full[s->weight - 1], most ? most : UINT64_MAX));
		passed += ok;
		failed += !ok;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
