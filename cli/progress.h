/* progress.h - says on standard error that work goes on, if that is a terminal and
 * the work takes more than a moment.
 */
#ifndef LSHM_PROGRESS_H
#define LSHM_PROGRESS_H

#include <stdint.h>

/* total: of progress_at, or of the bytes that appear in `fd`; 0: not known.
 * fd: whose position tells; -1: progress_at does. */
void progress_begin(const char *verb, const char *name, uint64_t total, int fd);
void progress_at(uint64_t done);
void progress_end(void);

#endif
