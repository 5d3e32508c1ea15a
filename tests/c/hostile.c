/* hostile.c - a peer that writes anything anywhere into the shared region,
 * metadata included, while this process allocates and frees: calls may fail,
 * but end, and touch nothing outside of the mapping.
 *
 * The peer is another process, or a thread that writes through a mapping of its
 * own, which the thread sanitizer does not take for this one. The victim is a
 * child, so that how it ended tells. It uses the heap through a descriptor,
 * where a byte behind `committed` is a SIGBUS, or in memory of its own, where
 * much more than any offset can reach is unmapped on both sides.
 */
#include "victim.h"

#include "classes.h"
#include "scribble.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* The copies that are called here; the library keeps its own to itself. */
extern inline uint32_t class_of(size_t size);
extern inline uint32_t label_code(uint64_t x);
extern inline uint32_t label_pad(const struct view *v, size_t header);

#define GUARD ((size_t)256 << 20)

enum {
	MAXIMUM = 1 << 20,
	BURST = 64,    /* calls between two looks at the watchdog */
	PATIENCE = 60, /* seconds that a burst of calls may take, under any tool */
	STROKES = 16,  /* words that a flickering peer puts back */
	ROUND_CALLS = 20000,
};

static uint64_t rounds, calls, failed, strokes;

/* How a round goes; all of it follows from the seed but for the timing. */
struct round {
	uint64_t seed;
	uint32_t initial;
	bool memory;    /* the caller's, instead of a descriptor */
	bool thread;    /* the peer is one, instead of a process */
	bool flicker;   /* it puts back what it wrote */
	uint32_t pause; /* of the peer, in spins */
};

/* --- the peer -------------------------------------------------------------- */

struct peer {
	struct pen pen;
	struct round round;
	_Atomic uint32_t *stop;
	uint64_t strokes;
};

static void *scribble_on(void *argument)
{
	struct peer *peer = argument;
	uint64_t rng = peer->round.seed ^ 0x1234567;
	struct stroke stroke[STROKES] = {{0}};
	while (!atomic_load(peer->stop)) {
		uint64_t i = peer->strokes++ % STROKES;
		if (peer->round.flicker && peer->strokes > STROKES)
			stroke_undo(&peer->pen, stroke[i]);
		stroke[i] = scribble(&peer->pen, random_next(&rng), random_next(&rng));
		for (volatile uint32_t spin = 0; spin < peer->round.pause; spin++)
			;
		if (peer->strokes % 4096 == 0)
			sched_yield();
	}
	return NULL;
}

/* --- forged words, one lie at a time --------------------------------------- */

static struct {
	lshm *heap;
	struct pen pen;
	lshm_ptr small[3], large; /* blocks of one slab, and a span */
} forged;

static struct entry *forged_entry(lshm_ptr p)
{
	size_t at = pen_entry(&forged.pen, (uint32_t)(p >> forged.pen.header.chunk_log2));
	return (struct entry *)(void *)(forged.pen.base + at);
}

/* The word that speaks for p becomes another of that kind. */
static void forge_word(lshm_ptr p, uint32_t kind, uint32_t slot, uint32_t arg)
{
	struct entry *e = forged_entry(p);
	e->word = (uint64_t)arg << 40 | (e->word & 0x7ffffc0000) | OWNER(kind, slot);
}

static void forge_slab(lshm_ptr p, uint32_t slot, uint32_t class, uint32_t arg)
{
	forge_word(p, KIND_SLAB, slot, arg);
	forged_entry(p)->word |= WORD_CLASSED(class);
}

static void forge_label(lshm_ptr p, uint32_t state, uint32_t low)
{
	struct view view = {.secret = forged.pen.header.secret};
	uint64_t label = label_seal(&view, (size_t)p, LABEL_MAKE(state, low));
	*pen_word(&forged.pen, (size_t)p - HEADER_SIZE) = label;
}

static uint32_t forged_slot(void)
{
	return THREAD_SLOT(lshm_self(forged.heap));
}

static lshm_ptr chunk_of(lshm_ptr p)
{
	return p >> forged.pen.header.chunk_log2 << forged.pen.header.chunk_log2;
}

/* The chunk of the slab from which the next block of 40 bytes comes: this thread
 * keeps none. */
static lshm_ptr forged_slab(void)
{
	lshm_ptr p = 0;
	CHECK(lshm_trim(forged.heap) == 0);
	for (int i = 0; i < CACHE_MOST / 2; i++)
		CHECK((p = lshm_malloc(forged.heap, 40)) != 0);
	return chunk_of(p);
}

/* A span that says it is longer than all there is. */
static void long_span(void)
{
	forge_word(forged.large, KIND_SPAN, 0, 1 << 21);
	lshm_realloc(forged.heap, forged.large, MAXIMUM - 64);
	lshm_sizeof(forged.heap, forged.large);
	lshm_free(forged.heap, forged.large);
}

/* A slab that says so, and whose list is to be made anew. */
static void long_slab(void)
{
	lshm_ptr slab = forged_slab();
	CHECK(forged_entry(slab)->head);
	*pen_word(&forged.pen, slab + (forged_entry(slab)->head - 1u) * GRANULE - HEADER_SIZE) = 1;
	forge_slab(slab, forged_slot(), class_of(40), 0xffffff);
	lshm_malloc(forged.heap, 40);
	lshm_trim(forged.heap);
}

/* A list that leads to a free block which ends behind the heap. */
static void list_to_end(void)
{
	lshm_ptr slab = forged_slab(), last = MAXIMUM - GRANULE;
	forge_label(last, STATE_FREE, 0);
	forged_entry(slab)->head = (uint16_t)((last - slab) / GRANULE + 1);
	CHECK(lshm_malloc(forged.heap, 40) != last);
	lshm_trim(forged.heap);
}

/* A live block of the largest class in the last chunk. */
static void block_over_end(void)
{
	lshm_ptr p = chunk_of(MAXIMUM - 1);
	for (uint32_t slot = 0; slot < 3; slot++) {
		forge_slab(p, slot, 63, 0xffffff);
		forged_entry(p)->fresh = 0xffff;
		forge_label(p, STATE_LIVE, 16000);
		lshm_sizeof(forged.heap, p);
		lshm_realloc(forged.heap, p, 10000);
		lshm_free(forged.heap, p);
	}
}

/* A slab of free blocks only, up to the end and on. */
static void release_over_end(void)
{
	lshm_ptr p = chunk_of(MAXIMUM - 1);
	for (lshm_ptr q = p; q <= MAXIMUM; q += GRANULE)
		forge_label(q, q == p ? STATE_LIVE : STATE_FREE, q == p ? 8 : 0);
	forge_slab(p, forged_slot(), 0, 0xffffff);
	forged_entry(p)->fresh = 0xffff;
	forged_entry(p)->used = 1;
	lshm_free(forged.heap, p);
	lshm_trim(forged.heap);
}

/* Slabs where the heap's own tables are: the first header of chunk 0 would
 * stand before the heap. */
static void slab_of_metadata(void)
{
	for (uint32_t slot = 0; slot < 2; slot++) {
		forge_slab(0, slot ? forged_slot() : 0, 3, 1);
		forged_entry(0)->word |= WORD_DIRTY;
		forged_entry(0)->fresh = 64;
		forged_entry(0)->head = 1;
		CHECK(lshm_free(forged.heap, 0) == 0);
		CHECK(!lshm_malloc(forged.heap, MAXIMUM - 64)); /* gathers */
		lshm_check(forged.heap, NULL);
	}
}

/* --- the victim ------------------------------------------------------------- */

/* MAXIMUM bytes of the descriptor, with nothing around them. */
static unsigned char *guarded(int fd)
{
	unsigned char *range = mmap(NULL, MAXIMUM + 2 * GUARD, PROT_NONE,
	                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(range != MAP_FAILED);
	unsigned char *base =
		mmap(range + GUARD, MAXIMUM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(base == range + GUARD);
	return base;
}

static lshm *victim_heap(const struct round *round, int fd)
{
	return round->memory ? lshm_attach(guarded(fd), MAXIMUM, 0) : lshm_open_fd(fd, 0, NULL);
}

/* What this process counted, for the parent to add up. */
struct tally {
	_Atomic uint32_t stop, ready;
	uint64_t calls, failed, strokes;
};

static _Noreturn void victim(struct peer *peer, int fd, struct tally *tally)
{
	pthread_t thread;
	struct victim v = {.heap = victim_heap(&peer->round, fd), .reach = MAXIMUM};
	uint64_t rng = peer->round.seed;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(v.heap);
	for (int i = 0; i < 40; i++)
		victim_step(&v, random_next(&rng) / VICTIM_OPS * VICTIM_OPS);
	atomic_store(&tally->ready, 1);
	if (peer->round.thread)
		CHECK(pthread_create(&thread, NULL, scribble_on, peer) == 0);
	for (int i = 0; i < ROUND_CALLS / BURST; i++) {
		alarm(PATIENCE);
		for (int k = 0; k < BURST; k++)
			victim_step(&v, random_next(&rng));
	}
	lshm_close(v.heap);
	tally->calls = v.calls;
	tally->failed = v.failed;
	atomic_store(&tally->stop, 1);
	if (peer->round.thread) {
		CHECK(pthread_join(thread, NULL) == 0);
		tally->strokes = peer->strokes;
	}
	_exit(0);
}

/* --- rounds -------------------------------------------------------------------- */

/* A heap in a descriptor that the peer maps too, of the size that it may get. */
static int round_fd(const struct round *round, struct pen *pen)
{
	lshm_options o = {.initial = round->initial, .maximum = MAXIMUM, .secret = test_seed | 1};
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	lshm *heap = lshm_open_fd(fd, LSHM_CREATE, &o);
	CHECK(heap);
	lshm_close(heap);
	/* The caller's memory is all there from the beginning. */
	CHECK(!round->memory || ftruncate(fd, MAXIMUM) == 0);
	void *base = mmap(NULL, MAXIMUM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(base != MAP_FAILED);
	*pen = pen_make(base, round->memory ? MAXIMUM : round->initial);
	return fd;
}

static void report(const struct round *round, int status)
{
	fprintf(stderr, "round %llu: a victim in %s, a peer %s that %s; it ended by %s %d\n",
	        (unsigned long long)rounds, round->memory ? "memory of its own" : "a descriptor",
	        round->thread ? "thread" : "process",
	        round->flicker ? "puts back what it wrote" : "leaves what it wrote",
	        WIFSIGNALED(status) ? "signal" : "status",
	        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static pid_t fork_child(void)
{
	fflush(stdout);
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static _Noreturn void peer_process(struct peer *peer, struct tally *tally)
{
	alarm(ROUND_CALLS / BURST * PATIENCE);
	while (!atomic_load(&tally->ready))
		sched_yield();
	scribble_on(peer);
	tally->strokes = peer->strokes;
	_exit(0);
}

static void run(const struct round *round)
{
	struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct peer peer = {.round = *round};
	pid_t child, other = 0;
	int status;
	CHECK(tally != MAP_FAILED);
	peer.stop = &tally->stop;
	int fd = round_fd(round, &peer.pen);
	if (!(child = fork_child()))
		victim(&peer, fd, tally);
	if (!round->thread && !(other = fork_child()))
		peer_process(&peer, tally);
	/* It has an alarm of its own. */
	CHECK(waitpid(child, &status, 0) == child);
	atomic_store(&tally->ready, 1);
	atomic_store(&tally->stop, 1);
	if (other)
		test_join(other);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		report(round, status);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	rounds++;
	calls += tally->calls;
	failed += tally->failed;
	strokes += tally->strokes;
	munmap(peer.pen.base, MAXIMUM);
	munmap(tally, sizeof *tally);
	close(fd);
}

/* --- how long --------------------------------------------------------------------- */

/* LSHM_SECONDS, or some for `make test` and more for longer runs. */
static double seconds(void)
{
	const char *text = getenv("LSHM_SECONDS");
	return text && *text ? strtod(text, NULL) : test_long() ? 60 : 6;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void scribbling_peer(void)
{
	uint64_t rng = test_seed;
	double end = now() + seconds();
	do {
		uint64_t r = random_next(&rng);
		run(&(struct round){
			.seed = random_next(&rng),
			.initial = r & 1 ? MAXIMUM : 1 << 16,
			.memory = r & 2,
			.thread = r & 4,
			.flicker = r & 8,
			.pause = (uint32_t)1 << (r >> 8) % 12,
		});
	} while (now() < end);
	printf("  %llu rounds, %llu calls of which %llu failed, while %llu words were written\n",
	       (unsigned long long)rounds, (unsigned long long)calls, (unsigned long long)failed,
	       (unsigned long long)strokes);
}

/* Each lie in a child of its own, with a heap that ends where nothing is. */
static void forged_words(void)
{
	static const struct {
		void (*lie)(void);
		const char *name;
	} lies[] = {{long_span, "a long span"},
	            {long_slab, "a long slab"},
	            {list_to_end, "a list that leads to the end"},
	            {block_over_end, "a block over the end"},
	            {release_over_end, "a slab over the end"},
	            {slab_of_metadata, "a slab of metadata"}};
	int status, bad = 0;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct round round = {.initial = MAXIMUM, .memory = true};
		int fd = round_fd(&round, &forged.pen);
		pid_t child = fork_child();
		if (!child) {
			alarm(PATIENCE);
			forged.heap = victim_heap(&round, fd);
			CHECK(forged.heap &&
			      (forged.large = lshm_malloc(forged.heap, MAXIMUM / 8)));
			CHECK(lshm_malloc(forged.heap, MAXIMUM / 2 + MAXIMUM / 8));
			for (int k = 0; k < 3; k++)
				CHECK((forged.small[k] = lshm_malloc(forged.heap, 40)) != 0);
			lies[i].lie();
			lshm_close(forged.heap);
			_exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "%s: ended by %d\n", lies[i].name, status);
			bad++;
		}
		munmap(forged.pen.base, MAXIMUM);
		close(fd);
	}
	CHECK(bad == 0);
}

int main(void)
{
	test_begin(1);
	alarm(0); /* each part has its own */
	RUN(forged_words);
	RUN(scribbling_peer);
	return test_end();
}
