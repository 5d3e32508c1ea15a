// mimalloc.h - mimalloc, by its own names.
#pragma once

#include <mimalloc.h>
#include <string>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = false;

	Block allocate(std::size_t size)
	{
		return to_block(mi_malloc(size));
	}

	void release(Block block)
	{
		mi_free(to_address(block));
	}

	void *address(Block block)
	{
		return to_address(block);
	}

	// It cannot tell.
	bool is_empty()
	{
		return true;
	}

	static std::string version()
	{
		int number = mi_version();
		return std::to_string(number / 100) + "." + std::to_string(number / 10 % 10) + "." +
		       std::to_string(number % 10);
	}
};
