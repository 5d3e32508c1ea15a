// loads.h - what is measured. docs/BENCHMARKS.md tells the loads in words, and
// ../loads.js is the twin of some of them in JavaScript. handed.h has those in
// which one worker frees what another allocated.
//
// A load is made in the thread that runs it: its constructor prepares, batch(n)
// does up to n operations and returns how many it did, drain() releases what the
// worker still holds. One operation is one malloc and one free where nothing
// else is said.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "block.h"

// xorshift64. One number gives a place (its low half) and a size (its high half).
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

	static std::uint32_t place(std::uint64_t number, std::uint32_t count)
	{
		return static_cast<std::uint32_t>((number & 0xffffffff) * count >> 32);
	}

      private:
	std::uint64_t state_;
};

// --- sizes: each gives the size that a random number stands for --------------

struct SmallSizes { // all alike
	static constexpr std::uint32_t kLeast = 8, kMost = 519;

	static std::uint32_t size(std::uint64_t number)
	{
		return kLeast + static_cast<std::uint32_t>(number >> 32) % (kMost - kLeast + 1);
	}
};

// Each doubling alike, and the sizes within it: 2^First to 2^Last - 1.
template <std::uint32_t First, std::uint32_t Last> struct DoublingSizes {
	static constexpr std::uint32_t kLeast = 1u << First, kMost = (1u << Last) - 1;

	static std::uint32_t size(std::uint64_t number)
	{
		auto high = static_cast<std::uint32_t>(number >> 32);
		std::uint32_t whole = 1u << (First + (high >> 16) % (Last - First));
		return whole + (high & (whole - 1));
	}
};
using MixedSizes = DoublingSizes<3, 16>; // to 64 KiB

struct PowerSizes { // 16 to 4,096
	static constexpr std::uint32_t kLeast = 16, kMost = 4096;

	static std::uint32_t size(std::uint64_t number)
	{
		return 16u << static_cast<std::uint32_t>(number >> 32) % 9;
	}
};

constexpr std::uint32_t kMostSize = 256u << 10; // of any load

// --- what loads are told -------------------------------------------------------

struct Shared; // handed.h

struct Setting {
	std::uint64_t seed;
	std::uint32_t live;    // blocks of each worker
	unsigned index, count; // this worker, of so many
	std::size_t region;    // what the allocator may use, in bytes
	Shared *shared;        // memory that all workers see
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

// --- the loads -------------------------------------------------------------------

// Allocates a block and frees it.
template <class A> class Pair
{
      public:
	Pair(A &allocator, const Setting &setting) : allocator_(allocator), random_(setting.seed)
	{
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			Block block = allocator_.allocate(SmallSizes::size(random_.next()));
			if (!block)
				fail("allocate", "out of memory");
			allocator_.release(block);
		}
		return operations;
	}

	void drain()
	{
	}

      private:
	A &allocator_;
	Random random_;
};

// Frees a random one of the live blocks and allocates another in its place.
template <class A, class Sizes> class Replace
{
      public:
	Replace(A &allocator, const Setting &setting)
	    : allocator_(allocator), random_(setting.seed), live_(setting.live)
	{
		for (Block &block : live_)
			block = allocate_touched(allocator_, Sizes::size(random_.next()));
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		auto count = static_cast<std::uint32_t>(live_.size());
		for (std::uint32_t i = 0; i < operations; i++) {
			std::uint64_t number = random_.next();
			Block &block = live_[Random::place(number, count)];
			allocator_.release(block);
			block = allocate_touched(allocator_, Sizes::size(number));
		}
		return operations;
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

template <class A> using ReplaceSmall = Replace<A, SmallSizes>;
template <class A> using ReplaceMixed = Replace<A, MixedSizes>;
template <class A> using ReplacePowers = Replace<A, PowerSizes>;

// The same in a heap that is two fifths full of blocks of 4 to 64 KiB with gaps
// between them.
template <class A> class ReplaceCrowded
{
      public:
	ReplaceCrowded(A &allocator, const Setting &setting)
	    : allocator_(allocator), replace_(allocator, setting)
	{
		Random random(setting.seed + setting.count);
		std::vector<Block> gaps;
		std::size_t most = setting.region / 8 * 5, bytes = 0;
		for (;;) {
			std::uint32_t size = DoublingSizes<12, 16>::size(random.next());
			if (bytes + size > most)
				break;
			Block block = allocate_touched(allocator_, size);
			bytes += size;
			(random.next() >> 32) % 3 ? crowd_.push_back(block) : gaps.push_back(block);
		}
		for (Block block : gaps)
			allocator_.release(block);
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		return replace_.batch(operations);
	}

	void drain()
	{
		replace_.drain();
		for (Block block : crowd_)
			allocator_.release(block);
	}

      private:
	A &allocator_;
	ReplaceSmall<A> replace_;
	std::vector<Block> crowd_;
};

// Grows vectors in turn, each by half with every realloc, which is one
// operation; one that would be larger than 64 KiB is freed and begins anew.
template <class A> class Grow
{
      public:
	Grow(A &allocator, const Setting &setting)
	    : allocator_(allocator), random_(setting.seed), vectors_(kVectors)
	{
		for (Vector &vector : vectors_)
			begin(vector);
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			Vector &vector = vectors_[Random::place(random_.next(), kVectors)];
			std::uint32_t size = vector.size + vector.size / 2;
			if (size > kMost) {
				allocator_.release(vector.block);
				begin(vector);
				continue;
			}
			vector.block = allocator_.resize(vector.block, size);
			if (!vector.block)
				fail("resize", "out of memory");
			vector.size = size;
		}
		return operations;
	}

	void drain()
	{
		for (Vector &vector : vectors_)
			allocator_.release(vector.block);
	}

      private:
	static constexpr std::uint32_t kVectors = 64, kMost = 64u << 10;

	struct Vector {
		Block block;
		std::uint32_t size;
	};

	void begin(Vector &vector)
	{
		vector.size = 16 + static_cast<std::uint32_t>(random_.next() >> 32) % 16;
		vector.block = allocate_touched(allocator_, vector.size);
	}

	A &allocator_;
	Random random_;
	std::vector<Vector> vectors_;
};
