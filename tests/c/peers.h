/* peers.h - threads of several processes on one region, over a host of the
 * tests' own, which says who is dead and how much memory there is.
 *
 * The region stands at `base` in every process. While peers prepare it, and in
 * the child that is stepped, that is shared memory; otherwise it is a private
 * copy, made anew from `shared` for each moment that is tried.
 */
#ifndef PEERS_H
#define PEERS_H

#include "step.h"

#include "host.h"
#include "slab.h"
#include "thread.h"

#include <sys/mman.h>

enum { REGION_BYTES = 384 << 10 };
enum { SURVIVOR, SECOND, VICTIM, EXTRA, PEERS };

/* What outlives a process besides the region. */
struct world {
	uint32_t backed, limit;       /* chunks: given now, given at most */
	uint32_t dead;                /* bits of peers: the proof */
	uint8_t lock[SLOT_MAX + 1];   /* of each slot: a peer + 1 */
	_Atomic uint32_t begun, done; /* by the child that is stepped */
};

struct peer {
	struct view view;
	uint8_t number;
	struct world *world;
};

static struct peer peers[PEERS];
static int actor;           /* the one that is stepped */
static struct world *world; /* shared with the child */
static struct world copied; /* goes with a copy of the region */
static uint8_t *base, *shared;
static int region_fd;

/* --- the host ------------------------------------------------------------- */

/* A view that stands in its slot, as in wasm, knows of no host. */
static struct peer *peer_of(struct view *v)
{
	return v && v->host ? v->host : &peers[actor];
}

uint32_t host_backed(struct view *v)
{
	return peer_of(v)->world->backed;
}

uint32_t host_grow(struct view *v, uint32_t chunks)
{
	struct world *w = peer_of(v)->world;
	w->backed = max32(w->backed, min32(chunks, w->limit));
	return w->backed;
}

bool host_claim_slot(struct view *v, uint32_t slot)
{
	const struct peer *p = peer_of(v);
	uint8_t holder = p->world->lock[slot];
	if (holder && !(p->world->dead >> (holder - 1) & 1))
		return false;
	p->world->lock[slot] = p->number + 1;
	return true;
}

void host_release_slot(struct view *v, uint32_t slot)
{
	peer_of(v)->world->lock[slot] = 0;
}

/* As src/native/host.c does it: who has the lock of a slot that is taken may
 * reap it, and who died while reaping is reaped in another round. A number that
 * is reserved is nobody's lock, and goes with who reserved it. */
static int reap_dead(struct view *v, enum reap how)
{
	int count = 0, before;
	do {
		uint32_t thread = 0;
		before = count;
		while ((thread = thread_next(v, THREAD_SLOT(thread))) != 0) {
			if (SLOT_STATE(v->found.size) == SLOT_RESERVED ||
			    !host_claim_slot(v, THREAD_SLOT(thread)))
				continue;
			count += thread_reap(v, thread, how) == 0;
			host_release_slot(v, THREAD_SLOT(thread));
		}
	} while (count > before);
	return count;
}

bool host_reap(struct view *v)
{
	return reap_dead(v, REAP_KEEP) > 0;
}

/* --- the region ----------------------------------------------------------- */

static void region_share(void)
{
	CHECK(mmap(base, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, region_fd,
	           0) == base);
}

static void region_part(void)
{
	CHECK(mmap(base, REGION_BYTES, PROT_READ | PROT_WRITE,
	           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == base);
}

static void region_make(void)
{
	region_fd = memfd_create("lshm-deaths", MFD_CLOEXEC);
	CHECK(region_fd >= 0 && ftruncate(region_fd, REGION_BYTES) == 0);
	shared = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, region_fd, 0);
	base = mmap(NULL, REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	CHECK(shared != MAP_FAILED && base != MAP_FAILED && world != MAP_FAILED);
}

/* A view that is attached to nothing. */
static struct view *peer_open(int number)
{
	struct peer *p = &peers[number];
	memset(p, 0, sizeof *p);
	p->number = (uint8_t)number;
	p->world = world;
	p->view.host = p;
	CHECK(heap_open(&p->view, base, REGION_BYTES) == 0);
	return &p->view;
}

static struct view *peer_attach(int number)
{
	struct view *v = peer_open(number);
	CHECK(thread_attach(v, 0) == 0);
	return v;
}

/* Chunks are of 1 KiB up to a maximum of 1 MiB, else of 4 KiB. It begins with
 * `initial` bytes and gets no more than `limit`. */
static void region_format(uint64_t maximum, uint32_t initial, uint32_t limit)
{
	region_share();
	memset(base, 0, REGION_BYTES);
	memset(world, 0, sizeof *world);
	CHECK(heap_format(base, initial, maximum, test_seed | 1) == 0);
	const struct header *h = (struct header *)(void *)base;
	world->backed = h->committed;
	world->limit = limit >> h->chunk_log2;
}

#endif
