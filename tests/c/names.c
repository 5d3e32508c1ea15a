/* names.c - heaps that get names and lose them, by several processes at once, of
 * which some are killed. Who opens a name finds a whole heap or none; none only
 * where somebody had removed it.
 */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { WORKERS = 4, NAMES = 2, TURNS_PER_KILL = 40 };

static const lshm_options small = {.initial = 1 << 16, .maximum = 1 << 16};
/* Has room for what the killed leave. */
static const lshm_options lasting = {.initial = 1 << 18, .maximum = 1 << 28};

/* What workers did, in memory that they share. */
struct tally {
	_Atomic uint64_t turns, made, opened, absent, removed;
};
static struct tally *tally;

/* Where the names are: shared memory or files. */
static bool files;

/* Name 0 stays; the others come and go. */
static const char *name_of(char *name, size_t size, size_t i)
{
	snprintf(name, size, "%s.%zu", files ? test_file : test_shm, i);
	return name;
}

/* A heap that somebody opened or made is a whole one. */
static void use(lshm *heap)
{
	CHECK(lshm_self(heap));
	lshm_ptr p = lshm_malloc(heap, 100);
	CHECK(p);
	memset(lshm_at(heap, p), 1, 100);
	CHECK(lshm_free(heap, p) == 0);
	lshm_close(heap);
}

static void turn(uint64_t *rng)
{
	char name[100];
	lshm *heap;
	name_of(name, sizeof name, 1 + random_below(rng, NAMES));
	switch (random_below(rng, 6)) {
	case 0: /* one that nobody removes */
		CHECK((heap = lshm_open(name_of(name, sizeof name, 0), 0, NULL)) != NULL);
		use(heap);
		break;
	case 1:
	case 2:
		CHECK((heap = lshm_open(name, LSHM_CREATE, &small)) != NULL);
		tally->made++;
		use(heap);
		break;
	case 3:
		heap = lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &small);
		CHECK(heap || (lshm_error() == LSHM_ERR_SYSTEM && errno == EEXIST));
		if (heap)
			use(heap);
		break;
	case 4:
		heap = lshm_open(name, 0, NULL);
		CHECK(heap || (lshm_error() == LSHM_ERR_SYSTEM && errno == ENOENT));
		tally->absent += !heap;
		tally->opened += heap != NULL;
		if (heap)
			use(heap);
		break;
	default:
		if (lshm_unlink(name) == 0)
			tally->removed++;
		else
			CHECK(errno == ENOENT);
	}
	tally->turns++;
}

static pid_t worker_start(uint64_t seed)
{
	pid_t child = fork();
	CHECK(child >= 0);
	if (child)
		return child;
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	for (uint64_t rng = seed;;)
		turn(&rng);
}

static void worker_kill(pid_t worker)
{
	int status;
	CHECK(kill(worker, SIGKILL) == 0 && waitpid(worker, &status, 0) == worker);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void names_remove(void)
{
	char name[100];
	for (size_t i = 0; i <= NAMES; i++)
		CHECK(lshm_unlink(name_of(name, sizeof name, i)) == 0 || errno == ENOENT);
}

static void names_of_failed(void)
{
	if (getpid() == test_process)
		names_remove();
}

/* Until so many turns were taken. */
static void storm(uint64_t turns)
{
	char name[100];
	pid_t worker[WORKERS];
	uint64_t rng = test_seed + files, kills = 0;
	memset(tally, 0, sizeof *tally);
	lshm *pinned =
		lshm_open(name_of(name, sizeof name, 0), LSHM_CREATE | LSHM_EXCLUSIVE, &lasting);
	CHECK(pinned);
	for (int i = 0; i < WORKERS; i++)
		worker[i] = worker_start(random_next(&rng));
	for (; tally->turns < turns; kills++) {
		size_t victim = random_below(&rng, WORKERS);
		uint64_t next = tally->turns + random_below(&rng, (size_t)2 * TURNS_PER_KILL);
		for (int i = 0; tally->turns < next; i++) {
			CHECK(i < 100000); /* one that failed is no more */
			test_sleep(0.0002);
		}
		worker_kill(worker[victim]);
		worker[victim] = worker_start(random_next(&rng));
	}
	for (int i = 0; i < WORKERS; i++)
		worker_kill(worker[i]);
	lshm_block block;
	uint64_t left;
	CHECK(lshm_reap_dead(pinned, 0) >= 0 && lshm_threads(pinned, NULL, 0) == 1);
	test_walk(pinned, &left);
	CHECK(left <= kills + WORKERS); /* one that each of the dead had in hand */
	for (lshm_ptr p = 0; (p = lshm_next(pinned, p, &block)) != 0;)
		CHECK(lshm_free(pinned, p) == 0);
	test_sound(pinned);
	test_whole(pinned, 0.3);
	lshm_close(pinned);
	names_remove();
	printf("  %llu turns, %llu kills: %llu times made or had, %llu opened, %llu absent, "
	       "%llu removed\n",
	       (unsigned long long)tally->turns, (unsigned long long)kills,
	       (unsigned long long)tally->made, (unsigned long long)tally->opened,
	       (unsigned long long)tally->absent, (unsigned long long)tally->removed);
	CHECK(tally->made && tally->opened && tally->absent && tally->removed);
}

static void names_that_come_and_go(void)
{
	test_tell = names_of_failed;
	uint64_t turns = test_soak() ? 200000 : test_long() ? 20000 : 4000;
	tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	CHECK(tally != MAP_FAILED);
	storm(turns);
	files = true;
	storm(turns);
}

/* --- without the main thread ------------------------------------------------ */

static void *open_late(void *unused)
{
	(void)unused;
	for (int i = 0; access("/proc/self/fd/2", F_OK) == 0; i++) {
		CHECK(i < 20000);
		test_sleep(0.001);
	}
	lshm *heap = lshm_open(test_shm, LSHM_CREATE | LSHM_EXCLUSIVE, &small);
	CHECK(heap);
	lshm *again = lshm_open_fd(lshm_fd(heap), 0, NULL);
	CHECK(again);
	use(again);
	use(heap);
	CHECK(lshm_unlink(test_shm) == 0);
	_exit(0);
}

/* Where the first thread has ended the process has no /proc/self/fd. */
static void main_thread_ended(void)
{
	pthread_t other;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(pthread_create(&other, NULL, open_late, NULL) == 0);
		pthread_exit(NULL);
	}
	test_join(child);
}

int main(void)
{
	test_begin(60);
	RUN(names_that_come_and_go);
	RUN(main_thread_ended);
	return test_end();
}
