/* kills.c - processes that allocate, hand over, grow, fork and free at full speed,
 * and are killed at random, stopped, or find no more memory; others take their
 * place. LSHM_KILLS says how many are killed.
 */
#include "storm.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/time.h>

enum { WORKERS = 4, THREADS_MAX = 256, KILLS_EACH = 50, UNABLE = 77 };

/* One storm: a heap of its own, and those at work on it. */
struct raid {
	const char *name;
	lshm *heap;
	struct storm *storm;
	pid_t worker[WORKERS];
	uint64_t rng;
	uint64_t kills;
};

static uint64_t total_kills, total_stops, total_left, total_full;

/* --- the workers ---------------------------------------------------------- */

/* A child of a worker shares its heap, and mostly comes to no good end: nobody
 * handles this signal. */
static void offspring(lshm *heap, uint32_t me, uint64_t *rng)
{
	struct itimerval soon = {.it_value.tv_usec = 1 + (suseconds_t)random_below(rng, 4000)};
	struct storm *s = lshm_at(heap, lshm_root_get(heap, 0));
	__atomic_fetch_add(&s->born, 1, __ATOMIC_RELEASE);
	if (fork() != 0)
		return;
	setitimer(ITIMER_REAL, &soon, NULL);
	if (lshm_self(heap))
		storm_work(heap, me, 1000, random_next(rng));
	_exit(0);
}

static _Noreturn void work(const char *name, uint32_t me, uint64_t seed)
{
	uint64_t rng = seed;
	signal(SIGCHLD, SIG_IGN);
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	lshm *heap = lshm_open(name, 0, NULL);
	CHECK(heap);
	/* There may be no memory for more slots until others have gone. */
	for (int i = 0; !lshm_self(heap); i++) {
		CHECK(errno == EAGAIN && i < 20000);
		test_sleep(0.001);
	}
	for (;;) {
		storm_work(heap, me, 1000, random_next(&rng));
		if (random_below(&rng, 8) == 0)
			CHECK(lshm_grow(heap, 1) == 0 || errno == ENOMEM);
		if (random_below(&rng, 8) == 0)
			CHECK(lshm_trim(heap) == 0);
		if (random_below(&rng, 16) == 0)
			offspring(heap, me, &rng);
	}
}

static void worker_start(struct raid *r, uint32_t i)
{
	uint64_t seed = random_next(&r->rng);
	r->worker[i] = fork();
	CHECK(r->worker[i] >= 0);
	if (r->worker[i] == 0) {
		lshm_close(r->heap);
		work(r->name, i + 1, seed);
	}
}

/* Nobody dies of anything but the kill: least of all SIGBUS. */
static void worker_kill(struct raid *r, uint32_t i)
{
	int status;
	CHECK(kill(r->worker[i], SIGKILL) == 0);
	CHECK(waitpid(r->worker[i], &status, 0) == r->worker[i]);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	r->kills++;
	total_kills++;
}

/* Children of those that were killed are ours now. */
static void orphans_end(int options)
{
	int status;
	while (waitpid(-1, &status, options) > 0)
		CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
		      (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM));
}

/* --- what is seen of them ------------------------------------------------- */

static bool listed(struct raid *r, pid_t process, lshm_thread *found)
{
	lshm_thread list[THREADS_MAX];
	int count = lshm_threads(r->heap, list, THREADS_MAX);
	CHECK(count >= 0 && count <= THREADS_MAX);
	for (int i = 0; i < count; i++)
		if (list[i].process == (uint64_t)process) {
			*found = list[i];
			return true;
		}
	return false;
}

static void expect_sound(struct raid *r)
{
	lshm_report report;
	if (lshm_check(r->heap, &report) != 0)
		fprintf(stderr, "invariant %u at %llu after %llu kills\n", report.invariant,
		        (unsigned long long)report.offset, (unsigned long long)total_kills);
	CHECK(report.invariant == 0);
}

/* Somebody may be reaping it who only opens the heap: then it is not ours to reap,
 * but gone in a moment. */
static void expect_reaped(struct raid *r, pid_t process)
{
	lshm_thread thread;
	for (int i = 0; listed(r, process, &thread); i++) {
		CHECK(i < 5000);
		CHECK(lshm_reap_dead(r->heap, 0) >= 0);
		if (i)
			test_sleep(0.001);
	}
}

/* Stopped is not dead, and the others go on. */
static void stop_one(struct raid *r)
{
	pid_t process = r->worker[random_below(&r->rng, WORKERS)];
	lshm_thread thread;
	int status;
	CHECK(kill(process, SIGSTOP) == 0);
	CHECK(waitpid(process, &status, WUNTRACED) == process && WIFSTOPPED(status));
	if (listed(r, process, &thread)) {
		uint32_t before = __atomic_load_n(&r->storm->here, __ATOMIC_ACQUIRE);
		CHECK(!(thread.flags & LSHM_THREAD_DEAD));
		CHECK(lshm_reap(r->heap, thread.thread, 0, NULL) == LSHM_ERR_THREAD_UNKNOWN);
		CHECK(lshm_reap_dead(r->heap, 0) >= 0);
		for (int i = 0; i < 5000; i++) {
			if (__atomic_load_n(&r->storm->here, __ATOMIC_ACQUIRE) > before)
				break;
			test_sleep(0.001);
		}
		CHECK(__atomic_load_n(&r->storm->here, __ATOMIC_ACQUIRE) > before);
		expect_sound(r);
		uint32_t number = thread.thread;
		CHECK(listed(r, process, &thread) && thread.thread == number);
		total_stops++;
	}
	CHECK(kill(process, SIGCONT) == 0);
}

/* --- the end of all ------------------------------------------------------- */

static uint64_t blocks_of(lshm *heap, uint32_t thread)
{
	lshm_block block;
	uint64_t count = 0;
	for (lshm_ptr p = 0; (p = lshm_next(heap, p, &block)) != 0;)
		count += block.thread == thread;
	return count;
}

/* Reaps the dead one by one, with all that they allocated. Who died while reaping
 * another goes first. */
static void reap_all(lshm *heap)
{
	uint32_t self = lshm_self(heap);
	lshm_thread list[THREADS_MAX];
	int count;
	for (int round = 0; (count = lshm_threads(heap, list, THREADS_MAX)) > 1; round++) {
		CHECK(round < THREADS_MAX && count <= THREADS_MAX);
		for (int i = 0; i < count; i++) {
			lshm_reaped reaped;
			uint32_t thread = list[i].thread;
			if (thread == self)
				continue;
			CHECK(list[i].flags & LSHM_THREAD_DEAD);
			uint64_t blocks = blocks_of(heap, thread);
			int error = lshm_reap(heap, thread, LSHM_FREE_ALL, &reaped);
			CHECK(error == 0 || error == LSHM_ERR_THREAD_UNKNOWN);
			CHECK(error || (reaped.blocks == blocks && !blocks_of(heap, thread)));
		}
	}
}

/* The cells name blocks of those reaped before, whose content stands, and others
 * that have just been freed. */
static void clear_cells(struct raid *r)
{
	for (int i = 0; i < STORM_CELLS; i++) {
		lshm_ptr p = r->storm->cell[i];
		if (p && lshm_sizeof(r->heap, p) >= 0)
			storm_block_free(r->heap, p, 0);
		else if (p)
			CHECK(lshm_error() == LSHM_ERR_FREED ||
			      lshm_error() == LSHM_ERR_UNALLOCATED);
		r->storm->cell[i] = 0;
	}
}

/* Once memory is short nothing is left of slabs. */
static void expect_whole(lshm *heap)
{
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	REFUSED(lshm_malloc(heap, (size_t)s.maximum - 8), LSHM_ERR_NOMEM);
	CHECK(lshm_stats(heap, &s) == 0 && s.threads == 1);
	CHECK(s.slabs == 0 && s.spans == 0 && s.free + s.metadata == s.committed);
	lshm_ptr p = lshm_malloc(heap, (size_t)s.largest_free);
	CHECK(p && lshm_free(heap, p) == 0);
}

/* All are killed at once, and reaped with what they allocated. Then only that is
 * left which those had in hand that were reaped without. */
static void finish(struct raid *r, const lshm_statistics *at_first)
{
	lshm_statistics s;
	lshm_block block;
	uint64_t blocks;
	for (uint32_t i = 0; i < WORKERS; i++) {
		test_sleep((double)random_below(&r->rng, 2000) * 1e-6);
		worker_kill(r, i);
	}
	orphans_end(0);
	reap_all(r->heap);
	test_sound(r->heap);
	for (int i = 1; i <= WORKERS; i++)
		total_full += r->storm->full[i];
	clear_cells(r);
	test_walk(r->heap, &blocks);
	total_left += blocks - 1;
	CHECK(blocks - 1 <= 2 * (r->kills + r->storm->born));
	for (lshm_ptr p = 0; (p = lshm_next(r->heap, p, &block)) != 0;)
		CHECK(lshm_free(r->heap, p) == 0);
	test_sound(r->heap);
	CHECK(lshm_stats(r->heap, &s) == 0 && s.blocks == 0 && s.used == at_first->used);
	expect_whole(r->heap);
}

/* --- storms --------------------------------------------------------------- */

static void raid(const char *name, uint64_t maximum, uint64_t kills, uint64_t *rng)
{
	const lshm_options o = {.initial = 1 << 18, .maximum = maximum};
	struct raid r = {.name = name, .rng = random_next(rng)};
	lshm_statistics at_first;
	r.heap = lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &o);
	CHECK(r.heap && lshm_self(r.heap) && lshm_stats(r.heap, &at_first) == 0);
	r.storm = lshm_at(r.heap, storm_make(r.heap));
	for (uint32_t i = 0; i < WORKERS; i++)
		worker_start(&r, i);
	uint64_t stop_at = WORKERS + random_below(&r.rng, kills - WORKERS);
	for (uint64_t k = WORKERS; k < kills; k++) {
		uint32_t victim = (uint32_t)random_below(&r.rng, WORKERS);
		test_sleep((double)random_below(&r.rng, 8000) * 1e-6);
		if (k == stop_at)
			stop_one(&r);
		pid_t process = r.worker[victim];
		worker_kill(&r, victim);
		expect_reaped(&r, process);
		expect_sound(&r);
		worker_start(&r, victim);
		orphans_end(WNOHANG);
	}
	finish(&r, &at_first);
	lshm_close(r.heap);
	CHECK(lshm_unlink(name) == 0);
}

static uint64_t kills_wanted(void)
{
	const char *text = getenv("LSHM_KILLS");
	uint64_t wanted = text ? strtoull(text, NULL, 0) : 0;
	return wanted ? wanted : test_soak() ? 10000 : test_long() ? 2000 : 300;
}

static void tell(void)
{
	printf("  %llu kills left %llu blocks; %llu stops, %llu times out of memory\n",
	       (unsigned long long)total_kills, (unsigned long long)total_left,
	       (unsigned long long)total_stops, (unsigned long long)total_full);
	total_kills = total_left = total_stops = total_full = 0;
}

/* With memory to spare and where it is short all the time, in turn. */
static void kills(void)
{
	uint64_t rng = test_seed, wanted = kills_wanted();
	for (uint64_t done = 0; done < wanted; done += KILLS_EACH)
		raid(test_shm, done / KILLS_EACH % 2 ? 3 << 20 : 1 << 28, KILLS_EACH, &rng);
	tell();
}

/* --- no room on the file system ------------------------------------------- */

/* Shared memory of 1 MiB for this process and its children alone: false where
 * the system does not let us. */
static bool small_shm(void)
{
	return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("lshm", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
}

static void fill_up(void)
{
	FILE *file = fopen("/dev/shm/ballast", "w");
	CHECK(file);
	while (fputc(1, file) != EOF)
		;
	CHECK(errno == ENOSPC);
	fclose(file);
}

/* Too large to begin with; then no growth while another file is in the way. */
static void refused(const char *name)
{
	const lshm_options large = {.initial = 1 << 21, .maximum = 1 << 21};
	const lshm_options small = {.initial = 1 << 17, .maximum = 1 << 26};
	CHECK(!lshm_open(name, LSHM_CREATE, &large));
	CHECK(lshm_error() == LSHM_ERR_SYSTEM && errno == ENOSPC);
	CHECK(!lshm_open(name, 0, NULL) && errno == ENOENT);
	lshm *heap = lshm_open(name, LSHM_CREATE, &small);
	CHECK(heap);
	fill_up();
	REFUSED(lshm_malloc(heap, 1 << 18), LSHM_ERR_NOMEM);
	CHECK(lshm_grow(heap, 1) == LSHM_ERR_NOMEM);
	for (size_t size = 1 << 16; size >= 8; size /= 2)
		for (lshm_ptr p; (p = lshm_malloc(heap, size)) != 0;)
			memset(lshm_at(heap, p), 1, size);
	CHECK(unlink("/dev/shm/ballast") == 0);
	lshm_ptr p = lshm_malloc(heap, 1 << 18);
	CHECK(p);
	memset(lshm_at(heap, p), 1, 1 << 18);
	test_sound(heap);
	lshm_close(heap);
	CHECK(lshm_unlink(name) == 0);
}

static void on_small_shm(void)
{
	uint64_t rng = test_seed + 1, wanted = kills_wanted() / 5;
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	const char *names[] = {test_shm, "/dev/shm/file"};
	for (int i = 0; i < 2; i++)
		refused(names[i]);
	for (uint64_t done = 0; done < wanted; done += KILLS_EACH)
		raid(names[done / KILLS_EACH % 2], 1 << 26, KILLS_EACH, &rng);
	CHECK(total_full > 0);
	tell();
	fflush(stdout);
}

static void no_room(void)
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		if (!small_shm())
			_exit(UNABLE);
		on_small_shm();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == UNABLE)
		printf("  not tried: it needs root or user namespaces, to mount a file system\n");
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	test_begin(120);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	RUN(kills);
	RUN(no_room);
	return test_end();
}
