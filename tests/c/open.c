/* open.c - every way to make, open, share and remove a heap. */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const lshm_options small = {.initial = 1 << 16, .maximum = 1 << 20};

/* Writes through one heap, reads through another of the same region. */
static void same_heap(lshm *a, lshm *b)
{
	lshm_ptr p = lshm_malloc(a, 1000);
	CHECK(p && lshm_root_set(a, 7, p) == 0);
	memset(lshm_at(a, p), 0x5a, 1000);
	CHECK(lshm_root_get(b, 7) == p && lshm_sizeof(b, p) == 1000);
	CHECK(lshm_get_u32(b, p + 996) == 0x5a5a5a5a);
	CHECK(lshm_at(a, p) != lshm_at(b, p));
}

static void named(const char *name)
{
	lshm_unlink(name);
	REFUSED(lshm_open(name, 0, NULL), LSHM_ERR_SYSTEM);
	lshm *a = lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &small);
	CHECK(a);
	REFUSED(lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &small), LSHM_ERR_SYSTEM);
	CHECK(errno == EEXIST);
	lshm *b = lshm_open(name, LSHM_CREATE, NULL), *c = lshm_open(name, 0, NULL);
	CHECK(b && c);
	lshm_statistics s;
	CHECK(lshm_stats(b, &s) == 0 && s.maximum == 1 << 20);
	same_heap(a, b);
	CHECK(lshm_free(b, lshm_root_get(b, 7)) == 0);
	same_heap(b, c);
	/* Growth by one is seen by all. */
	lshm_ptr p = lshm_malloc(c, 300000);
	CHECK(p && lshm_set_u64(c, p + 299992, 42) == 0);
	CHECK(lshm_get_u64(a, p + 299992) == 42 && lshm_sizeof(b, p) == 300000);
	CHECK(lshm_free(a, p) == 0);
	struct stat st;
	CHECK(fstat(lshm_fd(a), &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(lshm_threads(a, NULL, 0) == 3);
	lshm_close(c);
	test_sound(a);
	CHECK(lshm_unlink(name) == 0);
	REFUSED(lshm_open(name, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(lshm_malloc(b, 10) != 0);
	lshm_close(a);
	test_sound(b);
	lshm_close(b);
}

static void shared_memory(void)
{
	named(test_shm);
	/* It is POSIX shared memory, as others name it. */
	lshm *heap = lshm_open(test_shm, LSHM_CREATE, &small);
	int fd = shm_open(test_shm, O_RDONLY, 0);
	CHECK(heap && fd >= 0);
	close(fd);
	CHECK(shm_unlink(test_shm) == 0);
	lshm_close(heap);
}

static void files(void)
{
	named(test_file);
	/* A relative name, and a mode. */
	char name[64];
	CHECK(chdir("/tmp") == 0);
	snprintf(name, sizeof name, "lshm-test-%d.heap", (int)getpid());
	lshm_options o = {.mode = 0640};
	lshm *heap = lshm_open(name, LSHM_CREATE, &o);
	struct stat st;
	CHECK(heap && stat(name, &st) == 0 && (st.st_mode & 0777) == 0640);
	lshm_close(heap);
	/* What was stored outlasts its users. */
	heap = lshm_open(name, 0, NULL);
	lshm_ptr p = lshm_malloc(heap, 77);
	strcpy(lshm_at(heap, p), "still here");
	CHECK(lshm_name_set(heap, "greeting", p) == 0);
	lshm_close(heap);
	heap = lshm_open(name, 0, NULL);
	CHECK(heap && !strcmp(lshm_at(heap, lshm_name_get(heap, "greeting")), "still here"));
	test_sound(heap);
	CHECK(lshm_threads(heap, NULL, 0) == 1);
	lshm_close(heap);
	CHECK(lshm_unlink(name) == 0);
}

static void links(void)
{
	char target[80];
	snprintf(target, sizeof target, "%s.target", test_file);
	lshm *heap = lshm_open(target, LSHM_CREATE, &small);
	CHECK(heap && symlink(target, test_file) == 0);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_SYSTEM);
	CHECK(errno == ELOOP);
	REFUSED(lshm_open(test_file, LSHM_CREATE, NULL), LSHM_ERR_SYSTEM);
	CHECK(unlink(test_file) == 0 && unlink(target) == 0);
	lshm_close(heap);
	REFUSED(lshm_open("/tmp", 0, NULL), LSHM_ERR_SYSTEM);
	REFUSED(lshm_open("/dev/null", 0, NULL), LSHM_ERR_NO_HEAP);
}

/* Sends the descriptor over a socket, as a server does. */
static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
	                         .msg_iovlen = 1,
	                         .msg_control = control,
	                         .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
	                         .msg_iovlen = 1,
	                         .msg_control = control,
	                         .msg_controllen = sizeof control};
	int fd;
	CHECK(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static void descriptors(void)
{
	int pair[2], status;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid_t child = fork();
	if (child == 0) {
		int fd = receive_fd(pair[1]);
		lshm *heap = lshm_open_fd(fd, 0, NULL);
		close(fd);
		CHECK(heap);
		lshm_ptr p = lshm_root_get(heap, 0);
		CHECK(p && lshm_get_i32(heap, p) == 9999);
		CHECK(lshm_free(heap, p) == 0);
		CHECK((p = lshm_malloc(heap, 20)) && lshm_root_set(heap, 1, p) == 0);
		CHECK(lshm_threads(heap, NULL, 0) == 2);
		/* Ends without closing: proven dead, since its locks were its own. */
		kill(getpid(), SIGKILL);
	}
	lshm *heap = test_heap(0, 1 << 24);
	lshm_ptr p = lshm_malloc(heap, 8);
	CHECK(lshm_set_i32(heap, p, 9999) == 0 && lshm_root_set(heap, 0, p) == 0);
	send_fd(pair[0], lshm_fd(heap));
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	CHECK(lshm_sizeof(heap, p) == LSHM_ERR_FREED);
	CHECK(lshm_sizeof(heap, lshm_root_get(heap, 1)) == 20);
	CHECK(lshm_threads(heap, NULL, 0) == 2);
	CHECK(lshm_reap_dead(heap, LSHM_FREE_ALL) == 1);
	CHECK(lshm_sizeof(heap, lshm_root_get(heap, 1)) < 0);
	CHECK(test_walk(heap, NULL) == 0);
	test_sound(heap);
	lshm_close(heap);
	close(pair[0]);
	close(pair[1]);
}

static void memfds(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC), other = memfd_create("test", MFD_CLOEXEC);
	int ends[2];
	REFUSED(lshm_open_fd(fd, 0, NULL), LSHM_ERR_NO_HEAP);
	lshm *a = lshm_open_fd(fd, LSHM_CREATE | LSHM_EXCLUSIVE, &small);
	REFUSED(lshm_open_fd(fd, LSHM_CREATE | LSHM_EXCLUSIVE, &small), LSHM_ERR_SYSTEM);
	lshm *b = lshm_open_fd(fd, LSHM_CREATE, &small);
	CHECK(a && b && lshm_fd(a) != fd && fcntl(fd, F_GETFD) >= 0);
	same_heap(a, b);
	lshm_close(a);
	lshm_close(b);
	/* A region that somebody sized before. */
	CHECK(ftruncate(other, 1 << 18) == 0);
	REFUSED(lshm_open_fd(other, 0, NULL), LSHM_ERR_NO_HEAP);
	a = lshm_open_fd(other, LSHM_CREATE, &small);
	lshm_statistics s;
	CHECK(a && lshm_stats(a, &s) == 0 && s.committed == 1 << 18);
	lshm_close(a);
	CHECK(pwrite(fd, "x", 1, 64) == 1);
	REFUSED(lshm_open_fd(fd, LSHM_CREATE, NULL), LSHM_ERR_NO_HEAP);
	CHECK(pipe(ends) == 0);
	REFUSED(lshm_open_fd(ends[0], 0, NULL), LSHM_ERR_NO_HEAP);
	close(ends[0]);
	close(ends[1]);
	close(fd);
	close(other);
}

static void callers_memory(void)
{
	size_t size = 1 << 16, maximum = 1 << 22;
	unsigned char *base = mmap(NULL, maximum, PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(base != MAP_FAILED);
	memset(base, 0xaa, size);
	REFUSED(lshm_attach(base, maximum, 0), LSHM_ERR_NO_HEAP);
	REFUSED(lshm_init(base + 1, size, maximum, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_init(base, size, size - 1, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_init(NULL, size, size, NULL), LSHM_ERR_INVALID);
	REFUSED(lshm_init(base, 100, 100, NULL), LSHM_ERR_TOO_SMALL);
	lshm *a = lshm_init(base, size, maximum, NULL);
	CHECK(a && lshm_fd(a) == -1);
	REFUSED(lshm_init(base, size, maximum, NULL), LSHM_ERR_HEAP_EXISTS);
	lshm *b = lshm_attach(base, maximum, 0);
	lshm *c = lshm_attach(base, maximum, LSHM_READ_ONLY);
	CHECK(b && c);
	REFUSED(lshm_attach(base, size, 0), LSHM_ERR_TRUNCATED);
	lshm_ptr p = lshm_malloc(a, 3000000);
	CHECK(p && lshm_at(a, p) == base + p && lshm_at(b, p) == base + p);
	CHECK(lshm_sizeof(c, p) == 3000000);
	REFUSED(lshm_malloc(b, 3000000), LSHM_ERR_NOMEM);
	CHECK(lshm_free(b, p) == 0);
	test_sound(a);
	/* No descriptor, no proof: by force alone. */
	uint32_t number = lshm_self(b), self = lshm_self(a);
	CHECK(self != 0 && number != self);
	CHECK(lshm_reap_dead(a, 0) == 0);
	CHECK(lshm_reap(a, number, 0, NULL) == LSHM_ERR_THREAD_UNKNOWN);
	CHECK(lshm_reap(a, number, LSHM_FORCE, NULL) == 0);
	lshm_close(c);
	lshm_close(b);
	CHECK(lshm_threads(a, NULL, 0) == 1);
	lshm_close(a);
	a = lshm_attach(base, maximum, 0);
	CHECK(a && lshm_threads(a, NULL, 0) == 0);
	test_sound(a);
	lshm_close(a);
	munmap(base, maximum);
}

static void read_only(void)
{
	lshm *heap = lshm_open(test_shm, LSHM_CREATE, &small);
	lshm_ptr p = lshm_malloc(heap, 100), q;
	CHECK(lshm_set_u64(heap, p, 7) == 0 && lshm_root_set(heap, 0, p) == 0);
	CHECK(lshm_name_set(heap, "it", p) == 0);
	lshm *view = lshm_open(test_shm, LSHM_READ_ONLY, NULL);
	CHECK(view && lshm_threads(view, NULL, 0) == 1);
	REFUSED(lshm_malloc(view, 1), LSHM_ERR_READ_ONLY);
	CHECK(errno == EROFS);
	REFUSED(lshm_realloc(view, p, 1), LSHM_ERR_READ_ONLY);
	REFUSED(lshm_calloc(view, 1, 1), LSHM_ERR_READ_ONLY);
	REFUSED(lshm_aligned_alloc(view, 16, 1), LSHM_ERR_READ_ONLY);
	CHECK(lshm_free(view, p) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_grow(view, 4096) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_trim(view) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_root_set(view, 0, p) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_name_set(view, "it", p) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_set_u64(view, p, 8) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_store_u64(view, p, 8) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_reap_dead(view, 0) == LSHM_ERR_READ_ONLY);
	CHECK(lshm_self(view) == 0 && !lshm_writable(view, p, 8));
	CHECK(lshm_sizeof(view, p) == 100 && lshm_root_get(view, 0) == p);
	CHECK(lshm_name_get(view, "it") == p);
	CHECK(lshm_get_u64(view, p) == 7 && lshm_load_u64(view, p) == 7);
	CHECK(lshm_wait32(view, p, 7, 1000) == LSHM_TIMED_OUT);
	CHECK((q = lshm_malloc(heap, 500000)) && lshm_set_u8(heap, q + 499999, 3) == 0);
	CHECK(lshm_get_u8(view, q + 499999) == 3 && lshm_sizeof(view, q) == 500000);
	test_sound(view);
	uint64_t blocks;
	test_walk(view, &blocks);
	CHECK(blocks == 2);
	lshm_close(view);
	lshm_close(heap);
	CHECK(lshm_unlink(test_shm) == 0);
}

/* Each kind of file that is no heap is refused by its own error, unchanged. */
static void no_heaps(void)
{
	lshm *heap = lshm_open(test_file, LSHM_CREATE, &small);
	lshm_ptr p = lshm_malloc(heap, 500000);
	CHECK(p);
	lshm_close(heap);
	int fd = open(test_file, O_RDWR);
	struct stat st;
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	struct {
		off_t at;
		int code;
	} fields[] = {
		{64, LSHM_ERR_NO_HEAP}, /* magic */
		{72, LSHM_ERR_VERSION}, {76, LSHM_ERR_SIGNATURE},
		{80, LSHM_ERR_CORRUPT}, /* chunk_log2 */
		{87, LSHM_ERR_CORRUPT}, /* chunks_max, its high byte */
		{91, LSHM_ERR_CORRUPT}, /* map_first */
		{92, LSHM_ERR_CORRUPT}, /* slots_first */
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		unsigned char byte, other, now;
		CHECK(pread(fd, &byte, 1, fields[i].at) == 1);
		other = byte ^ 0x77;
		CHECK(pwrite(fd, &other, 1, fields[i].at) == 1);
		REFUSED(lshm_open(test_file, 0, NULL), fields[i].code);
		REFUSED(lshm_open(test_file, LSHM_CREATE, NULL), fields[i].code);
		REFUSED(lshm_open(test_file, LSHM_READ_ONLY, NULL), fields[i].code);
		CHECK(pread(fd, &now, 1, fields[i].at) == 1 && now == other);
		CHECK(pwrite(fd, &byte, 1, fields[i].at) == 1);
	}
	heap = lshm_open(test_file, 0, NULL);
	CHECK(heap && lshm_sizeof(heap, p) == 500000);
	lshm_close(heap);
	CHECK(ftruncate(fd, st.st_size / 2) == 0);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_TRUNCATED);
	CHECK(ftruncate(fd, 100) == 0);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_NO_HEAP);
	CHECK(ftruncate(fd, 0) == 0);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_NO_HEAP);
	uint64_t rng = test_seed, word;
	for (int i = 0; i < 20000; i++)
		CHECK((word = random_next(&rng), write(fd, &word, 8)) == 8);
	REFUSED(lshm_open(test_file, 0, NULL), LSHM_ERR_NO_HEAP);
	close(fd);
	CHECK(unlink(test_file) == 0);
}

/* A peer that writes anything anywhere: open, walk, check, stats, malloc and
 * free may fail, but end, and touch nothing outside the mapping. */
static void hostile_bytes(void)
{
	uint64_t rng = test_seed;
	int opened = 0;
	for (int round = 0; round < (test_long() ? 3000 : 300); round++) {
		lshm *heap = test_heap(1 << 16, 1 << 20);
		lshm_ptr p[40];
		lshm_statistics s;
		lshm_block block;
		for (int i = 0; i < 40; i++)
			p[i] = lshm_malloc(heap, random_below(&rng, 3000));
		for (int i = 0; i < 40; i += 2)
			lshm_free(heap, p[i]);
		unsigned char *base = (unsigned char *)lshm_at(heap, 64) - 64;
		int fd = dup(lshm_fd(heap));
		lshm_stats(heap, &s);
		size_t area = round % 2 ? 8192 : (size_t)s.committed;
		for (size_t k = random_below(&rng, 60) + 1; k > 0; k--)
			base[random_below(&rng, area)] = (unsigned char)random_next(&rng);
		for (int again = 0; heap && again < 2; again++) {
			int steps = 0;
			lshm_check(heap, NULL);
			lshm_stats(heap, &s);
			for (lshm_ptr q = 0; (q = lshm_next(heap, q, &block)) != 0;)
				CHECK(++steps < 100000 && q < s.maximum);
			for (int i = 0; i < 40; i++) {
				lshm_ptr q = lshm_malloc(heap, random_below(&rng, 3000));
				CHECK(q < s.maximum);
				lshm_realloc(heap, p[i], 100);
				lshm_free(heap, p[i]);
				lshm_free(heap, random_below(&rng, 1 << 20));
			}
			lshm_trim(heap);
			lshm_reap_dead(heap, 0);
			lshm_threads(heap, NULL, 0);
			lshm_close(heap);
			heap = again ? NULL : lshm_open_fd(fd, 0, NULL);
			opened += heap != NULL;
		}
		close(fd);
	}
	CHECK(opened > 10);
}

/* Several that create one name at once: one makes it, all have it. */
static void races(void)
{
	for (int round = 0; round < 30; round++) {
		pid_t children[4];
		int go[2];
		CHECK(pipe(go) == 0);
		for (int i = 0; i < 4; i++) {
			children[i] = fork();
			if (children[i] == 0) {
				char byte;
				close(go[1]);
				CHECK(read(go[0], &byte, 1) == 0);
				lshm *heap = lshm_open(test_shm, LSHM_CREATE, &small);
				CHECK(heap && lshm_malloc(heap, 100));
				lshm_close(heap);
				_exit(0);
			}
		}
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < 4; i++)
			test_join(children[i]);
		lshm *heap = lshm_open(test_shm, 0, NULL);
		uint64_t blocks;
		CHECK(heap);
		test_walk(heap, &blocks);
		CHECK(blocks == 4);
		test_sound(heap);
		lshm_close(heap);
		CHECK(lshm_unlink(test_shm) == 0);
	}
}

/* Fills the heap until the system refuses; then it goes on working. */
static void fill(const char *name)
{
	lshm_options o = {.initial = 1 << 16, .maximum = 1 << 26};
	lshm *heap = lshm_open(name, LSHM_CREATE, &o);
	CHECK(heap);
	lshm_ptr last = 0, p;
	size_t count = 0;
	while ((p = lshm_malloc(heap, 10000)) != 0) {
		memset(lshm_at(heap, p), 0x11, 10000);
		lshm_set_u64(heap, p, last);
		last = p;
		CHECK(++count < 1000);
	}
	CHECK(lshm_error() == LSHM_ERR_NOMEM && errno == ENOMEM && count > 50);
	CHECK(lshm_grow(heap, 1 << 20) == LSHM_ERR_NOMEM);
	test_sound(heap);
	p = lshm_get_u64(heap, last);
	CHECK(lshm_free(heap, last) == 0 && lshm_malloc(heap, 10000) == last);
	CHECK(lshm_free(heap, last) == 0);
	for (; p; p = last) {
		last = lshm_get_u64(heap, p);
		CHECK(lshm_free(heap, p) == 0);
	}
	CHECK(lshm_malloc(heap, count * 10000 / 10 * 4) != 0);
	test_sound(heap);
	CHECK(lshm_unlink(name) == 0);
	lshm_close(heap);
}

/* A full disk is an error and not a SIGBUS. A file system of 2 MiB where we may
 * mount one, else a limit on the file's size. */
static void full_disk(void)
{
	pid_t child = fork();
	if (child == 0) {
		char directory[80], name[100];
		snprintf(directory, sizeof directory, "%s.d", test_file);
		snprintf(name, sizeof name, "%s/heap", directory);
		CHECK(mkdir(directory, 0700) == 0);
		if (unshare(CLONE_NEWNS) == 0 &&
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		    mount("tmpfs", directory, "tmpfs", 0, "size=2m") == 0) {
			fill(name);
			CHECK(umount(directory) == 0);
		} else {
			struct rlimit limit = {2 << 20, 2 << 20};
			signal(SIGXFSZ, SIG_IGN);
			CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
			fill(name);
		}
		CHECK(rmdir(directory) == 0);
		_exit(0);
	}
	test_join(child);
}

/* A copy of a heap's file is a heap: whoever was attached is dead in it. A copy
 * with holes is filled up. */
static void images(void)
{
	char copy[80];
	snprintf(copy, sizeof copy, "%s.copy", test_file);
	lshm *heap = lshm_open(test_file, LSHM_CREATE, &small), *image;
	lshm_ptr p[100];
	for (size_t i = 0; i < 100; i++) {
		p[i] = lshm_calloc(heap, 1, 20 + i * 10);
		CHECK(lshm_set_u64(heap, p[i], i) == 0);
	}
	lshm_statistics s;
	CHECK(lshm_stats(heap, &s) == 0);
	int fd = open(copy, O_RDWR | O_CREAT | O_EXCL, 0600);
	const unsigned char *bytes = (const unsigned char *)lshm_at(heap, 64) - 64;
	CHECK(fd >= 0 && ftruncate(fd, (off_t)s.committed) == 0);
	for (size_t at = 0; at < s.committed; at += 512) {
		bool zero = true;
		for (size_t i = 0; i < 512; i++)
			zero = zero && bytes[at + i] == 0;
		CHECK(zero || pwrite(fd, bytes + at, 512, (off_t)at) == 512);
	}
	image = lshm_open(copy, 0, NULL);
	struct stat st;
	CHECK(image && fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 >= s.committed);
	CHECK(lshm_threads(image, NULL, 0) == 1);
	for (size_t i = 0; i < 100; i++) {
		CHECK(lshm_get_u64(image, p[i]) == i);
		CHECK(lshm_free(image, p[i]) == 0);
		CHECK(lshm_get_u64(heap, p[i]) == i && lshm_sizeof(heap, p[i]) > 0);
	}
	CHECK(test_walk(image, NULL) == 0);
	test_sound(image);
	test_sound(heap);
	close(fd);
	CHECK(lshm_unlink(copy) == 0 && lshm_unlink(test_file) == 0);
	lshm_close(image);
	lshm_close(heap);
}

int main(void)
{
	test_begin(240);
	RUN(shared_memory);
	RUN(files);
	RUN(links);
	RUN(descriptors);
	RUN(memfds);
	RUN(callers_memory);
	RUN(read_only);
	RUN(no_heaps);
	RUN(hostile_bytes);
	RUN(races);
	RUN(full_disk);
	RUN(images);
	return test_end();
}
