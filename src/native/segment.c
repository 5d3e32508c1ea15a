/* segment.c - makes, opens and maps what a heap stands in.
 *
 * The address range of the maximum is reserved once, over the file and beyond
 * its end: growth needs no new mapping, and no address changes. Nobody touches
 * what lies behind the file's end (host_backed bounds everything), since that
 * faults.
 *
 * A named segment is built without a name and linked when it is a whole heap,
 * so nobody sees half of one, and of several makers one wins.
 */
#include "native.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "map.h"

#define PAGE 4096u
#define INITIAL_DEFAULT ((uint64_t)1 << 20)
/* What wasm32 can map too; where addresses are scarce, less. */
#define MAXIMUM_DEFAULT ((uint64_t)1 << (sizeof(void *) == 8 ? 32 : 28))
/* Alignment of the base, and so of addresses; see lshm_aligned_alloc. */
#define BASE_ALIGN ((size_t)(sizeof(void *) == 8 ? 2u << 20 : PAGE))
/* Kept unmapped behind a heap: more than any block of a slab, so that a header
 * that a peer forged near the end leads nowhere else in this process. */
#define GUARD ((size_t)SLAB_BYTES_MAX)
#define SHM_DIRECTORY "/dev/shm"
/* Locked while a heap is made in a descriptor; behind the slots' bytes. */
#define CREATE_LOCK (((off_t)1 << 62) + 4096)
enum { CREATE_TRIES = 100 };

/* --- options ------------------------------------------------------------- */

uint64_t secret_make(void)
{
	uint64_t secret = 0;
	struct timespec now;
	if (getrandom(&secret, sizeof secret, GRND_NONBLOCK) == sizeof secret && secret)
		return secret;
	/* No entropy yet, early in a machine's life: unlike others, if guessable. */
	clock_gettime(CLOCK_REALTIME, &now);
	secret = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15ull ^ (uint64_t)now.tv_sec;
	return (secret ^ (uint64_t)getpid() << 40) | 1;
}

int plan_make(struct plan *plan, int flags, const lshm_options *options)
{
	const lshm_options none = {0};
	const lshm_options *o = options ? options : &none;
	const int known = LSHM_CREATE | LSHM_EXCLUSIVE | LSHM_READ_ONLY | LSHM_KEEP_DEAD;
	bool create = flags & LSHM_CREATE;
	if (flags & ~known || (flags & LSHM_EXCLUSIVE && !create) ||
	    (flags & LSHM_READ_ONLY && create) || o->mode & ~0777u)
		return LSHM_ERR_INVALID;
	plan->flags = flags;
	plan->mode = o->mode ? o->mode : 0600;
	plan->secret = o->secret ? o->secret : secret_make();
	plan->initial = o->initial;
	plan->maximum = o->maximum;
	if (!plan->maximum)
		plan->maximum = o->initial > MAXIMUM_DEFAULT ? o->initial : MAXIMUM_DEFAULT;
	if (plan->maximum < plan->initial || plan->maximum > SIZE_MAX / 2)
		return LSHM_ERR_INVALID;
	plan->maximum = (plan->maximum + PAGE - 1) / PAGE * PAGE;
	if (!plan->initial) {
		uint64_t least = heap_min_bytes(plan->maximum);
		plan->initial = least > INITIAL_DEFAULT ? least : INITIAL_DEFAULT;
		if (plan->initial > plan->maximum)
			plan->initial = plan->maximum;
	}
	plan->initial = (plan->initial + PAGE - 1) / PAGE * PAGE;
	return 0;
}

/* --- mapping ------------------------------------------------------------- */

/* Keeps errno. */
static void descriptor_close(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

/* Reserves `size` bytes at a multiple of BASE_ALIGN, and the guard. */
static uint8_t *range_reserve(size_t size)
{
	size += GUARD;
	size_t slack = BASE_ALIGN - PAGE;
	void *range = mmap(NULL, size + slack, PROT_NONE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range == MAP_FAILED)
		return NULL;
	uint8_t *from = range;
	size_t before = (size_t)(-(uintptr_t)range & (BASE_ALIGN - 1));
	if (before)
		munmap(from, before);
	if (slack > before)
		munmap(from + before + size, slack - before);
	return from + before;
}

static void range_unmap(uint8_t *base, size_t size)
{
	int saved = errno;
	munmap(base, size + GUARD);
	errno = saved;
}

static uint8_t *range_map(int fd, size_t size, bool read_only)
{
	uint8_t *base = range_reserve(size);
	int access = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	if (base &&
	    mmap(base, size, access, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED) {
		range_unmap(base, size);
		return NULL;
	}
	return base;
}

void segment_refresh(struct lshm *heap)
{
	struct view *model = &heap->model;
	struct header *header = (struct header *)(void *)model->base;
	uint32_t chunks = load_acquire(&header->committed), backed = host_backed(model);
	size_t bytes = (size_t)(chunks < backed ? chunks : backed) << model->chunk_log2;
	size_t seen = __atomic_load_n(&heap->map.readable, __ATOMIC_RELAXED);
	while (seen < bytes && !__atomic_compare_exchange_n(&heap->map.readable, &seen, bytes, 0,
	                                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (!heap->read_only)
		__atomic_store_n(&heap->map.writable,
		                 __atomic_load_n(&heap->map.readable, __ATOMIC_RELAXED),
		                 __ATOMIC_RELAXED);
}

static struct lshm *heap_new(int fd, uint8_t *base, size_t mapped)
{
	struct lshm *heap = calloc(1, sizeof *heap);
	if (!heap)
		return fail_null(LSHM_ERR_SYSTEM);
	heap->map.base = base;
	heap->mapped = mapped;
	heap->fd = fd;
	return heap;
}

/* The heap's geometry from a copy of its header, which no peer can change: what
 * is checked is what is used. `bytes` are backed, as measured after the copy was
 * made, since the heap may be growing. */
static int heap_learn(struct lshm *heap, struct header *copy, uint64_t bytes)
{
	int error = heap_open(&heap->model, (uint8_t *)copy, bytes);
	if (error)
		return error;
	heap->model.base = heap->map.base;
	heap->model.host = heap;
	map_learn(&heap->model);
	segment_refresh(heap);
	return 0;
}

static void header_copy(struct header *copy, const uint8_t *base, size_t bytes)
{
	memset(copy, 0, sizeof *copy);
	memcpy(copy, base, bytes < sizeof *copy ? bytes : sizeof *copy);
}

void segment_close(struct lshm *heap)
{
	int saved = errno;
	if (!heap->borrowed && heap->map.base)
		range_unmap(heap->map.base, heap->mapped);
	if (heap->fd >= 0)
		close(heap->fd);
	free(heap);
	errno = saved;
}

/* --- an existing heap ---------------------------------------------------- */

/* Reads the header, then the size: 0 or why fd is no heap. */
static int descriptor_probe(int fd, struct header *copy, struct stat *st, uint64_t *maximum)
{
	struct view view = {0};
	if (fstat(fd, st) != 0)
		return LSHM_ERR_SYSTEM;
	if (!S_ISREG(st->st_mode))
		return LSHM_ERR_NO_HEAP;
	memset(copy, 0, sizeof *copy);
	if (pread(fd, copy, sizeof *copy, 0) < 0 || fstat(fd, st) != 0)
		return LSHM_ERR_SYSTEM;
	int error = heap_open(&view, (uint8_t *)copy, (uint64_t)st->st_size);
	*maximum = (uint64_t)view.chunks_max << view.chunk_log2;
	if (error || *maximum <= SIZE_MAX / 2)
		return error;
	errno = ENOMEM;
	return LSHM_ERR_SYSTEM;
}

/* A sparse file (a copy that left zeros out) is filled up: a write into a hole
 * of a full disk would be SIGBUS. */
static int descriptor_fill(int fd, const struct stat *st, bool read_only)
{
	if (read_only || (uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size)
		return 0;
	return fallocate(fd, 0, 0, st->st_size) == 0 ? 0 : LSHM_ERR_SYSTEM;
}

/* Maps `maximum` bytes over fd, which it takes over, also where it fails. */
static struct lshm *descriptor_map(int fd, uint64_t maximum, bool read_only)
{
	uint8_t *base = range_map(fd, (size_t)maximum, read_only);
	struct lshm *heap = base ? heap_new(fd, base, (size_t)maximum) : NULL;
	if (heap) {
		heap->read_only = read_only;
		return heap;
	}
	if (base)
		range_unmap(base, (size_t)maximum);
	descriptor_close(fd);
	return fail_null(LSHM_ERR_SYSTEM);
}

/* The heap in fd, which it takes over, also where it fails. */
static struct lshm *descriptor_adopt(int fd, bool read_only)
{
	struct stat st;
	struct header copy;
	uint64_t maximum = 0;
	int error = descriptor_probe(fd, &copy, &st, &maximum);
	if (!error)
		error = descriptor_fill(fd, &st, read_only);
	if (error) {
		descriptor_close(fd);
		return fail_null(error);
	}
	struct lshm *heap = descriptor_map(fd, maximum, read_only);
	if (!heap)
		return NULL;
	error = heap_learn(heap, &copy, (uint64_t)st.st_size);
	if (!error)
		return heap;
	segment_close(heap);
	return fail_null(error);
}

/* --- a new heap ---------------------------------------------------------- */

/* Makes a heap in fd, which it takes over, also where it fails. */
static struct lshm *descriptor_format(int fd, const struct plan *plan)
{
	struct header copy;
	if (fallocate(fd, 0, 0, (off_t)plan->initial) != 0) {
		descriptor_close(fd);
		return fail_null(LSHM_ERR_SYSTEM);
	}
	struct lshm *heap = descriptor_map(fd, plan->maximum, false);
	if (!heap)
		return NULL;
	int error = heap_format(heap->map.base, plan->initial, plan->maximum, plan->secret);
	header_copy(&copy, heap->map.base, sizeof copy);
	if (!error)
		error = heap_learn(heap, &copy, plan->initial);
	if (!error)
		return heap;
	segment_close(heap);
	return fail_null(error);
}

struct lshm *segment_anonymous(const struct plan *plan)
{
	int fd = memfd_create("lshm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fail_null(LSHM_ERR_SYSTEM);
	struct lshm *heap = descriptor_format(fd, plan);
	/* Nobody can make its users fail with SIGBUS then. */
	if (heap)
		fcntl(heap->fd, F_ADD_SEALS, F_SEAL_SHRINK);
	return heap;
}

/* --- names --------------------------------------------------------------- */

bool segment_path(const char *name, char *path, size_t size)
{
	bool shm = name[0] == '/' && !strchr(name + 1, '/');
	const char *last = strrchr(name, '/');
	last = last ? last + 1 : name;
	errno = EINVAL;
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return false;
	int length = snprintf(path, size, "%s%s", shm ? SHM_DIRECTORY : "", name);
	errno = ENAMETOOLONG;
	return length > 0 && (size_t)length < size && strlen(last) <= NAME_MAX;
}

/* What leads to this thread's fd. (/proc/self has none once the first thread of the
 * process has ended.) */
static void descriptor_path(int fd, char *path, size_t size)
{
	snprintf(path, size, "/proc/thread-self/fd/%d", fd);
}

/* An unnamed file beside `path`; where the file system has none, one named
 * `temporary`, else that is empty. */
static int draft_open(const char *path, char *temporary, size_t size, mode_t mode)
{
	char directory[PATH_MAX];
	snprintf(directory, sizeof directory, "%s", path);
	char *slash = strrchr(directory, '/');
	snprintf(slash ? slash + (slash == directory) : directory, 2, "%s", slash ? "" : ".");
	temporary[0] = 0;
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	int length =
		snprintf(temporary, size, "%s.%016llx", path, (unsigned long long)secret_make());
	if (length < 0 || (size_t)length >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, mode);
}

/* Gives the draft its name: 0, or -1 and errno (EEXIST: somebody was faster). */
static int draft_link(int fd, const char *temporary, const char *path)
{
	char self[64];
	if (temporary[0]) {
		if (link(temporary, path) == 0)
			return unlink(temporary);
		if (errno == EEXIST)
			return -1;
		return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);
	}
	descriptor_path(fd, self, sizeof self);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

static struct lshm *segment_create(const char *path, const struct plan *plan)
{
	char temporary[PATH_MAX];
	int fd = draft_open(path, temporary, sizeof temporary, plan->mode);
	if (fd < 0)
		return fail_null(LSHM_ERR_SYSTEM);
	struct lshm *heap = descriptor_format(fd, plan);
	int saved = errno;
	if (heap && draft_link(fd, temporary, path) != 0) {
		saved = errno;
		segment_close(heap);
		heap = NULL;
		errno = saved;
		fail(LSHM_ERR_SYSTEM);
	}
	if (!heap && temporary[0])
		unlink(temporary);
	errno = saved;
	return heap;
}

struct lshm *segment_named(const char *name, const struct plan *plan)
{
	char path[PATH_MAX];
	bool read_only = plan->flags & LSHM_READ_ONLY;
	if (!segment_path(name, path, sizeof path))
		return fail_null(errno == EINVAL ? LSHM_ERR_INVALID : LSHM_ERR_SYSTEM);
	/* Others may make and remove the name at the same time. */
	for (int i = 0; i < CREATE_TRIES; i++) {
		if (!(plan->flags & LSHM_EXCLUSIVE)) {
			int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
			                            O_NOFOLLOW | O_NONBLOCK);
			if (fd >= 0)
				return descriptor_adopt(fd, read_only);
			if (errno != ENOENT || !(plan->flags & LSHM_CREATE))
				return fail_null(LSHM_ERR_SYSTEM);
		}
		struct lshm *heap = segment_create(path, plan);
		if (heap || lshm_error() != LSHM_ERR_SYSTEM || errno != EEXIST ||
		    plan->flags & LSHM_EXCLUSIVE)
			return heap;
	}
	errno = EBUSY;
	return fail_null(LSHM_ERR_SYSTEM);
}

/* --- descriptors --------------------------------------------------------- */

static int descriptor_reopen(int fd, bool read_only)
{
	char path[64];
	descriptor_path(fd, path, sizeof path);
	return open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
}

int segment_reopen(struct lshm *heap)
{
	if (heap->fd < 0)
		return 0;
	int fd = descriptor_reopen(heap->fd, heap->read_only);
	if (fd < 0)
		return LSHM_ERR_SYSTEM;
	/* The number stays, since lshm_fd has given it away. */
	int result = dup3(fd, heap->fd, O_CLOEXEC);
	descriptor_close(fd);
	if (result < 0)
		return LSHM_ERR_SYSTEM;
	heap->inherited = false;
	return 0;
}

/* Whether fd is empty, or zero as far as a heap's header reaches. */
static bool descriptor_blank(int fd)
{
	uint8_t bytes[sizeof(struct header)];
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);
	uint8_t sum = 0;
	for (ssize_t i = 0; i < n; i++)
		sum |= bytes[i];
	return n >= 0 && sum == 0;
}

/* Several may try to make one at once: the lock lets one of them. */
static struct lshm *descriptor_create(int fd, struct plan plan)
{
	struct stat st;
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = CREATE_LOCK,
		.l_len = 1,
	};
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0 || fstat(fd, &st) != 0) {
		descriptor_close(fd);
		return fail_null(LSHM_ERR_SYSTEM);
	}
	if (!descriptor_blank(fd)) {
		lock.l_type = F_UNLCK;
		fcntl(fd, F_OFD_SETLK, &lock);
		if (!(plan.flags & LSHM_EXCLUSIVE))
			return descriptor_adopt(fd, false);
		close(fd);
		errno = EEXIST;
		return fail_null(LSHM_ERR_SYSTEM);
	}
	if ((uint64_t)st.st_size > plan.initial)
		plan.initial = (uint64_t)st.st_size / PAGE * PAGE;
	if (plan.initial > plan.maximum) {
		close(fd);
		return fail_null(LSHM_ERR_INVALID);
	}
	struct lshm *heap = descriptor_format(fd, &plan);
	lock.l_type = F_UNLCK;
	if (heap)
		fcntl(heap->fd, F_OFD_SETLK, &lock);
	return heap;
}

struct lshm *segment_descriptor(int given, const struct plan *plan)
{
	bool read_only = plan->flags & LSHM_READ_ONLY;
	struct stat st;
	if (fstat(given, &st) != 0)
		return fail_null(LSHM_ERR_SYSTEM);
	/* Opening a device or a pipe anew could have effects. */
	if (!S_ISREG(st.st_mode))
		return fail_null(LSHM_ERR_NO_HEAP);
	int fd = descriptor_reopen(given, read_only);
	if (fd < 0)
		return fail_null(LSHM_ERR_SYSTEM);
	if (!(plan->flags & LSHM_CREATE))
		return descriptor_adopt(fd, read_only);
	return descriptor_create(fd, *plan);
}

/* --- the caller's memory ------------------------------------------------- */

struct lshm *segment_memory(void *base, size_t size, bool read_only)
{
	struct lshm *heap = heap_new(-1, base, size);
	if (!heap)
		return NULL;
	heap->borrowed = true;
	heap->read_only = read_only;
	struct header copy;
	header_copy(&copy, base, size);
	int error = heap_learn(heap, &copy, size);
	if (!error && !read_only &&
	    (uint64_t)heap->model.chunks_max << heap->model.chunk_log2 > size)
		error = LSHM_ERR_TRUNCATED;
	if (!error)
		return heap;
	segment_close(heap);
	return fail_null(error);
}
