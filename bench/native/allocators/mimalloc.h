// mimalloc.h - mimalloc, by its own names.
#pragma once

#include <mimalloc.h>
#include <string>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = false;

	explicit Allocator(std::size_t)
	{
	}

	Block allocate(std::size_t size)
	{
		return to_block(mi_malloc(size));
	}

	Block resize(Block block, std::size_t size)
	{
		return to_block(mi_realloc(to_address(block), size));
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
	std::size_t claimed()
	{
		return 0;
	}

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
