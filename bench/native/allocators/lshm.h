// lshm.h - this project's heap, anonymous and shared with forked children.
#pragma once

#include <lshm.h>
#include <string>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = true;

	Allocator()
	{
		lshm_options options = {};
		options.maximum = kRegionSize;
		heap_ = lshm_open(nullptr, 0, &options);
		if (!heap_)
			fail("lshm_open", lshm_strerror(lshm_error()));
	}

	Block allocate(std::size_t size)
	{
		return lshm_malloc(heap_, size);
	}

	void release(Block block)
	{
		if (lshm_free(heap_, block) != 0)
			fail("lshm_free", lshm_strerror(lshm_error()));
	}

	void *address(Block block)
	{
		return lshm_at(heap_, block);
	}

	// Whether the heap is healthy and nothing lives in it.
	bool is_empty()
	{
		lshm_report report;
		if (lshm_check(heap_, &report) != 0)
			fail("lshm_check", lshm_strerror(lshm_error()));
		return report.blocks == 0;
	}

	static std::string version()
	{
		return lshm_version();
	}

      private:
	lshm *heap_;
};
