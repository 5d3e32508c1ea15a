/* unload.c LIBRARY - the shared library is loaded by dlopen and unloaded while a
 * thread that used it lives on: the thread's end must not call into it, nor must
 * a fork.
 */
#include "test.h"

#include <dlfcn.h>
#include <pthread.h>

/* The library is reached through these alone. */
static lshm *(*open_heap)(const char *name, int flags, const lshm_options *options);
static lshm_ptr (*allocate)(lshm *heap, size_t size);
static const char *library;
static pthread_barrier_t step;

static void *user(void *argument)
{
	lshm *heap = open_heap(NULL, 0, NULL);
	(void)argument;
	CHECK(heap && allocate(heap, 100) != 0);
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	return NULL;
}

static void unloads(void)
{
	pthread_t thread;
	void *loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	CHECK(loaded);
	*(void **)&open_heap = dlsym(loaded, "lshm_open");
	*(void **)&allocate = dlsym(loaded, "lshm_malloc");
	CHECK(open_heap && allocate);
	pthread_barrier_init(&step, NULL, 2);
	CHECK(pthread_create(&thread, NULL, user, NULL) == 0);
	pthread_barrier_wait(&step);
	lshm *heap = open_heap(NULL, 0, NULL);
	CHECK(heap && allocate(heap, 100) != 0);
	CHECK(dlclose(loaded) == 0);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	test_join(child);
	pthread_barrier_wait(&step);
	CHECK(pthread_join(thread, NULL) == 0);
	pthread_barrier_destroy(&step);
}

int main(int count, char **arguments)
{
	test_begin(60);
	CHECK(count == 2);
	library = arguments[1];
	for (int i = 0; i < 5; i++)
		RUN(unloads);
	return test_end();
}
