// jemalloc.h - jemalloc in place of the C library's malloc.
#pragma once

#include <jemalloc/jemalloc.h>
#include <string>

#include "libc_malloc.h"

class Allocator : public LibcMalloc
{
      public:
	explicit Allocator(std::size_t)
	{
		require_malloc_of("jemalloc");
	}

	static std::string version()
	{
		const char *text = nullptr;
		std::size_t size = sizeof text;
		if (mallctl("version", &text, &size, nullptr, 0) != 0)
			fail("mallctl", "no version");
		std::string all = text;
		return all.substr(0, all.find('-'));
	}
};
