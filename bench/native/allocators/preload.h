// preload.h - liblshm-preload in place of the C library's malloc: this project's
// allocator through the same functions as the private ones, in a private heap.
#pragma once

#include <string>

#include "libc_malloc.h"

class Allocator : public LibcMalloc
{
      public:
	explicit Allocator(std::size_t)
	{
		require_malloc_of("liblshm-preload");
	}

	static std::string version()
	{
		return BENCH_LSHM_VERSION;
	}
};
