// glibc.h - the C library's malloc.
#pragma once

#include <gnu/libc-version.h>
#include <string>

#include "libc_malloc.h"

class Allocator : public LibcMalloc
{
      public:
	explicit Allocator(std::size_t)
	{
		require_malloc_of("/libc.so");
	}

	static std::string version()
	{
		return gnu_get_libc_version();
	}
};
