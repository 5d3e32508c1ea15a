// loads.h - what is measured. docs/BENCHMARKS.md tells the loads in words, and
// ../loads.js is their twin in JavaScript.
//
// A load is made in the thread that runs it: its constructor prepares, batch(n)
// does n operations, drain() releases what the worker still holds. One operation
// is one malloc and one free.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "block.h"

constexpr std::uint32_t kLeastSize = 8, kSizeCount = 512; // 8 to 519 bytes
constexpr std::uint32_t kLive = 10000;                    // blocks, of `replace`
constexpr std::uint32_t kCells = 4096;                    // of `exchange`
using Cells = std::array<std::atomic<Block>, kCells>;

// xorshift64. One number gives a place and a size.
class Random
{
      public:
	explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1)
	{
		for (int i = 0; i < 8; i++)
			next();
	}

	std::uint64_t next()
	{
		state_ ^= state_ << 13;
		state_ ^= state_ >> 7;
		state_ ^= state_ << 17;
		return state_;
	}

	static std::uint32_t size(std::uint64_t number)
	{
		return kLeastSize + static_cast<std::uint32_t>(number >> 32) % kSizeCount;
	}

	static std::uint32_t place(std::uint64_t number, std::uint32_t count)
	{
		return static_cast<std::uint32_t>((number & 0xffffffff) * count >> 32);
	}

      private:
	std::uint64_t state_;
};

// Allocates and writes the first word, as whoever wants a block does.
template <class A> Block allocate_touched(A &allocator, std::uint32_t size)
{
	Block block = allocator.allocate(size);
	if (!block)
		fail("allocate", "out of memory");
	std::memcpy(allocator.address(block), &size, sizeof size);
	return block;
}

template <class A> class Pair
{
      public:
	static constexpr const char *kName = "pair";

	Pair(A &allocator, Cells &, std::uint64_t seed) : allocator_(allocator), random_(seed)
	{
	}

	void batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			Block block = allocator_.allocate(Random::size(random_.next()));
			if (!block)
				fail("allocate", "out of memory");
			allocator_.release(block);
		}
	}

	void drain()
	{
	}

      private:
	A &allocator_;
	Random random_;
};

template <class A> class Replace
{
      public:
	static constexpr const char *kName = "replace";

	Replace(A &allocator, Cells &, std::uint64_t seed)
	    : allocator_(allocator), random_(seed), live_(kLive)
	{
		for (Block &block : live_)
			block = allocate_touched(allocator_, Random::size(random_.next()));
	}

	void batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			std::uint64_t number = random_.next();
			Block &block = live_[Random::place(number, kLive)];
			allocator_.release(block);
			block = allocate_touched(allocator_, Random::size(number));
		}
	}

	void drain()
	{
		for (Block block : live_)
			allocator_.release(block);
	}

      private:
	A &allocator_;
	Random random_;
	std::vector<Block> live_;
};

template <class A> class Exchange
{
      public:
	static constexpr const char *kName = "exchange";

	Exchange(A &allocator, Cells &cells, std::uint64_t seed)
	    : allocator_(allocator), random_(seed), cells_(cells)
	{
	}

	void batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			std::uint64_t number = random_.next();
			Block block = allocate_touched(allocator_, Random::size(number));
			std::atomic<Block> &cell = cells_[Random::place(number, kCells)];
			block = cell.exchange(block, std::memory_order_acq_rel);
			if (block)
				allocator_.release(block);
		}
	}

	// Whoever comes first empties the cells: no worker fills any more.
	void drain()
	{
		for (std::atomic<Block> &cell : cells_) {
			Block block = cell.exchange(0, std::memory_order_acq_rel);
			if (block)
				allocator_.release(block);
		}
	}

      private:
	A &allocator_;
	Random random_;
	Cells &cells_;
};

// An allocator whose blocks are written to their last byte, and looked at before
// they are released: a block that overlaps another or that somebody changes does
// not go unseen. The first four bytes are the size, as the loads write it.
template <class A> class Checked
{
      public:
	explicit Checked(A &allocator) : allocator_(allocator)
	{
	}

	Block allocate(std::size_t size)
	{
		Block block = allocator_.allocate(size);
		if (!block)
			return 0;
		if (block % 8 != 0)
			fail("check", "a block is not aligned");
		auto *bytes = static_cast<unsigned char *>(allocator_.address(block));
		auto size32 = static_cast<std::uint32_t>(size);
		std::uint32_t mark = mark_of(block, size32);
		std::memcpy(bytes, &size32, 4);
		std::memcpy(bytes + 4, &mark, 4);
		std::memset(bytes + 8, static_cast<int>(mark & 255), size - 8);
		return block;
	}

	void release(Block block)
	{
		auto *bytes = static_cast<unsigned char *>(allocator_.address(block));
		std::uint32_t size, mark;
		std::memcpy(&size, bytes, 4);
		std::memcpy(&mark, bytes + 4, 4);
		if (size - kLeastSize >= kSizeCount || mark != mark_of(block, size))
			fail("check", "the first bytes of a block were changed");
		for (std::uint32_t i = 8; i < size; i++)
			if (bytes[i] != (mark & 255))
				fail("check", "the bytes of a block were changed");
		// Whoever gets it next must write it anew.
		std::memset(bytes, 0, 8);
		allocator_.release(block);
	}

	void *address(Block block)
	{
		return allocator_.address(block);
	}

      private:
	static std::uint32_t mark_of(Block block, std::uint32_t size)
	{
		std::uint64_t mixed = (block ^ size) * 0x9e3779b97f4a7c15;
		return static_cast<std::uint32_t>(mixed >> 32);
	}

	A &allocator_;
};
