/* change.c - create, save, reap and rm, and files that are written whole. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files --------------------------------------------------------------- */

/* What is being written, one file at a time; removed when a signal, or a fault, ends
 * the command. */
static char temporary[PATH_MAX];
static volatile sig_atomic_t unfinished;

void output_abandon(void)
{
	if (unfinished)
		unlink(temporary);
	unfinished = 0;
}

static void on_end(int signal_number)
{
	output_abandon();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* Devices, pipes and what a link leads to are written to as they are. */
static bool output_in_place(struct output *output, const struct stat *st)
{
	struct stat target;
	bool link = S_ISLNK(st->st_mode);
	if (S_ISREG(st->st_mode) || (link && !output->replace && stat(output->path, &target) == 0 &&
	                             S_ISREG(target.st_mode)))
		return false;
	output->file = fopen(output->path, "w");
	return true;
}

void output_open(struct output *output, const char *path, bool replace, unsigned mode)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct stat st;
	*output = (struct output){.path = path, .replace = replace};
	if (!strcmp(path, "-")) {
		output->file = stdout;
		return;
	}
	if (lstat(path, &st) == 0) {
		if (output_in_place(output, &st))
			return;
		errno = EEXIST;
		if (!replace)
			return;
	}
	int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	if (length < 0 || (size_t)length >= sizeof temporary) {
		errno = ENAMETOOLONG;
		return;
	}
	int fd = mkstemp(temporary);
	if (fd < 0)
		return;
	mode_t mask = umask(077);
	umask(mask);
	fchmod(fd, mode & ~mask);
	output->renamed = true;
	unfinished = 1;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (signal(signals[i], on_end) == SIG_IGN)
			signal(signals[i], SIG_IGN);
	output->file = fdopen(fd, "w");
	if (!output->file) {
		close(fd);
		output_abandon();
	}
}

/* Not every file system can rename without replacing, or link. */
static int publish(const struct output *output)
{
	if (output->replace)
		return rename(temporary, output->path);
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, output->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	return link(temporary, output->path) == 0 ? unlink(temporary) : -1;
}

int output_close(struct output *output, bool discard)
{
	bool failed = fflush(output->file) != 0 || ferror(output->file);
	int saved = errno;
	if (output->file == stdout)
		return failed ? -1 : 0;
	if (fclose(output->file) != 0 && !failed) {
		failed = true;
		saved = errno;
	}
	if (!output->renamed) {
		errno = saved;
		return failed ? -1 : 0;
	}
	if (!failed && !discard) {
		failed = publish(output) != 0;
		saved = errno;
	}
	if (failed || discard)
		output_abandon();
	unfinished = 0;
	errno = saved;
	return failed ? -1 : 0;
}

bool output_is_heap(const char *path, const lshm *heap)
{
	struct stat a, b;
	return stat(path, &a) == 0 && fstat(lshm_fd(heap), &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* --- create -------------------------------------------------------------- */

static enum status create_one(const struct call *call, const char *name)
{
	lshm_options options = {
		.initial = call->initial, .maximum = call->maximum, .mode = call->mode};
	lshm_statistics stats;
	char committed[32], maximum[32];
	lshm *heap = lshm_open(name, LSHM_CREATE | LSHM_EXCLUSIVE, &options);
	if (!heap)
		return complain(call, name, failure_now());
	lshm_stats(heap, &stats);
	lshm_close(heap);
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_number("committed", stats.committed);
		json_number("maximum", stats.maximum);
		json_end();
	} else {
		print_text(stdout, name);
		printf(": %s of at most %s\n",
		       size_text(committed, sizeof committed, stats.committed, call->bytes),
		       size_text(maximum, sizeof maximum, stats.maximum, call->bytes));
	}
	return STATUS_DONE;
}

enum status command_create(const struct call *call)
{
	return for_each(create_one, call);
}

/* --- save ---------------------------------------------------------------- */

static enum status save_to(const struct call *call, const char *name, lshm *heap)
{
	struct output output;
	char size[32];
	if (output_is_heap(call->output, heap))
		return refuse(call, call->output, "is the heap itself");
	output_open(&output, call->output, call->force, 0600);
	if (!output.file)
		return refuse(call, call->output, strerror(errno));
	struct stat st;
	uint64_t total = fstat(lshm_fd(heap), &st) == 0 ? (uint64_t)st.st_size : 0;
	progress_begin("saving", name, total, fileno(output.file));
	int error = lshm_save(heap, fileno(output.file));
	struct failure why = failure_now();
	progress_end();
	if (output_close(&output, error != 0) != 0)
		return refuse(call, call->output, strerror(errno));
	if (error)
		return complain(call, why.error == LSHM_ERR_SYSTEM ? call->output : name, why);
	if (!strcmp(call->output, "-"))
		return STATUS_DONE;
	/* How long it became: a heap may grow while it is saved. */
	total = stat(call->output, &st) == 0 ? (uint64_t)st.st_size : total;
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_text("output", call->output);
		json_number("bytes", total);
		json_end();
	} else {
		print_text(stdout, name);
		fputs(": saved to ", stdout);
		print_text(stdout, call->output);
		printf(", %s\n", size_text(size, sizeof size, total, call->bytes));
	}
	return STATUS_DONE;
}

static enum status save_one(const struct call *call, const char *name)
{
	enum status status;
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	status = save_to(call, name, heap);
	lshm_close(heap);
	return status;
}

enum status command_save(const struct call *call)
{
	return for_each(save_one, call);
}

/* --- reap ---------------------------------------------------------------- */

static int reap_flags(const struct call *call)
{
	return (call->free_all ? LSHM_FREE_ALL : 0) | (call->force ? LSHM_FORCE : 0);
}

static void reaped_print(const struct call *call, const lshm_thread *thread,
                         const lshm_reaped *reaped)
{
	if (call->json) {
		json_object(NULL);
		json_number("thread", thread->thread);
		json_number("process", thread->process);
		json_number("blocks", reaped->blocks);
		json_number("bytes", reaped->bytes);
		json_bool("freed", call->free_all);
		json_end();
		return;
	}
	table_number(thread->thread);
	if (thread->process)
		table_number(thread->process);
	else
		table_cell(PLAIN, true, "-");
	table_number(reaped->blocks);
	table_size(reaped->bytes, call->bytes);
	table_cell(PLAIN, false, call->free_all ? "freed" : "left");
}

/* All that are proven dead. One that was itself reaping when it died keeps another
 * slot until its own is free: hence again until nothing comes back. */
static int reap_dead(const struct call *call, lshm *heap)
{
	lshm_thread threads[THREADS_MAX];
	int count = 0, before;
	do {
		before = count;
		int n = lshm_threads(heap, threads, THREADS_MAX);
		for (int i = 0; i < n && i < THREADS_MAX; i++) {
			lshm_reaped reaped;
			if (!(threads[i].flags & LSHM_THREAD_DEAD) ||
			    lshm_reap(heap, threads[i].thread, reap_flags(call), &reaped) != 0)
				continue;
			reaped_print(call, &threads[i], &reaped);
			count++;
		}
	} while (count > before && count < THREADS_MAX);
	return count;
}

static void reaped_begin(const struct call *call, const char *name)
{
	static const char *const heads[] = {"THREAD", "PROCESS", "BLOCKS", "BYTES", "BLOCKS ARE"};
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_list("threads");
		return;
	}
	table_begin(5);
	for (int i = 0; i < 5; i++)
		table_cell(DIM, i < 4, heads[i]);
}

static enum status reap_all(const struct call *call, const char *name, lshm *heap)
{
	reaped_begin(call, name);
	progress_begin("reaping", name, 0, -1);
	int count = reap_dead(call, heap);
	progress_end();
	json_unwind(0);
	if (!call->json && count)
		table_end();
	if (!count && !call->json) {
		print_text(stdout, name);
		puts(": no thread is proven dead");
	}
	return STATUS_DONE;
}

/* The one thread that was named. */
static enum status reap_named(const struct call *call, const char *name, lshm *heap)
{
	lshm_thread thread = {.thread = call->thread};
	lshm_reaped reaped;
	if (lshm_reap(heap, call->thread, reap_flags(call), &reaped) != 0)
		return complain(call, name, failure_now());
	reaped_begin(call, name);
	reaped_print(call, &thread, &reaped);
	json_unwind(0);
	if (!call->json)
		table_end();
	return STATUS_DONE;
}

static enum status reap_one(const struct call *call, const char *name)
{
	enum status status;
	/* A look first: opening for writing fills up a file's holes. */
	lshm *heap = heap_look(call, name, &status);
	if (!heap)
		return status;
	lshm_close(heap);
	heap = lshm_open(name, LSHM_KEEP_DEAD, NULL);
	if (!heap)
		return complain(call, name, failure_now());
	status = call->thread ? reap_named(call, name, heap) : reap_all(call, name, heap);
	lshm_close(heap);
	return status;
}

enum status command_reap(const struct call *call)
{
	return for_each(reap_one, call);
}

/* --- rm ------------------------------------------------------------------ */

static enum status rm_one(const struct call *call, const char *name)
{
	struct failure why = {0};
	lshm *heap = heap_try(name, &why);
	lshm_close(heap);
	/* A damaged heap, or one of another layout, is one too. */
	bool is_heap = heap || why.status == STATUS_DAMAGED || why.error == LSHM_ERR_VERSION ||
	               why.error == LSHM_ERR_SIGNATURE;
	if (!is_heap)
		return complain(call, name, why);
	if (lshm_unlink(name) != 0)
		return complain(call, name, failure_now());
	if (call->json) {
		json_object(NULL);
		json_text("name", name);
		json_bool("removed", true);
		json_end();
	}
	return STATUS_DONE;
}

enum status command_rm(const struct call *call)
{
	if (call->json)
		json_list(NULL);
	enum status status = for_each(rm_one, call);
	if (call->json)
		json_end();
	return status;
}
