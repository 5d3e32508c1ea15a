/* deaths.c - killed at every instruction. A process is stepped through each
 * operation. After each instruction that changed the region, and in a soak after
 * every one, a survivor that was attached all along goes on over a copy of it,
 * in three ways. What only the dead one knew plays no part, so moments at which
 * the region is the same are one; of reapers that die too, also in a soak. Some
 * are confirmed by a kill.
 */
#include "operations.h"

#include <sched.h>

enum {
	STEPS_MAX = 5000000, /* of one operation */
	ANSWER_MAX = 100000, /* of the survivor's next malloc and free */
	UNABLE = 77,         /* what ctest takes for skipped */
	SAMPLES = 2,         /* moments of each operation, to be confirmed */
	CONFIRM_MAX = 5000,  /* instructions up to a kill, unless there is time */
	STUCK_SECONDS = 120, /* from one moment to the next */
};

struct moment {
	uint32_t step;
	struct world world;
	uint8_t region[REGION_BYTES];
};

/* What is being tried, for messages. */
static const char *volatile trying;
static volatile uint32_t trying_step, trying_way;

static struct peer rest[PEERS]; /* as they were prepared */
static struct moment start, last, samples[SAMPLES];
static struct sight before, after, now;
static bool past;   /* the commit was seen */
static size_t gone; /* a block that the survivor freed */
static uint64_t total_steps, total_moments, total_kills, longest_answer;
static uint64_t own_steps; /* of total_steps: of the operations themselves */

static void tell_moment(void)
{
	char text[200];
	int n = snprintf(text, sizeof text, "%s, instruction %u, way %u\n", trying, trying_step,
	                 trying_way);
	(void)!write(2, text, (size_t)n);
}

/* The survivor hangs, or goes where there is no memory. */
static void on_signal(int signal)
{
	fprintf(stderr, "signal %d: ", signal);
	tell_moment();
	_exit(1);
}

/* --- moments -------------------------------------------------------------- */

static size_t moment_bytes(const struct world *w)
{
	return (size_t)w->backed << rest[SURVIVOR].view.chunk_log2;
}

static void moment_keep(struct moment *m, uint32_t step)
{
	m->step = step;
	m->world = *world;
	memcpy(m->region, shared, moment_bytes(world));
}

static bool moment_same(const struct moment *m)
{
	return m->world.backed == world->backed &&
	       memcmp(m->region, shared, moment_bytes(world)) == 0;
}

static void moment_restore(const struct moment *m)
{
	size_t bytes = moment_bytes(&m->world);
	memcpy(shared, m->region, bytes);
	memset(shared + bytes, 0, REGION_BYTES - bytes);
	*world = m->world;
}

/* The survivor, and who else is alive, over a copy of what a kill would leave. */
static struct view *moment_revive(void)
{
	size_t bytes = moment_bytes(world), dirty = moment_bytes(&copied);
	memcpy(base, shared, bytes);
	if (dirty > bytes) /* the survivor before this one had made it grow */
		memset(base + bytes, 0, dirty - bytes);
	copied = *world;
	copied.dead |= dead;
	memcpy(peers, rest, sizeof peers);
	for (int i = 0; i < PEERS; i++)
		peers[i].world = &copied;
	return &peers[SURVIVOR].view;
}

/* A child that does it, from `start` on. */
static pid_t act_begin(void (*act)(struct peer *), bool stepped)
{
	moment_restore(&start);
	memcpy(peers, rest, sizeof peers);
	world->begun = world->done = 0;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		region_share();
		if (stepped)
			step_here();
		world->begun = 1;
		act(&peers[actor]);
		world->done = 1;
		_exit(0);
	}
	if (stepped)
		for (step_await(child); !world->begun;)
			step_once(child);
	return child;
}

/* --- the survivor --------------------------------------------------------- */

/* It gets what it asks for, though nobody has been reaped. */
static void go_on(struct view *v, int flags)
{
	const size_t sizes[] = {24, 24, 100, 200, 1000, 3000, large(2)};
	enum { COUNT = sizeof sizes / sizeof *sizes };
	size_t p[COUNT];
	if (heap_find(v, given) == 0)
		CHECK(heap_free(v, given) == 0);
	else
		CHECK(flags & STEPWISE); /* a reaper may have been before it */
	gone = given;
	for (int i = 0; i < COUNT; i++) {
		p[i] = heap_malloc(v, sizes[i]);
		CHECK(p[i] || flags & SHORT);
		if (p[i])
			stamp(v, p[i], sizes[i]);
	}
	size_t moved = heap_realloc(v, p[4], large(1), GRANULE);
	CHECK(moved || flags & SHORT);
	p[4] = moved ? moved : p[4];
	for (int i = 0; i < COUNT; i++)
		CHECK(heap_free(v, p[i]) == 0);
	static const uint8_t name[NAME_BYTES] = "another";
	_Atomic uint64_t *value = name_value(v, name, true);
	CHECK(value != NULL);
	store_release(value, 64);
}

/* It takes all there is; who is dead is reaped for it. */
static void fill(struct view *v)
{
	enum { COUNT = 500 };
	static size_t p[COUNT], sizes[COUNT];
	int count = 0;
	for (size_t size = 30000; size >= 400; size -= size / 3)
		while (count < COUNT && (p[count] = heap_malloc(v, size)) != 0) {
			stamp(v, p[count], size);
			sizes[count++] = size;
		}
	CHECK(count < COUNT && v->error == LSHM_ERR_NOMEM);
	while (count--) {
		CHECK(stamped(v, p[count], sizes[count]));
		CHECK(heap_free(v, p[count]) == 0);
	}
}

static bool of_dead(uint32_t thread)
{
	bool is = false;
	for (int i = 0; i < PEERS; i++)
		is |= thread && dead >> i & 1 && rest[i].view.thread == thread;
	return is;
}

struct tally {
	int all, here; /* blocks that one sight has and the other has not */
	int all_of[PEERS], here_of[PEERS];
};

/* What is here of the blocks of `mine`. Those that the other sight has too must
 * be, those of the dead must not if they were `freed`. */
static struct tally tally(const struct sight *mine, const struct sight *other, bool freed,
                          int flags)
{
	struct tally t = {0};
	for (const struct seen *b = mine->block; b < mine->block + mine->count; b++) {
		const struct seen *is = sight_find(&now, b);
		const struct seen *too = sight_find(other, b);
		if (b->offset == gone)
			continue;
		if (freed && (of_dead(b->thread) || (too && of_dead(too->thread)))) {
			CHECK(!is || flags & LEAVES);
			continue;
		}
		if (too) {
			CHECK(is && is->all == b->all);
			continue;
		}
		CHECK(!is || mine == &after || is->first == b->first);
		t.all++;
		t.here += is != NULL;
		for (int i = 0; i < PEERS; i++) {
			bool its = b->thread && rest[i].view.thread == b->thread;
			t.all_of[i] += its;
			t.here_of[i] += its && is;
		}
	}
	return t;
}

/* The live blocks are those from before the operation, or those from after it. */
static void expect_blocks(struct view *v, bool freed, int flags)
{
	sight_take(v, &now);
	struct tally old = tally(&before, &after, freed, flags);
	struct tally new = tally(&after, &before, freed, flags);
	bool is_old = old.here == old.all && !new.here, is_new = !old.here &&new.here == new.all;
	for (int i = 0; i < now.count; i++) {
		const struct seen *b = &now.block[i], *of_new = sight_find(&after, b);
		CHECK(of_new || sight_find(&before, b));
		/* The old one may only go when the new one has its content. */
		CHECK(!(flags & BOTH && is_new && of_new) || b->first == of_new->first);
	}
	if (flags & STEPWISE)
		for (int i = 0; i < PEERS; i++)
			CHECK(!old.here_of[i] || old.here_of[i] == old.all_of[i]);
	if (flags & (STEPWISE | LEAVES))
		return;
	CHECK(is_old || is_new || (flags & BOTH && old.here == old.all && new.here == new.all));
	/* What was committed stays so. */
	CHECK(!(past && is_old && !is_new));
	past |= is_new && !is_old;
}

/* Over one copy. */
static void survive(int flags, uint32_t way)
{
	struct view *v = moment_revive();
	trying_way = way;
	gone = 0;
	expect_sound(v);
	if (way == 1)
		go_on(v, flags);
	if (way == 2)
		fill(v);
	else
		reap_dead(v, way == 0 ? REAP_FREE : REAP_KEEP);
	expect_settled(v, present & ~dead, reserved);
	expect_sound(v);
	expect_blocks(v, way == 0, flags);
	expect_whole(v, present & ~dead);
}

static void survive_all(int flags)
{
	alarm(STUCK_SECONDS);
	for (uint32_t way = 0; way < 3; way++)
		survive(flags, way);
}

/* The survivor's next malloc and free, counted in instructions. */
static void count_answer(void)
{
	struct view *v = moment_revive();
	uint64_t steps = 0;
	world->begun = world->done = 0;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		step_here();
		world->begun = 1;
		heap_free(v, heap_malloc(v, 24));
		world->done = 1;
		_exit(0);
	}
	for (step_await(child); !world->done; steps += world->begun) {
		CHECK(steps < ANSWER_MAX);
		step_once(child);
	}
	step_kill(child);
	if (steps > longest_answer)
		longest_answer = steps;
}

/* --- the deaths ----------------------------------------------------------- */

/* Tries all moments: those that differ, or `each`. Keeps some, drawn evenly;
 * returns how many. */
static int step_through(void (*act)(struct peer *), int flags, bool each, uint64_t *rng)
{
	uint32_t steps = 0, moments = 0;
	pid_t child = act_begin(act, true);
	past = false;
	for (;; steps++) {
		trying_step = steps;
		if (!steps || !moment_same(&last) || each) {
			moment_keep(&last, steps);
			survive_all(flags);
			size_t place = moments < SAMPLES ? moments : random_below(rng, moments + 1);
			if (place < SAMPLES)
				samples[place] = last;
			moments++;
		}
		if (world->done)
			break;
		CHECK(steps < STEPS_MAX);
		step_once(child);
	}
	step_kill(child);
	printf("  %-38s %7u instructions, %5u moments\n", trying, steps, moments);
	fflush(stdout);
	total_steps += steps;
	total_moments += moments;
	return moments < SAMPLES ? (int)moments : SAMPLES;
}

/* A kill leaves what the copy held, and all of it is true again. */
static void confirm(const struct moment *m, void (*act)(struct peer *), int flags)
{
	pid_t child = act_begin(act, true);
	trying_step = m->step;
	for (uint32_t i = 0; i < m->step; i++)
		step_once(child);
	step_kill(child);
	CHECK(moment_same(m));
	past = false;
	survive_all(flags);
	count_answer();
	total_kills++;
}

/* Peer `actor` begins with what is in `start`, and dies in it. */
static int die(void (*act)(struct peer *), int flags, bool each, uint64_t *rng)
{
	start.world.dead |= dead;
	moment_restore(&start);
	sight_take(moment_revive(), &before);
	test_join(act_begin(act, false));
	sight_take(moment_revive(), &after);
	dead |= 1u << actor; /* from here on, for the survivor */
	int kept = step_through(act, flags, each, rng);
	for (int i = 0; i < kept; i++)
		if (samples[i].step < CONFIRM_MAX || test_soak() || test_long())
			confirm(&samples[i], act, flags);
	return kept;
}

/* `follow`: somebody reaps who died in it, and dies as well. */
static void operation_try(const struct operation *o, uint64_t maximum, uint32_t initial,
                          bool follow)
{
	static char name[80];
	uint64_t rng = test_seed;
	trying = o->name;
	trying_step = trying_way = 0;
	memset(peers, 0, sizeof peers);
	present = dead = reserved = 0;
	actor = VICTIM;
	region_format(maximum, initial, 2 * initial);
	o->prepare();
	memcpy(rest, peers, sizeof rest);
	moment_keep(&start, 0);
	region_part();
	copied = (struct world){0}; /* as is the copy, to begin with */
	uint64_t before_it = total_steps;
	int kept = die(o->act, o->flags, test_soak(), &rng);
	own_steps += total_steps - before_it;
	if (!follow)
		return;
	start = samples[random_below(&rng, (size_t)kept)];
	actor = actor == SECOND ? EXTRA : SECOND;
	snprintf(name, sizeof name, "  its reaper (from instruction %u)", start.step);
	trying = name;
	/* Who had left, or was reaped, before the death is no more to be reaped. */
	die(reap_free, STEPWISE | (o->flags & (SHORT | LEAVES)), false, &rng);
}

/* On a heap of this geometry; one of `follow` operations is followed up, and
 * always the one that is a reaper's own. */
static void deaths_within(uint64_t maximum, uint32_t initial, uint32_t follow)
{
	enum { COUNT = sizeof operations / sizeof *operations };
	total_steps = own_steps = total_moments = total_kills = longest_answer = 0;
	for (uint32_t i = 0; i < COUNT; i++)
		operation_try(&operations[i], maximum, initial,
		              operations[i].act == reap_free || (test_seed + i) % follow == 0);
	printf("  %d operations, %llu instructions; reapers that died too, %llu instructions; %llu "
	       "moments, all tried in 3 ways; %llu confirmed by kills; the next malloc and free "
	       "took at most %llu instructions\n",
	       COUNT, (unsigned long long)own_steps, (unsigned long long)(total_steps - own_steps),
	       (unsigned long long)total_moments, (unsigned long long)total_kills,
	       (unsigned long long)longest_answer);
}

static void deaths(void)
{
	deaths_within(1 << 20, 96 << 10, test_soak() ? 1 : test_long() ? 3 : 16);
}

/* The same with chunks of 4 KiB. */
static void deaths_in_large_chunks(void)
{
	deaths_within(2 << 20, REGION_BYTES / 2, test_soak() ? 1 : 16);
}

/* view.cache and slot.kept have room for what a thread may keep of all classes, and no more. */
static void kept_blocks_fit(void)
{
	uint32_t count = 0;
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		uint32_t stride = class_stride(class) * GRANULE;
		count += max32(1, min32(CACHE_MOST, CACHE_BYTES / stride));
	}
	CHECK(count == CACHE_COUNT);
}

int main(void)
{
#if !defined __x86_64__ && !defined __i386__
	/* An atomic operation may be a loop that no single step leaves. */
	printf("not tried: for x86 alone\n");
	return UNABLE;
#endif
	test_begin(60);
	test_tell = tell_moment;
	signal(SIGALRM, on_signal);
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	/* Two processes that take turns are faster on one core. */
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	RUN(kept_blocks_fit);
	region_make();
	RUN(deaths);
	if (test_soak() || test_long())
		RUN(deaths_in_large_chunks);
	return test_end();
}
