// handed.h - the loads in which a worker frees what another one allocated, and
// the memory through which blocks are handed on. Nobody waits in them: who can
// neither give nor take ends its batch.
#pragma once

#include <array>
#include <sched.h>
#include <thread>

#include "loads.h"

constexpr unsigned kMostWorkers = 64;

// Between two workers: one gives, the other takes.
class Ring
{
      public:
	bool give(Block block)
	{
		std::uint32_t tail = tail_.load(std::memory_order_relaxed);
		if (tail - head_.load(std::memory_order_acquire) == kPlaces)
			return false;
		places_[tail % kPlaces] = block;
		tail_.store(tail + 1, std::memory_order_release);
		return true;
	}

	// 0: there is none.
	Block take()
	{
		std::uint32_t head = head_.load(std::memory_order_relaxed);
		if (head == tail_.load(std::memory_order_acquire))
			return 0;
		Block block = places_[head % kPlaces];
		head_.store(head + 1, std::memory_order_release);
		return block;
	}

      private:
	static constexpr std::uint32_t kPlaces = 1024;

	alignas(128) std::atomic<std::uint32_t> head_;
	alignas(128) std::atomic<std::uint32_t> tail_;
	alignas(128) std::array<Block, kPlaces> places_;
};

struct Count {
	std::uint64_t operations, nanoseconds;
};

constexpr std::uint32_t kCells = 4096; // of `exchange`

// In memory that the workers share, be they threads or processes.
struct Shared {
	alignas(128) std::atomic<unsigned> arrived;
	alignas(128) std::array<Count, kMostWorkers> counts;
	std::array<std::atomic<std::int64_t>, kMostWorkers> payload;
	alignas(128) std::array<std::atomic<Block>, kCells> cells;
	std::array<Ring, kMostWorkers> rings;
};

// Swaps a new block into a random one of the cells that all workers share, and
// frees what was there.
template <class A> class Exchange
{
      public:
	Exchange(A &allocator, const Setting &setting)
	    : allocator_(allocator), random_(setting.seed), cells_(setting.shared->cells)
	{
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		for (std::uint32_t i = 0; i < operations; i++) {
			std::uint64_t number = random_.next();
			Block block = allocate_touched(allocator_, SmallSizes::size(number));
			std::atomic<Block> &cell = cells_[Random::place(number, kCells)];
			block = cell.exchange(block, std::memory_order_acq_rel);
			if (block)
				allocator_.release(block);
		}
		return operations;
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
	std::array<std::atomic<Block>, kCells> &cells_;
};

// Of every two workers one allocates and the other frees. One operation is one
// half: a block allocated, or one freed.
template <class A> class HandOver
{
      public:
	HandOver(A &allocator, const Setting &setting)
	    : allocator_(allocator), random_(setting.seed),
	      ring_(setting.shared->rings[setting.index / 2]), gives_(setting.index % 2 == 0)
	{
		if (setting.count % 2)
			fail("handover", "the workers are in pairs");
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		std::uint32_t done = 0;
		while (done < operations && (gives_ ? give() : take()))
			done++;
		// The other one may need this processor.
		if (done < operations)
			sched_yield();
		return done;
	}

	void drain()
	{
		if (held_)
			allocator_.release(held_);
		while (!gives_ && take())
			;
	}

      private:
	bool give()
	{
		if (!held_)
			held_ = allocate_touched(allocator_, SmallSizes::size(random_.next()));
		if (!ring_.give(held_))
			return false;
		held_ = 0;
		return true;
	}

	bool take()
	{
		Block block = ring_.take();
		if (block)
			allocator_.release(block);
		return block;
	}

	A &allocator_;
	Random random_;
	Ring &ring_;
	bool gives_;
	Block held_ = 0; // the ring was full
};

// Larson and Krishnan's server: threads that replace random blocks of 8 to 1,000
// bytes and end, each one's blocks being inherited by the next.
template <class A> class Larson
{
      public:
	static constexpr std::uint32_t kBatch = 20000; // a thread's life

	Larson(A &allocator, const Setting &setting)
	    : allocator_(allocator), random_(setting.seed), live_(kBlocks)
	{
		for (Block &block : live_)
			block = allocate_touched(allocator_, size(random_.next()));
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		std::thread next([this, operations] {
			for (std::uint32_t i = 0; i < operations; i++)
				replace(random_.next());
		});
		next.join();
		return operations;
	}

	void drain()
	{
		for (Block block : live_)
			allocator_.release(block);
	}

      private:
	static constexpr std::uint32_t kBlocks = 5000;

	static std::uint32_t size(std::uint64_t number)
	{
		return 8 + static_cast<std::uint32_t>(number >> 32) % 993;
	}

	void replace(std::uint64_t number)
	{
		Block &block = live_[Random::place(number, kBlocks)];
		allocator_.release(block);
		block = allocate_touched(allocator_, size(number));
	}

	A &allocator_;
	Random random_;
	std::vector<Block> live_;
};

// Lever and Boreham's xmalloc-test: each worker allocates 64 bytes again and
// again for another one, which frees them.
template <class A> class Xmalloc
{
      public:
	Xmalloc(A &allocator, const Setting &setting)
	    : allocator_(allocator), to_(setting.shared->rings[setting.index]),
	      from_(setting.shared->rings[(setting.index + 1) % setting.count])
	{
	}

	std::uint32_t batch(std::uint32_t operations)
	{
		for (std::uint32_t done = 0; done < operations;) {
			std::uint32_t end = std::min(done + kTogether, operations);
			for (; done < end; done++)
				give();
			take_up_to(kTogether);
		}
		return operations;
	}

	void drain()
	{
		while (take_up_to(kTogether))
			;
	}

      private:
	static constexpr std::uint32_t kTogether = 128, kSize = 64;

	// What finds no place, since the other one is behind, is freed here.
	void give()
	{
		Block block = allocate_touched(allocator_, kSize);
		if (!to_.give(block))
			allocator_.release(block);
	}

	std::uint32_t take_up_to(std::uint32_t most)
	{
		std::uint32_t taken = 0;
		Block block;
		while (taken < most && (block = from_.take()) != 0) {
			allocator_.release(block);
			taken++;
		}
		return taken;
	}

	A &allocator_;
	Ring &to_, &from_;
};
