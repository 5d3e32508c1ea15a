/* step.h - a child process, one instruction at a time: what its memory holds
 * after each of them is what a kill there would leave.
 */
#ifndef STEP_H
#define STEP_H

#include "test.h"

#include <signal.h>
#include <sys/ptrace.h>

/* The child waits to be stepped; ours ends with this process. */
static inline void step_here(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(1);
}

/* Waits until the child is in step_here. */
static inline void step_await(pid_t child)
{
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL) == 0);
}

/* One instruction. Other signals than the step's own are the child's failure. */
static inline void step_once(pid_t child)
{
	int status;
	CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
}

static inline void step_kill(pid_t child)
{
	int status;
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif
