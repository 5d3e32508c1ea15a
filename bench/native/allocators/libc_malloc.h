// libc_malloc.h - whatever `malloc` this program was linked with.
#pragma once

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

#include "../block.h"

// Fails unless `malloc` comes from a library whose name contains `library`.
inline void require_malloc_of(const char *library)
{
	Dl_info info;
	void *malloc_found = dlsym(RTLD_DEFAULT, "malloc");
	if (!malloc_found || !dladdr(malloc_found, &info) || !info.dli_fname)
		fail("malloc", "its library cannot be told");
	if (!std::strstr(info.dli_fname, library))
		fail("malloc", info.dli_fname);
}

class LibcMalloc
{
      public:
	static constexpr bool kBetweenProcesses = false;

	Block allocate(std::size_t size)
	{
		return to_block(std::malloc(size));
	}

	Block resize(Block block, std::size_t size)
	{
		return to_block(std::realloc(to_address(block), size));
	}

	void release(Block block)
	{
		std::free(to_address(block));
	}

	void *address(Block block)
	{
		return to_address(block);
	}

	// These allocators cannot tell.
	std::size_t claimed()
	{
		return 0;
	}

	bool is_empty()
	{
		return true;
	}
};
