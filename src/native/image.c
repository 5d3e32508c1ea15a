/* image.c - a heap's bytes as a file. They are read through the descriptor where
 * there is one: there a file that somebody truncates is an error and no SIGBUS.
 */
#include "native.h"

#include <stdlib.h>
#include <unistd.h>

#define STEP ((size_t)1 << 20)

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		size -= (size_t)n;
	}
	return true;
}

/* Up to `size` bytes of the heap from `at` on: how many, or -1 and errno. */
static ssize_t heap_read(const struct lshm *heap, uint8_t *to, size_t size, uint64_t at)
{
	ssize_t n;
	if (heap->fd < 0) {
		memcpy(to, heap->map.base + at, size);
		return (ssize_t)size;
	}
	do
		n = pread(heap->fd, to, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

int lshm_save(lshm *heap, int fd)
{
	uint8_t *buffer = malloc(STEP);
	const struct header *header = (const struct header *)(void *)buffer;
	uint64_t end = sizeof *header;
	int error = buffer ? 0 : LSHM_ERR_SYSTEM;
	for (uint64_t at = 0; !error && at < end;) {
		size_t want = end - at < STEP ? (size_t)(end - at) : STEP;
		ssize_t n = heap_read(heap, buffer, want, at);
		if (n == 0 || (n > 0 && !at && (size_t)n < want))
			error = LSHM_ERR_TRUNCATED;
		else if (n < 0 || !write_all(fd, buffer, (size_t)n))
			error = LSHM_ERR_SYSTEM;
		/* As long as the header says that was written: it may grow now. */
		if (!error && !at)
			end = (uint64_t)load_acquire(&header->committed) << heap->model.chunk_log2;
		at += (uint64_t)(n > 0 ? n : 0);
		if (!error && (at < sizeof *header || end > heap->mapped))
			error = LSHM_ERR_CORRUPT;
	}
	int saved = errno;
	free(buffer);
	errno = saved;
	return error ? fail(error) : 0;
}
