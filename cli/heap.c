/* heap.c - opening a heap to look at it, and saying what is wrong with it. */
#include "command.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* --- what failures mean -------------------------------------------------- */

static enum status status_of(int error, int system)
{
	switch (error) {
	case 0:
		return STATUS_DONE;
	case LSHM_ERR_DAMAGED:
	case LSHM_ERR_CORRUPT:
	case LSHM_ERR_TRUNCATED:
		return STATUS_DAMAGED;
	case LSHM_ERR_NO_HEAP:
	case LSHM_ERR_VERSION:
	case LSHM_ERR_SIGNATURE:
		return STATUS_NOT_A_HEAP;
	case LSHM_ERR_SYSTEM:
		/* A socket, or a device without a driver. */
		return system == ENXIO ? STATUS_NOT_A_HEAP : STATUS_REFUSED;
	default:
		return STATUS_REFUSED;
	}
}

const char *error_name(int error)
{
	switch (error) {
#define NAME(name, number, text) \
	case LSHM_ERR_##name: \
		return "ERR_LSHM_" #name;
		LSHM_ERRORS(NAME)
#undef NAME
	default:
		return "ERR_LSHM_SYSTEM";
	}
}

const char *invariant_text(uint32_t invariant)
{
	static const char *const texts[] = {
		"",
		"the bytes below the header are not zero",
		"the header's geometry is not what the heap was made with",
		"more is said to be committed than there is",
		"a chunk's map word is impossible",
		"a chunk says that it belongs to one that does not cover it",
		"a chunk that should belong to the one before it does not",
		"a slab's bound is no whole number of blocks",
		"a block's header was written over",
		"a block's size is more than it has room for",
		"a block was written beyond its end",
		"a span's header is not that of a live block that fits it",
		"a chunk is held by a thread that does not exist",
		"a thread slot's state is unknown",
		"a name's entry is impossible",
	};
	return invariant < sizeof texts / sizeof *texts ? texts[invariant] : "broken";
}

struct failure failure_now(void)
{
	int error = lshm_error(), system = errno;
	const char *text = lshm_strerror(error);
	if (error == LSHM_ERR_SYSTEM)
		text = system == ELOOP   ? "a symbolic link, which is not followed"
		       : system == ENXIO ? "not a file"
		                         : strerror(system);
	else if (error == LSHM_ERR_INVALID)
		text = "not a name of a heap";
	return (struct failure){error, status_of(error, system), text};
}

/* As the object of its heap, of which `depth` says where it began. */
static void complain_json(const char *name, int depth, struct failure why)
{
	if (json_depth() > depth) {
		json_unwind(depth + 1);
	} else {
		json_object(NULL);
		json_text("name", name);
	}
	json_text("error", error_name(why.error));
	json_text("message", why.text);
	json_end();
}

static enum status complain_at(const struct call *call, const char *name, int depth,
                               struct failure why)
{
	fflush(stdout);
	fputs("lshm: ", stderr);
	print_text(stderr, name);
	fprintf(stderr, ": %s\n", why.text);
	if (call->json)
		complain_json(name, depth, why);
	return why.status;
}

enum status complain(const struct call *call, const char *name, struct failure why)
{
	return complain_at(call, name, json_depth(), why);
}

enum status refuse(const struct call *call, const char *name, const char *text)
{
	return complain(call, name, (struct failure){LSHM_ERR_SYSTEM, STATUS_REFUSED, text});
}

/* --- opening ------------------------------------------------------------- */

/* Opening what is no file could block or have effects: a look first. */
static bool is_other_than_file(const char *name)
{
	struct stat st;
	bool shared_memory = name[0] == '/' && !strchr(name + 1, '/');
	return !shared_memory && lstat(name, &st) == 0 && !S_ISREG(st.st_mode) &&
	       !S_ISLNK(st.st_mode);
}

lshm *heap_try(const char *name, struct failure *why)
{
	if (is_other_than_file(name)) {
		*why = (struct failure){LSHM_ERR_NO_HEAP, STATUS_NOT_A_HEAP, "not a file"};
		return NULL;
	}
	lshm *heap = lshm_open(name, LSHM_READ_ONLY, NULL);
	if (!heap)
		*why = failure_now();
	return heap;
}

lshm *heap_look(const struct call *call, const char *name, enum status *status)
{
	struct failure why;
	lshm *heap = heap_try(name, &why);
	*status = heap ? STATUS_DONE : complain(call, name, why);
	return heap;
}

/* --- files that shrink --------------------------------------------------- */

/* Heaps are read where others work on them. If somebody truncates such a file,
 * the read faults: the heap is then cut off, and that is what is said. Nothing is
 * looked at after that, since the fault may have left the library in mid-call. */
static sigjmp_buf guard;
static volatile sig_atomic_t guarding, hit;

static void on_fault(int signal_number)
{
	if (guarding) {
		guarding = 0;
		hit = 1;
		siglongjmp(guard, 1);
	}
	signal(signal_number, SIG_DFL);
}

bool guard_hit(void)
{
	return hit;
}

enum status guarded(enum status (*body)(const struct call *, const char *), const struct call *call,
                    const char *name)
{
	struct sigaction action = {.sa_handler = on_fault};
	const int depth = json_depth();
	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(guard, 1)) {
		progress_end();
		output_abandon();
		return complain_at(call, name, depth,
		                   (struct failure){LSHM_ERR_TRUNCATED, STATUS_DAMAGED,
		                                    "the file became shorter while it was read"});
	}
	guarding = 1;
	enum status status = body(call, name);
	guarding = 0;
	return status;
}

enum status for_each(enum status (*body)(const struct call *, const char *),
                     const struct call *call)
{
	enum status worst = STATUS_DONE;
	for (int i = 0; i < call->count && !guard_hit(); i++) {
		enum status status = guarded(body, call, call->names[i]);
		worst = status > worst ? status : worst;
	}
	return worst;
}
