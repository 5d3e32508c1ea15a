/* command.h - what the files of the lshm command share. They stand in this order:
 *
 *   main.c       arguments, help, exit codes
 *   heap.c       opening a heap to look at it, and saying what is wrong with it
 *   json.c table.c progress.c   what is printed
 *   look.c       ls, info, allocs, check
 *   map.c        map
 *   change.c     create, save, reap, rm
 *
 * Commands that only look map the heap for reading and take no slot in it.
 */
#ifndef LSHM_COMMAND_H
#define LSHM_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "json.h"
#include "lshm.h"
#include "progress.h"
#include "table.h"

/* What the command ends with: of several heaps the greatest. */
enum status {
	STATUS_DONE = 0,       /* and what was looked at is healthy */
	STATUS_DAMAGED = 1,    /* a heap, but not whole */
	STATUS_NOT_A_HEAP = 2, /* or one of another layout */
	STATUS_REFUSED = 3,    /* by the system or the heap, as the message says */
	STATUS_USAGE = 64
};

enum { THREADS_MAX = 255 }; /* attached at once */

/* The arguments. */
struct call {
	const char *command;
	char **names;
	int count;
	bool json, bytes, force, free_all, all, detailed, by_thread;
	const char *output, *title, *format;
	uint64_t initial, maximum, limit;
	uint32_t mode, thread, width;
};

/* --- heap.c --- */

/* Why a heap could not be had, or something with it not be done. */
struct failure {
	int error; /* LSHM_ERR_* */
	enum status status;
	const char *text;
};

/* What the last failed call of the library, or of the system, was refused for. */
struct failure failure_now(void);
/* Opens a heap to look at it; NULL and *why. */
lshm *heap_try(const char *name, struct failure *why);
/* The same, and on failure says why. */
lshm *heap_look(const struct call *call, const char *name, enum status *status);
/* Says why, as a message and as JSON; returns what it means. */
enum status complain(const struct call *call, const char *name, struct failure why);
enum status refuse(const struct call *call, const char *name, const char *text);
/* "ERR_LSHM_..." */
const char *error_name(int error);
/* What an invariant says, by its number. */
const char *invariant_text(uint32_t invariant);
/* Runs body for one name. If the file shrinks while it is read, says so. */
enum status guarded(enum status (*body)(const struct call *, const char *), const struct call *call,
                    const char *name);
/* Whether that has happened: then the command is about to end. */
bool guard_hit(void);
/* Runs body for all names; the greatest status. */
enum status for_each(enum status (*body)(const struct call *, const char *),
                     const struct call *call);

/* --- the commands --- */

enum status command_create(const struct call *call);
enum status command_ls(const struct call *call);
enum status command_info(const struct call *call);
enum status command_allocs(const struct call *call);
enum status command_check(const struct call *call);
enum status command_map(const struct call *call);
enum status command_save(const struct call *call);
enum status command_reap(const struct call *call);
enum status command_rm(const struct call *call);

/* --- change.c --- */

/* A file that appears under its name complete or not at all. */
struct output {
	FILE *file; /* NULL: could not be had; errno */
	const char *path;
	bool replace, renamed; /* renamed: it has its name in the end */
};

/* "-" is standard output. The mode is subject to the umask. */
void output_open(struct output *output, const char *path, bool replace, unsigned mode);
/* Removes what was begun, in the middle of anything. */
void output_abandon(void);
/* Gives it its name, unless `discard`: 0, or -1 and errno. */
int output_close(struct output *output, bool discard);
/* Whether path is the heap's own file. */
bool output_is_heap(const char *path, const lshm *heap);

#endif
