/* progress.c - a thread of its own writes the line, so that work which is one call
 * of the library needs to know nothing of it.
 */
#include "progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

enum { FIRST_MS = 400, EACH_MS = 200 };

static pthread_t ticker;
static bool running;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static bool over; /* under the lock */
static const char *what, *whose;
static uint64_t all;
static int watched;
static _Atomic uint64_t reached;

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(int64_t ms)
{
	uint64_t done = atomic_load(&reached);
	off_t at = watched >= 0 ? lseek(watched, 0, SEEK_CUR) : -1;
	if (at >= 0)
		done = (uint64_t)at;
	fprintf(stderr, "\r\033[K%s ", what);
	print_text(stderr, whose);
	fputs(": ", stderr);
	if (all && done && done <= all)
		fprintf(stderr, "%.0f %%, ", 100.0 * (double)done / (double)all);
	fprintf(stderr, "%.1f s", (double)ms / 1000);
	fflush(stderr);
}

static void *tick(void *unused)
{
	int64_t from = now_ms(), next = from + FIRST_MS;
	bool shown = false;
	(void)unused;
	pthread_mutex_lock(&lock);
	while (!over) {
		struct timespec until = {(time_t)(next / 1000), (long)(next % 1000) * 1000000};
		pthread_cond_timedwait(&ended, &lock, &until);
		if (over || now_ms() < next)
			continue;
		show(now_ms() - from);
		shown = true;
		next = now_ms() + EACH_MS;
	}
	pthread_mutex_unlock(&lock);
	if (shown)
		fputs("\r\033[K", stderr);
	return NULL;
}

void progress_begin(const char *verb, const char *name, uint64_t total, int fd)
{
	if (running || !isatty(STDERR_FILENO))
		return;
	what = verb;
	whose = name;
	all = total;
	watched = fd;
	over = false;
	atomic_store(&reached, 0);
	running = pthread_create(&ticker, NULL, tick, NULL) == 0;
}

void progress_at(uint64_t done)
{
	atomic_store_explicit(&reached, done, memory_order_relaxed);
}

void progress_end(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	over = true;
	pthread_cond_signal(&ended);
	pthread_mutex_unlock(&lock);
	pthread_join(ticker, NULL);
	running = false;
}
