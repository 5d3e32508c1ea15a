// heap.cc - how long it takes to look at a whole heap, and to recover what a
// dead process held in it:
//
//   bench-heap walk [seed=1]    nanoseconds for each of 1,000,000 live blocks
//   bench-heap check [seed=1]   milliseconds for 1 GiB of blocks of 8-519 bytes
//   bench-heap reap [seed=1]    milliseconds, in the same
#include <csignal>
#include <cstdlib>
#include <lshm.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "loads.h"

namespace
{

constexpr std::size_t kGibibyte = std::size_t{1} << 30;
constexpr std::uint32_t kWalked = 1000000;
constexpr std::uint32_t kHeld = 10000; // by the one that dies

double seconds()
{
	timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

lshm *open_heap()
{
	lshm_options options = {};
	options.maximum = 2 * kGibibyte;
	lshm *heap = lshm_open(nullptr, 0, &options);
	if (!heap)
		fail("lshm_open", lshm_strerror(lshm_error()));
	return heap;
}

lshm_ptr allocate(lshm *heap, Random &random)
{
	lshm_ptr ptr = lshm_malloc(heap, SmallSizes::size(random.next()));
	if (!ptr)
		fail("lshm_malloc", lshm_strerror(lshm_error()));
	return ptr;
}

// Blocks until 1 GiB is in use; every eighth is freed again.
void fill(lshm *heap, Random &random)
{
	for (std::size_t bytes = 0; bytes < kGibibyte;) {
		lshm_ptr ptr = allocate(heap, random);
		bytes += static_cast<std::size_t>(lshm_lengthof(heap, ptr));
		if (random.next() >> 61 == 0)
			lshm_free(heap, ptr);
	}
}

double walk(Random &random)
{
	lshm *heap = open_heap();
	for (std::uint32_t i = 0; i < kWalked; i++)
		allocate(heap, random);
	lshm_block block;
	lshm_ptr cursor = 0;
	std::uint32_t count = 0;
	double begin = seconds();
	while ((cursor = lshm_next(heap, cursor, &block)) != 0)
		count++;
	double time = seconds() - begin;
	if (count != kWalked)
		fail("walk", "not every block was found");
	return time / kWalked * 1e9;
}

double check(Random &random)
{
	lshm *heap = open_heap();
	fill(heap, random);
	double begin = seconds();
	if (lshm_check(heap, nullptr) != 0)
		fail("lshm_check", lshm_strerror(lshm_error()));
	return (seconds() - begin) * 1e3;
}

// A child that works in the heap, says who it is and is killed. Returns its
// thread's number.
std::uint32_t dead_thread(lshm *heap, Random &random)
{
	pid_t child = fork();
	if (child < 0)
		fail("fork", "no process");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (std::uint32_t i = 0; i < kHeld; i++)
			allocate(heap, random);
		lshm_root_set(heap, 0, allocate(heap, random));
		lshm_set_u32(heap, lshm_root_get(heap, 0), lshm_self(heap));
		raise(SIGKILL);
	}
	int status;
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		fail("reap", "the child was not killed");
	return lshm_get_u32(heap, lshm_root_get(heap, 0));
}

double reap(Random &random)
{
	lshm *heap = open_heap();
	fill(heap, random);
	std::uint32_t thread = dead_thread(heap, random);
	double begin = seconds();
	if (lshm_reap(heap, thread, 0, nullptr) != 0)
		fail("lshm_reap", lshm_strerror(lshm_error()));
	return (seconds() - begin) * 1e3;
}

} // namespace

int main(int count, char **arguments)
{
	std::string what = count > 1 ? arguments[1] : "";
	std::string seed = count > 2 ? arguments[2] : "seed=1";
	Random random(std::strtoull(seed.c_str() + sizeof "seed=" - 1, nullptr, 10));
	double value = what == "walk"    ? walk(random)
	               : what == "check" ? check(random)
	               : what == "reap"  ? reap(random)
	                                 : 0;
	if (count > 3 || seed.rfind("seed=", 0) != 0 || !(value > 0))
		fail("expected walk, check or reap, and seed=N, not", what.c_str());
	std::printf("%.4f\n", value);
	return 0;
}
