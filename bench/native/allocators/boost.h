// boost.h - Boost.Interprocess: its default algorithm with its mutex, as
// managed_shared_memory has it, over shared memory without a name.
#pragma once

#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/version.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <sys/mman.h>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = true;

	explicit Allocator(std::size_t region)
	{
		void *base = mmap(nullptr, region, PROT_READ | PROT_WRITE,
		                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED)
			fail("mmap", "no region for Boost.Interprocess");
		heap_ = std::make_unique<Heap>(boost::interprocess::create_only, base, region);
	}

	Block allocate(std::size_t size)
	{
		return to_block(heap_->allocate(size, std::nothrow));
	}

	// It has no realloc, only the parts of one.
	Block resize(Block block, std::size_t size)
	{
		std::size_t old = heap_->get_segment_manager()->size(to_address(block));
		Block other = allocate(size);
		if (!other)
			return 0;
		std::memcpy(to_address(other), to_address(block), old < size ? old : size);
		release(block);
		return other;
	}

	void release(Block block)
	{
		heap_->deallocate(to_address(block));
	}

	void *address(Block block)
	{
		return to_address(block);
	}

	std::size_t claimed()
	{
		return heap_->get_size() - heap_->get_free_memory();
	}

	bool is_empty()
	{
		return heap_->check_sanity() && heap_->all_memory_deallocated();
	}

	static std::string version()
	{
		return std::to_string(BOOST_VERSION / 100000) + "." +
		       std::to_string(BOOST_VERSION / 100 % 1000) + "." +
		       std::to_string(BOOST_VERSION % 100);
	}

      private:
	// managed_external_buffer itself has no mutex.
	using Heap = boost::interprocess::basic_managed_external_buffer<
		char, boost::interprocess::rbtree_best_fit<boost::interprocess::mutex_family>,
		boost::interprocess::iset_index>;
	// Never unmapped: forked children have the same region at the same address.
	std::unique_ptr<Heap> heap_;
};
