// watched.h - allocators that look at what the loads do with another one.
#pragma once

#include "handed.h"

// Its blocks are written to their last byte and looked at before they are
// released: one that overlaps another or that somebody changes does not go
// unseen. The first four bytes are the size, as the loads write it.
template <class A> class Checked
{
      public:
	explicit Checked(A &allocator) : allocator_(allocator)
	{
	}

	Block allocate(std::size_t size)
	{
		return mark(allocator_.allocate(size), size);
	}

	Block resize(Block block, std::size_t size)
	{
		std::uint32_t old = require_whole(block), fill = mark_of(block, old) & 255;
		Block other = allocator_.resize(block, size);
		if (!other)
			return 0;
		require_bytes(other, static_cast<std::uint32_t>(std::min<std::size_t>(old, size)),
		              fill);
		return mark(other, size);
	}

	void release(Block block)
	{
		require_whole(block);
		// Whoever gets it next must write it anew.
		std::memset(allocator_.address(block), 0, 8);
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

	Block mark(Block block, std::size_t size)
	{
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

	// The size of a block that nobody changed.
	std::uint32_t require_whole(Block block)
	{
		auto *bytes = static_cast<unsigned char *>(allocator_.address(block));
		std::uint32_t size, mark;
		std::memcpy(&size, bytes, 4);
		std::memcpy(&mark, bytes + 4, 4);
		if (size < 8 || size > kMostSize || mark != mark_of(block, size))
			fail("check", "the first bytes of a block were changed");
		require_bytes(block, size, mark & 255);
		return size;
	}

	void require_bytes(Block block, std::uint32_t size, std::uint32_t fill)
	{
		auto *bytes = static_cast<unsigned char *>(allocator_.address(block));
		for (std::uint32_t i = 8; i < size; i++)
			if (bytes[i] != fill)
				fail("check", "the bytes of a block were changed");
	}

	A &allocator_;
};

// Its blocks are written to their last byte, as programs do, and their sizes
// are summed up. For loads that do not resize.
template <class A> class Counted
{
      public:
	Counted(A &allocator, std::array<std::atomic<std::int64_t>, kMostWorkers> &payload)
	    : allocator_(allocator), payload_(payload)
	{
	}

	Block allocate(std::size_t size)
	{
		Block block = allocator_.allocate(size);
		if (block)
			std::memset(allocator_.address(block), 1, size);
		add(static_cast<std::int64_t>(size));
		return block;
	}

	void release(Block block)
	{
		std::uint32_t size;
		std::memcpy(&size, allocator_.address(block), 4);
		add(-std::int64_t{size});
		allocator_.release(block);
	}

	void *address(Block block)
	{
		return allocator_.address(block);
	}

	std::int64_t payload() const
	{
		std::int64_t sum = 0;
		for (const std::atomic<std::int64_t> &each : payload_)
			sum += each.load(std::memory_order_relaxed);
		return sum;
	}

	std::size_t claimed()
	{
		return allocator_.claimed();
	}

	// Which of the counters the calling worker adds to.
	static inline thread_local unsigned index = 0;

      private:
	void add(std::int64_t size)
	{
		payload_[index].fetch_add(size, std::memory_order_relaxed);
	}

	A &allocator_;
	std::array<std::atomic<std::int64_t>, kMostWorkers> &payload_;
};

// How long single operations took: counts of times, 32 for each doubling.
class Histogram
{
      public:
	void add(std::uint64_t nanoseconds)
	{
		counts_[bucket(nanoseconds)]++;
		sum_++;
	}

	void add(const Histogram &other)
	{
		for (std::size_t i = 0; i < counts_.size(); i++)
			counts_[i] += other.counts_[i];
		sum_ += other.sum_;
	}

	// The least time that so large a share of the operations did not exceed.
	std::uint64_t quantile(double share) const
	{
		auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(sum_));
		std::uint64_t seen = 0;
		for (std::size_t i = 0; i < counts_.size(); i++)
			if ((seen += counts_[i]) > wanted)
				return least_of(i);
		return 0;
	}

      private:
	static constexpr unsigned kLog2 = 5, kSteps = 1u << kLog2;

	static std::size_t bucket(std::uint64_t time)
	{
		if (time < kSteps)
			return time;
		auto doubling = static_cast<unsigned>(63 - __builtin_clzll(time)) - kLog2;
		return std::size_t{doubling} * kSteps + (time >> doubling);
	}

	static std::uint64_t least_of(std::size_t bucket)
	{
		if (bucket < kSteps)
			return bucket;
		std::size_t doubling = bucket / kSteps - 1;
		return std::uint64_t{bucket - doubling * kSteps} << doubling;
	}

	std::array<std::uint64_t, std::size_t{64} *kSteps> counts_ = {};
	std::uint64_t sum_ = 0;
};
