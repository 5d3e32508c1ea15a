/* threads.c - what JavaScript needs of a -pthread build to call its malloc and
 * free in several workers: a thread for each, made by pthread_create, whose
 * stack and thread-local data the worker takes over (../emscripten.js).
 */
#include <emscripten.h>
#include <pthread.h>

static void *never_run(void *argument)
{
	return argument;
}

EMSCRIPTEN_KEEPALIVE pthread_t thread_make(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, never_run, NULL) == 0 ? thread : 0;
}
