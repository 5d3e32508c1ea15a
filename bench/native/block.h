// block.h - what the loads hold of a block: an address, or an offset where the
// allocator deals in offsets. 0 is none.
//
// Every header in allocators/ defines one class:
//
//   class Allocator {
//           static constexpr bool kBetweenProcesses; // forked children share it
//           explicit Allocator(std::size_t region);  // bytes that it may use
//           Block allocate(std::size_t size);        // 0: out of memory
//           Block resize(Block block, std::size_t size); // as realloc
//           void release(Block block);
//           void *address(Block block);
//           std::size_t claimed();  // bytes taken for blocks; 0: it cannot tell
//           bool is_empty();        // after all was released
//           static std::string version();
//   };
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <unistd.h>

using Block = std::uint64_t;

// Of an allocator that works in a region: more than a load needs that says
// nothing else.
constexpr std::size_t kRegionSize = std::size_t{256} << 20;

inline Block to_block(void *address)
{
	return reinterpret_cast<std::uintptr_t>(address);
}

inline void *to_address(Block block)
{
	return reinterpret_cast<void *>(static_cast<std::uintptr_t>(block));
}

// A measurement that cannot be trusted is none.
[[noreturn]] inline void fail(const char *what, const char *why)
{
	std::fprintf(stderr, "bench: %s: %s\n", what, why);
	_exit(1);
}
