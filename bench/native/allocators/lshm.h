// lshm.h - this project's heap, anonymous and shared with forked children.
#pragma once

#include <lshm.h>
#include <string>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = true;

	explicit Allocator(std::size_t region)
	{
		lshm_options options = {};
		options.maximum = region;
		heap_ = lshm_open(nullptr, 0, &options);
		if (!heap_)
			fail("lshm_open", lshm_strerror(lshm_error()));
	}

	Block allocate(std::size_t size)
	{
		lshm_ptr block = lshm_malloc(heap_, size);
		if (!block)
			fail("lshm_malloc", lshm_strerror(lshm_error()));
		return block;
	}

	Block resize(Block block, std::size_t size)
	{
		return lshm_realloc(heap_, block, size);
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

	// Chunks that hold blocks or are kept for them.
	std::size_t claimed()
	{
		lshm_statistics now;
		lshm_report report;
		if (lshm_stats(heap_, &now) != 0 || lshm_check(heap_, &report) != 0)
			fail("lshm_stats", lshm_strerror(lshm_error()));
		return now.committed - now.metadata - report.free_chunks * kChunk;
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
	// Of a heap of more than 1 MiB and at most 64 GiB.
	static constexpr std::size_t kChunk = 4096;

	lshm *heap_;
};
