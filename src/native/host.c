/* host.c - what the core asks of its host, and the locks that prove life.
 *
 * A process holds, for each slot that one of its threads has, an exclusive
 * lock on one byte far behind the end of the segment, on a file description
 * that is its alone. It takes the lock before the slot is published as taken
 * and drops it after the slot was given back; the kernel drops it when the
 * process ends, however that happens. So a slot that is taken and not locked
 * belongs to a dead thread. A description sees only the locks of others: our
 * own slots are in heap->owned, which also keeps two threads of this process
 * from handling one slot at a time.
 */
#include "native.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Slot s is locked at byte LOCK_BASE + s. */
#define LOCK_BASE ((off_t)1 << 62)

static int slot_lock(const struct lshm *heap, int command, short type, uint32_t slot, short *found)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = LOCK_BASE + (off_t)slot,
		.l_len = 1,
	};
	int result;
	do
		result = fcntl(heap->fd, command, &lock);
	while (result < 0 && errno == EINTR);
	if (found)
		*found = lock.l_type;
	return result;
}

/* Sets the slot's bit in `owned`: false if it was set. */
static bool owned_take(struct lshm *heap, uint32_t slot)
{
	uint32_t bit = 1u << slot % 32;
	return !(atomic_fetch_or(&heap->owned[slot / 32], bit) & bit);
}

static void owned_drop(struct lshm *heap, uint32_t slot)
{
	atomic_fetch_and(&heap->owned[slot / 32], ~(1u << slot % 32));
}

bool slot_mine(struct lshm *heap, uint32_t slot)
{
	return atomic_load(&heap->owned[slot / 32]) >> slot % 32 & 1;
}

bool host_claim_slot(struct view *v, uint32_t slot)
{
	struct lshm *heap = v->host;
	if (!owned_take(heap, slot))
		return false;
	if (heap->fd < 0 || slot_lock(heap, F_OFD_SETLK, F_WRLCK, slot, NULL) == 0)
		return true;
	if (errno != EAGAIN && errno != EACCES)
		heap->lock_error = errno;
	owned_drop(heap, slot);
	return false;
}

void host_release_slot(struct view *v, uint32_t slot)
{
	struct lshm *heap = v->host;
	if (heap->fd >= 0)
		slot_lock(heap, F_OFD_SETLK, F_UNLCK, slot, NULL);
	owned_drop(heap, slot);
}

/* A hint, for lists: who must be sure takes the lock. */
bool slot_dead(struct lshm *heap, uint32_t slot)
{
	short found = F_WRLCK;
	if (heap->fd < 0 || heap->inherited || slot_mine(heap, slot))
		return false;
	return slot_lock(heap, F_OFD_GETLK, F_WRLCK, slot, &found) == 0 && found == F_UNLCK;
}

/* To have the lock of a slot that is taken is the proof, and keeps other
 * reapers away until we are done or dead. If the slot changed hands before we
 * had the lock, its epoch tells, and the core refuses. */
int slot_reap(struct view *v, uint32_t thread, enum reap how)
{
	struct lshm *heap = v->host;
	uint32_t slot = THREAD_SLOT(thread);
	if (heap->fd < 0 || heap->inherited || !host_claim_slot(v, slot))
		return LSHM_ERR_THREAD_UNKNOWN;
	int error = thread_reap(v, thread, how);
	host_release_slot(v, slot);
	return error;
}

int reap_dead(struct view *v, enum reap how)
{
	int count = 0, before;
	/* Who died while reaping keeps that slot from others as long as his own
	 * is not reaped: hence again until nothing comes back. */
	do {
		uint32_t thread = 0;
		before = count;
		while ((thread = thread_next(v, THREAD_SLOT(thread))) != 0)
			count += slot_reap(v, thread, how) == 0;
	} while (count > before && count < SLOT_MAX);
	return count;
}

bool host_reap(struct view *v)
{
	return reap_dead(v, REAP_KEEP) > 0;
}

/* --- growth -------------------------------------------------------------- */

static uint32_t committed(const struct view *v)
{
	return load_acquire(&((struct header *)(void *)v->base)->committed);
}

static uint64_t file_bytes(const struct lshm *heap)
{
	struct stat st;
	return fstat(heap->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Never more than is mapped here, whatever the header and the file say. */
static uint32_t backed_within(const struct view *v, uint64_t chunks)
{
	const struct lshm *heap = v->host;
	uint64_t mapped = heap->mapped >> v->chunk_log2;
	uint64_t most = mapped < v->chunks_max ? mapped : v->chunks_max;
	return (uint32_t)(chunks < most ? chunks : most);
}

uint32_t host_backed(struct view *v)
{
	const struct lshm *heap = v->host;
	/* The caller's memory is all there: what is in use is what was agreed. */
	if (heap->fd < 0)
		return backed_within(v, committed(v));
	return backed_within(v, file_bytes(heap) >> v->chunk_log2);
}

/* Memory comes in pages of 64 KiB, as in wasm: one history, one heap. */
static uint32_t whole_pages(const struct view *v, uint32_t chunks)
{
	uint32_t page = 1u << (16 - v->chunk_log2);
	uint32_t rounded = (chunks + page - 1) / page * page;
	return rounded < v->chunks_max ? rounded : v->chunks_max;
}

/* fallocate, never ftruncate: of two that grow at once the smaller one must
 * not shrink the file, and a page that the system cannot provide must be an
 * error here and not a SIGBUS later. */
uint32_t host_grow(struct view *v, uint32_t chunks)
{
	const struct lshm *heap = v->host;
	chunks = whole_pages(v, chunks);
	if (heap->fd < 0) {
		_Atomic uint32_t *word = &((struct header *)(void *)v->base)->committed;
		uint32_t want = backed_within(v, chunks);
		uint32_t seen = load_relaxed(word);
		while (seen < want && !cas32(word, seen, want))
			seen = load_relaxed(word);
		return host_backed(v);
	}
	uint64_t had = file_bytes(heap), want = (uint64_t)chunks << v->chunk_log2;
	if (had < want) {
		int result;
		do
			result = fallocate(heap->fd, 0, (off_t)had, (off_t)(want - had));
		while (result < 0 && errno == EINTR);
	}
	return host_backed(v);
}
