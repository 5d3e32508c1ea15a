// tcmalloc.h - gperftools' tcmalloc (minimal) in place of the C library's malloc.
#pragma once

#include <gperftools/tcmalloc.h>
#include <string>

#include "libc_malloc.h"

class Allocator : public LibcMalloc
{
      public:
	explicit Allocator(std::size_t)
	{
		require_malloc_of("tcmalloc");
	}

	static std::string version()
	{
		std::string all = tc_version(nullptr, nullptr, nullptr);
		std::size_t begin = all.find_first_of("0123456789");
		return begin == std::string::npos ? all : all.substr(begin);
	}
};
