// main.cc - measures one allocator under one load, or checks that load:
//
//   bench-NAME version           (and the compiler's, in a second line)
//   bench-NAME time LOAD thread|process WORKERS SEED WARM_MS TIMED_MS
//   bench-NAME check LOAD thread|process WORKERS SEED OPERATIONS
//
// `time` prints the operations of all workers and the sum of the nanoseconds
// that each took; `check` runs the same load with every byte of every block
// written and compared. A single worker is the main thread, so that allocators
// that are faster in a process without threads may be. Processes are forked;
// what they share is mapped at the same address.
#include BENCH_ALLOCATOR

#include <cinttypes>
#include <cstdlib>
#include <memory>
#include <new>
#include <sched.h>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <vector>

#include "loads.h"

#ifdef __clang__
#define BENCH_COMPILER "clang"
#else
#define BENCH_COMPILER "gcc"
#endif

namespace
{

constexpr unsigned kMostWorkers = 64;
constexpr std::uint32_t kBatch = 1000;
constexpr std::uint64_t kMillisecond = 1000000;
constexpr std::uint64_t kPatience = 60000 * kMillisecond;

struct Options {
	bool check;
	std::string load;
	bool processes;
	unsigned workers;
	std::uint64_t seed;
	std::uint64_t warm, timed; // nanoseconds
	std::uint64_t operations;  // of each worker, for a check
};

struct Count {
	std::uint64_t operations, nanoseconds;
};

// In memory that the workers share, be they threads or processes.
struct Shared {
	std::atomic<unsigned> arrived;
	Count counts[kMostWorkers];
	Cells cells;
};

std::uint64_t now()
{
	timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<std::uint64_t>(time.tv_sec) * 1000000000 +
	       static_cast<std::uint64_t>(time.tv_nsec);
}

// Waits until all workers met for the `meeting`th time.
void meet(Shared &shared, unsigned workers, unsigned meeting)
{
	shared.arrived.fetch_add(1);
	std::uint64_t end = now() + kPatience;
	while (shared.arrived.load() < workers * meeting) {
		sched_yield();
		if (now() > end)
			fail("meet", "another worker did not come");
	}
}

template <class Load> Count run_for(Load &load, std::uint64_t nanoseconds)
{
	std::uint64_t operations = 0, begin = now(), end = begin;
	while (end - begin < nanoseconds) {
		load.batch(kBatch);
		operations += kBatch;
		end = now();
	}
	return {operations, end - begin};
}

template <class A, template <class> class Load>
void work(A &allocator, Shared &shared, const Options &options, unsigned index)
{
	Load<A> load(allocator, shared.cells, options.seed + index);
	if (options.check) {
		for (std::uint64_t done = 0; done < options.operations; done += kBatch)
			load.batch(kBatch);
	} else {
		run_for(load, options.warm);
		meet(shared, options.workers, 1);
		shared.counts[index] = run_for(load, options.timed);
	}
	meet(shared, options.workers, options.check ? 1 : 2);
	// After a measurement the process ends.
	if (options.check)
		load.drain();
}

template <class Work> void run_threads(unsigned workers, Work work_as)
{
	std::vector<std::thread> threads;
	for (unsigned i = 1; i < workers; i++)
		threads.emplace_back(work_as, i);
	work_as(0);
	for (std::thread &thread : threads)
		thread.join();
}

template <class Work> void run_processes(unsigned workers, Work work_as)
{
	std::vector<pid_t> children;
	for (unsigned i = 0; i < workers; i++) {
		pid_t parent = getpid();
		pid_t child = fork();
		if (child < 0)
			fail("fork", "no process");
		if (child == 0) {
			// Nobody outlives the measurement.
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(1);
			work_as(i);
			_exit(0);
		}
		children.push_back(child);
	}
	for (pid_t child : children) {
		int status = 0;
		if (waitpid(child, &status, 0) != child || status != 0)
			fail("worker", "a process ended early");
	}
}

template <class A, template <class> class Load>
void run(A &allocator, Shared &shared, const Options &options)
{
	auto work_as = [&](unsigned index) { work<A, Load>(allocator, shared, options, index); };
	if (options.processes)
		run_processes(options.workers, work_as);
	else
		run_threads(options.workers, work_as);
}

template <class A> void run_named(A &allocator, Shared &shared, const Options &options)
{
	if (options.load == Pair<A>::kName)
		run<A, Pair>(allocator, shared, options);
	else if (options.load == Replace<A>::kName)
		run<A, Replace>(allocator, shared, options);
	else if (options.load == Exchange<A>::kName)
		run<A, Exchange>(allocator, shared, options);
	else
		fail("expected pair, replace or exchange, not", options.load.c_str());
}

std::uint64_t number(const char *text)
{
	char *end;
	std::uint64_t value = std::strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end)
		fail("expected a number, not", text);
	return value;
}

Options parse(int count, char **arguments)
{
	std::string mode = count > 1 ? arguments[1] : "";
	bool check = mode == "check";
	if ((!check && mode != "time") || count != (check ? 7 : 8))
		fail("expected", "version, or time LOAD thread|process WORKERS SEED "
		                 "WARM_MS TIMED_MS, or check LOAD thread|process WORKERS "
		                 "SEED OPERATIONS");
	Options options = {};
	options.check = check;
	options.load = arguments[2];
	options.processes = std::string(arguments[3]) == "process";
	if (!options.processes && std::string(arguments[3]) != "thread")
		fail("expected thread or process, not", arguments[3]);
	options.workers = static_cast<unsigned>(number(arguments[4]));
	if (options.workers < 1 || options.workers > kMostWorkers)
		fail("expected 1 to 64 workers, not", arguments[4]);
	options.seed = number(arguments[5]);
	if (check) {
		options.operations = number(arguments[6]);
	} else {
		options.warm = number(arguments[6]) * kMillisecond;
		options.timed = number(arguments[7]) * kMillisecond;
	}
	return options;
}

} // namespace

int main(int count, char **arguments)
{
	if (count == 2 && std::string(arguments[1]) == "version") {
		std::printf("%s\n" BENCH_COMPILER " " __VERSION__ "\n",
		            Allocator::version().c_str());
		return 0;
	}
	Options options = parse(count, arguments);
	if (options.processes && !Allocator::kBetweenProcesses)
		fail("process", "this allocator is not shared between processes");
	void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("mmap", "no memory for the counts");
	auto &shared = *new (memory) Shared();
	Allocator allocator;
	if (options.check) {
		Checked<Allocator> checked(allocator);
		run_named(checked, shared, options);
		if (!allocator.is_empty())
			fail("check", "not everything was released");
		return 0;
	}
	run_named(allocator, shared, options);
	Count sum = {};
	for (const Count &each : shared.counts) {
		sum.operations += each.operations;
		sum.nanoseconds += each.nanoseconds;
	}
	std::printf("%" PRIu64 " %" PRIu64 "\n", sum.operations, sum.nanoseconds);
	return 0;
}
