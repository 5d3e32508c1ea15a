/* permissions.c - who may do what with a heap that has a name. As root the tests
 * have a second user, in a child; as another user they say that they had none,
 * and take the write permission from themselves.
 */
#define _FILE_OFFSET_BITS 64 /* slots are locked far behind the end */
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { NOBODY = 65534, SIZE = 1 << 16 };

static const char *names[] = {test_shm, test_file};
static lshm_ptr block; /* in the heap that `make` made */

static lshm *make(const char *name, uint32_t mode)
{
	lshm_options o = {.initial = SIZE, .maximum = SIZE, .mode = mode};
	lshm *heap = lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &o);
	CHECK(heap && (block = lshm_calloc(heap, 1, 100)) != 0);
	CHECK(lshm_set_u64(heap, block, 42) == 0 && lshm_root_set(heap, 3, block) == 0);
	return heap;
}

static mode_t mode_of(const lshm *heap)
{
	struct stat st;
	CHECK(fstat(lshm_fd(heap), &st) == 0);
	return st.st_mode & 07777;
}

static void modes(void)
{
	const uint32_t asked[] = {0, 0600, 0640, 0644, 0666, 0400};
	mode_t mask = umask(0);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
			lshm *heap = make(names[k], asked[i]);
			CHECK(mode_of(heap) == (asked[i] ? asked[i] : 0600));
			lshm_close(heap);
			CHECK(lshm_unlink(names[k]) == 0);
		}
	/* What the process never gives away stays its own. */
	umask(077);
	lshm *heap = make(test_file, 0666);
	CHECK(mode_of(heap) == 0600);
	lshm_close(heap);
	CHECK(lshm_unlink(test_file) == 0);
	umask(mask);
}

/* --- names ------------------------------------------------------------------- */

static void link_to(const char *target, const char *name, const char *path)
{
	struct stat st;
	CHECK(symlink(target, path) == 0);
	REFUSED(lshm_open(name, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ELOOP);
	REFUSED(lshm_open(name, LSHM_READ_ONLY, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ELOOP);
	REFUSED(lshm_open(name, LSHM_CREATE, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ELOOP);
	REFUSED(lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == EEXIST);
	/* It goes, and not what it leads to. */
	CHECK(lshm_unlink(name) == 0 && lstat(path, &st) != 0);
}

static void links(void)
{
	char target[80], path[80];
	struct stat st;
	snprintf(target, sizeof target, "%s.target", test_file);
	snprintf(path, sizeof path, "/dev/shm%s", test_shm);
	/* Leading nowhere, it must not make what it names either. */
	link_to(target, test_file, test_file);
	link_to(target, test_shm, path);
	CHECK(lstat(target, &st) != 0);
	lshm_close(make(target, 0));
	link_to(target, test_file, test_file);
	link_to(target, test_shm, path);
	lshm *heap = lshm_open(target, 0, NULL);
	CHECK(heap && lshm_get_u64(heap, lshm_root_get(heap, 3)) == 42);
	lshm_close(heap);
	CHECK(lshm_unlink(target) == 0);
}

static void escapes(void)
{
	const char *wrong[] = {"",   "/",     "/.",     "/..",     ".",
	                       "..", "/tmp/", "/tmp/.", "/tmp/..", "a/.."};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		REFUSED(lshm_open(wrong[i], LSHM_CREATE, NULL), LSHM_ERR_INVALID);
		REFUSED(lshm_open(wrong[i], 0, NULL), LSHM_ERR_INVALID);
		CHECK(lshm_unlink(wrong[i]) == LSHM_ERR_INVALID);
	}
	/* A second slash makes it a path, which never is of shared memory. */
	char path[80];
	snprintf(path, sizeof path, "/..%s", test_shm);
	lshm *heap = make(test_shm, 0);
	REFUSED(lshm_open(path, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ENOENT);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
	/* Nor does opening a pipe wait, or a directory succeed. */
	CHECK(mkfifo(test_file, 0600) == 0);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_NO_HEAP);
	CHECK(unlink(test_file) == 0 && mkdir(test_file, 0700) == 0);
	REFUSED(lshm_open(test_file, LSHM_CREATE, NULL), LSHM_ERR_SYSTEM);
	CHECK(rmdir(test_file) == 0);
}

/* --- another user -------------------------------------------------------------- */

/* Whether this process may become another user: then it has. */
static bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

/* Runs `body` as another user: false if there can be none. */
static bool as_nobody(void (*body)(const char *name), const char *name)
{
	enum { NONE = 77 };
	int status;
	fflush(stdout);
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child) {
		if (!become_nobody())
			_exit(NONE);
		body(name);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == NONE);
	return WEXITSTATUS(status) == 0;
}

/* A write to the heap's memory ends whoever tries. */
static void write_dies(volatile unsigned char *at)
{
	int status;
	pid_t child = fork();
	CHECK(child >= 0);
	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		*at = 7;
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* All that reading is works, and nothing else does. */
static void reads_only(const char *name)
{
	lshm *heap = lshm_open(name, LSHM_READ_ONLY, NULL);
	lshm_ptr p = heap ? lshm_root_get(heap, 3) : 0;
	uint64_t blocks;
	lshm_thread list[4];
	CHECK(p && lshm_get_u64(heap, p) == 42 && lshm_sizeof(heap, p) == 100);
	test_sound(heap);
	test_walk(heap, &blocks);
	CHECK(blocks == 1 && lshm_threads(heap, list, 4) == 1);
	REFUSED(lshm_malloc(heap, 1), LSHM_ERR_READ_ONLY);
	CHECK(lshm_free(heap, p) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_reap(heap, list[0].thread, LSHM_FORCE, NULL) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_set_u8(heap, p, 1) == LSHM_ERR_READ_ONLY);
	CHECK((fcntl(lshm_fd(heap), F_GETFL) & O_ACCMODE) == O_RDONLY);
	CHECK(pwrite(lshm_fd(heap), "x", 1, 64) < 0 && ftruncate(lshm_fd(heap), 0) < 0);
	unsigned char *at = lshm_at(heap, p);
	write_dies(at);
	write_dies(at - p);
	lshm_close(heap);
}

static void reads_and_no_more(const char *name)
{
	reads_only(name);
	REFUSED(lshm_open(name, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == EACCES);
	REFUSED(lshm_open(name, LSHM_CREATE, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == EACCES);
	lshm *heap = lshm_open(name, LSHM_READ_ONLY, NULL);
	unsigned char *page = (unsigned char *)lshm_at(heap, 64) - 64;
	CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0 && errno == EACCES);
	lshm_close(heap);
}

static void reads_of_another(const char *name)
{
	reads_and_no_more(name);
	CHECK(lshm_unlink(name) == LSHM_ERR_SYSTEM && (errno == EPERM || errno == EACCES));
}

static void opens_nothing(const char *name)
{
	const int flags[] = {0, LSHM_READ_ONLY, LSHM_CREATE};
	for (int i = 0; i < 3; i++) {
		REFUSED(lshm_open(name, flags[i], NULL), LSHM_ERR_SYSTEM);
		CHECK(errno == EACCES);
	}
	REFUSED(lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == EEXIST);
}

static void works_along(const char *name)
{
	lshm *heap = lshm_open(name, 0, NULL);
	CHECK(heap && lshm_free(heap, lshm_malloc(heap, 50)) == 0);
	CHECK(lshm_set_u64(heap, lshm_root_get(heap, 3), 43) == 0);
	lshm_close(heap);
}

static void no_second_user(void)
{
	printf("  no second user: only root can have one, and this is user %d\n", (int)geteuid());
}

static void second_user(void)
{
	umask(0);
	for (size_t k = 0; k < 2; k++) {
		unsigned char before[SIZE], after[SIZE];
		lshm *heap = make(names[k], 0600);
		if (!as_nobody(opens_nothing, names[k])) {
			no_second_user();
			lshm_close(heap);
			CHECK(lshm_unlink(names[k]) == 0);
			return;
		}
		CHECK(fchmod(lshm_fd(heap), 0644) == 0);
		CHECK(pread(lshm_fd(heap), before, SIZE, 0) == SIZE);
		CHECK(as_nobody(reads_of_another, names[k]));
		CHECK(pread(lshm_fd(heap), after, SIZE, 0) == SIZE);
		CHECK(memcmp(before, after, SIZE) == 0);
		CHECK(fchmod(lshm_fd(heap), 0666) == 0);
		CHECK(as_nobody(works_along, names[k]));
		CHECK(lshm_get_u64(heap, block) == 43);
		test_sound(heap);
		lshm_close(heap);
		CHECK(lshm_unlink(names[k]) == 0);
	}
}

/* --- the same user ---------------------------------------------------------------- */

static void by_choice(void)
{
	for (size_t k = 0; k < 2; k++) {
		unsigned char before[SIZE], after[SIZE];
		lshm *heap = make(names[k], 0);
		CHECK(pread(lshm_fd(heap), before, SIZE, 0) == SIZE);
		reads_only(names[k]);
		CHECK(fchmod(lshm_fd(heap), 0400) == 0);
		if (geteuid() != 0) /* whom permissions stop */
			reads_and_no_more(names[k]);
		CHECK(pread(lshm_fd(heap), after, SIZE, 0) == SIZE);
		CHECK(memcmp(before, after, SIZE) == 0);
		lshm_close(heap);
		CHECK(lshm_unlink(names[k]) == 0);
	}
}

/* What SECURITY.md says a reader can do after all: its read locks look like those
 * of threads that live. They keep new ones from attaching, and go with it. */
static void locks_of_a_reader(void)
{
	lshm *heap = make(test_file, 0), *other;
	int fd = open(test_file, O_RDONLY | O_CLOEXEC);
	/* Behind the slot of the thread that is there. */
	struct flock lock = {.l_type = F_RDLCK,
	                     .l_whence = SEEK_SET,
	                     .l_start = ((off_t)1 << 62) + (lshm_self(heap) & 255) + 1};
	CHECK(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
	CHECK((other = lshm_open(test_file, 0, NULL)) != NULL);
	REFUSED(lshm_malloc(other, 1), LSHM_ERR_THREADS_FULL);
	CHECK(lshm_sizeof(other, block) == 100 && lshm_malloc(heap, 1));
	close(fd);
	CHECK(lshm_malloc(other, 1) != 0);
	lshm_close(other);
	lshm_close(heap);
	CHECK(lshm_unlink(test_file) == 0);
}

int main(void)
{
	test_begin(60);
	RUN(modes);
	RUN(links);
	RUN(escapes);
	RUN(second_user);
	RUN(by_choice);
	RUN(locks_of_a_reader);
	return test_end();
}
