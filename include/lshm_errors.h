/* lshm_errors.h - error codes: one table for C, JavaScript and the documentation.
 *
 * LSHM_ERRORS(X) expands X(name, number, text). The C constant is
 * LSHM_ERR_<name>, the JavaScript code "ERR_LSHM_<name>". Functions return the
 * negative number. The build writes the same table into index.js.
 */
#ifndef LSHM_ERRORS_H
#define LSHM_ERRORS_H

#define LSHM_ERRORS(X) \
	X(NOMEM, 1, "out of memory") \
	X(INVALID, 2, "invalid argument") \
	/* What a pointer that is no live block can be. */ \
	X(OUTSIDE, 3, "outside the heap") \
	X(MISALIGNED, 4, "misaligned") \
	X(INTERIOR, 5, "in the middle of a block") \
	X(UNALLOCATED, 6, "never allocated") \
	X(FREED, 7, "already freed") \
	X(DAMAGED, 8, "header damaged") \
	X(OVERRUN, 9, "overrun") \
	/* Why a region cannot be used as a heap. */ \
	X(NO_HEAP, 10, "no heap here") \
	X(VERSION, 11, "another layout version") \
	X(SIGNATURE, 12, "another layout signature") \
	X(TRUNCATED, 13, "the region is shorter than the heap") \
	X(CORRUPT, 14, "impossible header") \
	X(HEAP_EXISTS, 15, "there is a heap already") \
	X(TOO_SMALL, 16, "the region is too small for a heap") \
	/* Threads. */ \
	X(DETACHED, 17, "this thread is not attached") \
	X(THREADS_FULL, 18, "no free thread slot") \
	X(THREAD_UNKNOWN, 19, "the thread's death is not proven") \
	X(THREAD_GONE, 20, "no such thread any more") \
	/* Names. */ \
	X(NAMES_FULL, 21, "no free name entry") \
	X(NAME_TOO_LONG, 22, "name too long") \
	/* Hosts. */ \
	X(READ_ONLY, 23, "the heap is mapped read-only") \
	X(NO_WASM, 24, "WebAssembly is missing or forbidden") \
	X(SYSTEM, 25, "the system refused; errno says why") \
	/* JavaScript. */ \
	X(OTHER_COPY, 26, "adopted by another copy of this package with another layout") \
	X(NOT_ISOLATED, 27, "a page that is not cross-origin isolated shares no memory")

enum lshm_error {
#define LSHM_ERROR_ENUM(name, number, text) LSHM_ERR_##name = -(number),
	LSHM_ERRORS(LSHM_ERROR_ENUM)
#undef LSHM_ERROR_ENUM
};

#endif
