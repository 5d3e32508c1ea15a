/* native.h - what the files of the C library share. They stand in this order:
 *
 *   segment.c   makes, opens and maps what a heap stands in
 *   host.c      what the core asks of its host; locks that prove life
 *   attach.c    threads that come and go, fork
 *   lshm.c      the functions of lshm.h
 *
 * struct lshm and struct member are this process's own; only what `base`
 * points to is shared with others.
 */
#ifndef LSHM_NATIVE_H
#define LSHM_NATIVE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core.h"
#include "host.h"
#include "lshm.h"

/* One thread's way to one heap. Its thread alone uses it, but for lshm_close
 * and fork, which give it up. */
struct member {
	struct view view;
	_Atomic(struct lshm *) heap; /* null: given up; its thread frees it */
	pthread_t thread;
	struct member *sibling;      /* the thread's next */
	struct member *next, **link; /* the heap's others; under the registry */
	bool refused;                /* no slot was to be had */
};

enum { SLOT_WORDS = (SLOT_MAX + 32) / 32 };

struct lshm {
	struct lshm_map map;       /* first: lshm.h reads it */
	_Atomic uintptr_t *serial; /* never used twice; alone in a page that is
	                               zero in a forked child */
	int fd;                    /* -1 over the caller's memory */
	bool read_only;
	bool inherited;                     /* fd is a parent's description: no proof */
	bool borrowed;                      /* the mapping is the caller's */
	size_t mapped;                      /* bytes at base */
	_Atomic int lock_error;             /* errno of a file system without locks */
	struct view model;                  /* the geometry; attached to nothing */
	_Atomic uint32_t owned[SLOT_WORDS]; /* slots that this process holds */
	struct member *members;             /* under the registry */
	struct lshm *next;                  /* of this process; under the registry */
};

/* Sets errno and lshm_error(); returns code. LSHM_ERR_SYSTEM keeps errno. */
int fail(int code);
/* The same, returning what failing calls return. */
static inline void *fail_null(int code)
{
	fail(code);
	return NULL;
}

/* --- segment.c --- */

/* How to open: options with the defaults filled in. */
struct plan {
	int flags;
	mode_t mode;
	uint64_t initial, maximum, secret;
};

/* LSHM_ERR_INVALID. */
int plan_make(struct plan *plan, int flags, const lshm_options *options);
/* A number that nobody can guess. */
uint64_t secret_make(void);
/* Each of these gives a heap that is mapped but not registered, or NULL. */
struct lshm *segment_anonymous(const struct plan *plan);
struct lshm *segment_named(const char *name, const struct plan *plan);
struct lshm *segment_descriptor(int fd, const struct plan *plan);
/* The path that a name stands for: false and errno. */
bool segment_path(const char *name, char *path, size_t size);
/* A heap over the caller's memory. */
struct lshm *segment_memory(void *base, size_t size, bool read_only);
void segment_close(struct lshm *heap);
/* Give fd a file description of this process's own: 0 or LSHM_ERR_SYSTEM. */
int segment_reopen(struct lshm *heap);
/* Raise map.readable and map.writable to what is committed and backed. */
void segment_refresh(struct lshm *heap);

/* --- host.c --- */

/* Whether the slot, seen taken before, looks like a dead thread's. */
bool slot_dead(struct lshm *heap, uint32_t slot);
bool slot_mine(struct lshm *heap, uint32_t slot);
/* Reap a thread if it is proven dead, else THREAD_UNKNOWN. v need not be
 * attached unless blocks are to be freed. */
int slot_reap(struct view *v, uint32_t thread, enum reap how);
/* Reap all that are proven dead; returns how many. */
int reap_dead(struct view *v, enum reap how);

/* --- attach.c --- */

/* This thread's attached view of the heap it used last. */
struct cache {
	uintptr_t serial;
	struct view *view;
};
extern _Thread_local struct cache cache
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Around the making of a heap: no fork may come between its descriptor and its
 * place in the registry. false and lshm_error(). */
bool open_begin(void);
struct lshm *open_end(struct lshm *heap);
void heap_unregister(struct lshm *heap);
/* This thread's view, attached; NULL and lshm_error(). */
struct view *view_attach(struct lshm *heap);
/* This thread's view, attached or not. */
struct view *view_find(struct lshm *heap);
/* Our slot was reaped by force: attach anew. */
struct view *view_renew(struct lshm *heap);
/* This thread leaves the heap. */
void view_leave(struct lshm *heap);

static inline bool cached(const struct lshm *heap)
{
	return cache.serial == atomic_load_explicit(heap->serial, memory_order_relaxed);
}

static inline struct view *view_writer(struct lshm *heap)
{
	return __builtin_expect(cached(heap), 1) ? cache.view : view_attach(heap);
}

static inline struct view *view_reader(struct lshm *heap)
{
	return __builtin_expect(cached(heap), 1) ? cache.view : view_find(heap);
}

#endif
