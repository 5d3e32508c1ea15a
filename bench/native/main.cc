// main.cc - measures one allocator under one load, or checks that load:
//
//   bench-NAME version           (and the compiler's, in a second line)
//   bench-NAME MODE load=NAME [workers=1] [kind=thread|process] [seed=1]
//              [live=10000] [region=268435456] [warm=100 timed=250]
//              [operations=20000]
//
// MODE is one of
//   time     nanoseconds of a worker for one operation, `timed` ms long after
//            `warm` ms
//   latency  the nanoseconds that 999 of 1,000 single operations did not exceed
//   space    the peak of the memory that the allocator took, divided by the
//            peak of the payload, in `operations`
//   count    nothing: does `operations`, for who counts instructions
//   check    the same with every byte of every block written and compared
//
// A single worker is the main thread, so that allocators that are faster in a
// process without threads may be. Processes are forked; what they share is
// mapped at the same address.
#include BENCH_ALLOCATOR

#include <cstdlib>
#include <map>
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

#include "watched.h"

#ifdef __clang__
#define BENCH_COMPILER "clang"
#else
#define BENCH_COMPILER "gcc"
#endif

namespace
{

constexpr std::uint64_t kMillisecond = 1000000;
constexpr std::uint64_t kPatience = 60000 * kMillisecond;

struct Options {
	std::string mode, load;
	bool processes;
	unsigned workers;
	std::uint64_t seed;
	std::uint32_t live;
	std::size_t region;
	std::uint64_t warm, timed; // nanoseconds
	std::uint64_t operations;  // of each worker
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

// --- a worker's part, by mode ----------------------------------------------------

template <class Load, class = void> struct BatchOf {
	static constexpr std::uint32_t kOperations = 1000;
};
template <class Load> struct BatchOf<Load, std::void_t<decltype(Load::kBatch)>> {
	static constexpr std::uint32_t kOperations = Load::kBatch;
};

// Batches become so large that a look at the clock does not count, and stay small
// where an operation takes long.
template <class Load> Count run_for(Load &load, std::uint64_t nanoseconds)
{
	constexpr std::uint32_t kMost = BatchOf<Load>::kOperations;
	constexpr std::uint64_t kLong = 20000;
	std::uint32_t batch = kMost > 1000 ? kMost : 8;
	std::uint64_t operations = 0, begin = now(), end = begin;
	while (end - begin < nanoseconds) {
		std::uint64_t last = end;
		operations += load.batch(batch);
		end = now();
		if (end - last < kLong)
			batch = std::min(batch * 2, kMost);
	}
	return {operations, end - begin};
}

// Does that many operations. What waits for another worker ends in time.
template <class Load> void run_count(Load &load, std::uint64_t operations)
{
	std::uint64_t done = 0, end = now() + kPatience;
	while (done < operations) {
		std::uint64_t left = operations - done;
		done += load.batch(static_cast<std::uint32_t>(
			std::min<std::uint64_t>(left, BatchOf<Load>::kOperations)));
		if (now() > end)
			fail("count", "another worker does not go on");
	}
}

// Fills the histogram with single operations.
template <class Load> void run_single(Load &load, std::uint64_t nanoseconds, Histogram &histogram)
{
	std::uint64_t begin = now(), before = begin;
	while (before - begin < nanoseconds) {
		std::uint32_t done = load.batch(1);
		std::uint64_t after = now();
		if (done)
			histogram.add(after - before);
		before = after;
	}
}

// This process's resident bytes. (The kernel's cheaper counts lag behind.)
std::int64_t resident()
{
	std::FILE *file = std::fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kilobytes = -1;
	while (file && std::fgets(line, sizeof line, file))
		if (std::sscanf(line, "Rss: %ld kB", &kilobytes) == 1)
			break;
	if (!file || kilobytes < 0)
		fail("smaps_rollup", "the resident size cannot be told");
	std::fclose(file);
	return std::int64_t{kilobytes} * 1024;
}

struct Space {
	std::int64_t before, taken, payload;

	template <class A> void look(Counted<A> &allocator)
	{
		auto claimed = static_cast<std::int64_t>(allocator.claimed());
		taken = std::max(taken, claimed ? claimed : resident() - before);
		payload = std::max(payload, allocator.payload());
	}
};

// The first worker looks on while all do their operations.
template <class A, class Load>
void run_watched(Counted<A> &allocator, Load &load, const Options &options, unsigned index,
                 Space &space)
{
	constexpr std::uint64_t kLooks = 100;
	for (std::uint64_t i = 0; i < kLooks; i++) {
		run_count(load, options.operations / kLooks);
		if (index == 0)
			space.look(allocator);
	}
}

// --- all workers ------------------------------------------------------------------

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

// Makes the load in each worker and has `work` do its part.
template <class Load, class A, class Work>
void run(A &allocator, Shared &shared, const Options &options, Work work)
{
	auto work_as = [&](unsigned index) {
		Setting setting = {options.seed + index, options.live,   index,
		                   options.workers,      options.region, &shared};
		Load load(allocator, setting);
		work(load, index);
		meet(shared, options.workers, 2);
		// After a measurement the process ends.
		if (options.mode == "check")
			load.drain();
	};
	if (options.processes)
		run_processes(options.workers, work_as);
	else
		run_threads(options.workers, work_as);
}

template <class Load, class A> void run_time(A &allocator, Shared &shared, const Options &options)
{
	run<Load>(allocator, shared, options, [&](Load &load, unsigned index) {
		run_for(load, options.warm);
		meet(shared, options.workers, 1);
		shared.counts[index] = run_for(load, options.timed);
	});
	Count sum = {};
	for (const Count &each : shared.counts) {
		sum.operations += each.operations;
		sum.nanoseconds += each.nanoseconds;
	}
	if (!sum.operations)
		fail("time", "nothing was done");
	std::printf("%.4f\n",
	            static_cast<double>(sum.nanoseconds) / static_cast<double>(sum.operations));
}

template <class Load, class A>
void run_latency(A &allocator, Shared &shared, const Options &options)
{
	std::vector<Histogram> histograms(options.workers);
	run<Load>(allocator, shared, options, [&](Load &load, unsigned index) {
		run_for(load, options.warm);
		meet(shared, options.workers, 1);
		run_single(load, options.timed, histograms[index]);
	});
	Histogram all;
	for (const Histogram &each : histograms)
		all.add(each);
	std::printf("%ju\n", static_cast<std::uintmax_t>(all.quantile(0.999)));
}

template <class Load, class A>
void run_space(Counted<A> &allocator, Shared &shared, const Options &options)
{
	Space space = {resident(), 0, 0};
	run<Load>(allocator, shared, options, [&](Load &load, unsigned index) {
		Counted<A>::index = index;
		meet(shared, options.workers, 1);
		run_watched(allocator, load, options, index, space);
	});
	std::printf("%.4f\n",
	            static_cast<double>(space.taken) / static_cast<double>(space.payload));
}

template <class Load, class A> void run_plain(A &allocator, Shared &shared, const Options &options)
{
	run<Load>(allocator, shared, options, [&](Load &load, unsigned) {
		meet(shared, options.workers, 1);
		run_count(load, options.operations);
	});
}

// --- by name -------------------------------------------------------------------

template <template <class> class Load, class A>
void run_mode(A &allocator, Shared &shared, const Options &options)
{
	if (options.mode == "time") {
		run_time<Load<A>>(allocator, shared, options);
	} else if (options.mode == "latency") {
		run_latency<Load<A>>(allocator, shared, options);
	} else if (options.mode == "count") {
		run_plain<Load<A>>(allocator, shared, options);
	} else if (options.mode == "check") {
		Checked<A> checked(allocator);
		run_plain<Load<Checked<A>>>(checked, shared, options);
		if (!allocator.is_empty())
			fail("check", "not everything was released");
	} else {
		fail("expected a mode, not", options.mode.c_str());
	}
}

// The loads that keep blocks of known sizes.
template <template <class> class Load, class A>
void run_mode_or_space(A &allocator, Shared &shared, const Options &options)
{
	if (options.mode != "space")
		return run_mode<Load>(allocator, shared, options);
	Counted<A> counted(allocator, shared.payload);
	run_space<Load<Counted<A>>>(counted, shared, options);
}

void run_named(Allocator &allocator, Shared &shared, const Options &options)
{
	using Run = void (*)(Allocator &, Shared &, const Options &);
	static const std::map<std::string, Run> loads = {
		{"pair", run_mode<Pair, Allocator>},
		{"replace", run_mode_or_space<ReplaceSmall, Allocator>},
		{"mixed", run_mode_or_space<ReplaceMixed, Allocator>},
		{"powers", run_mode_or_space<ReplacePowers, Allocator>},
		{"crowded", run_mode<ReplaceCrowded, Allocator>},
		{"grow", run_mode<Grow, Allocator>},
		{"exchange", run_mode<Exchange, Allocator>},
		{"handover", run_mode<HandOver, Allocator>},
		{"larson", run_mode<Larson, Allocator>},
		{"xmalloc", run_mode<Xmalloc, Allocator>},
	};
	auto found = loads.find(options.load);
	if (found == loads.end())
		fail("expected a load, not", options.load.c_str());
	found->second(allocator, shared, options);
}

// --- the command line -------------------------------------------------------------

class Words
{
      public:
	Words(int count, char **arguments)
	{
		for (int i = 2; i < count; i++) {
			std::string word = arguments[i];
			std::size_t equals = word.find('=');
			if (equals == std::string::npos)
				fail("expected NAME=VALUE, not", arguments[i]);
			values_[word.substr(0, equals)] = word.substr(equals + 1);
		}
	}

	std::string text(const char *name, const char *usual)
	{
		auto found = values_.find(name);
		std::string value = found == values_.end() ? usual : found->second;
		values_.erase(name);
		return value;
	}

	std::uint64_t number(const char *name, const char *usual)
	{
		std::string value = text(name, usual);
		if (value.empty() || value.size() > 18 ||
		    value.find_first_not_of("0123456789") != std::string::npos)
			fail(name, "expected a number");
		return std::strtoull(value.c_str(), nullptr, 10);
	}

	void require_all_known() const
	{
		if (!values_.empty())
			fail("unknown", values_.begin()->first.c_str());
	}

      private:
	std::map<std::string, std::string> values_;
};

Options parse(int count, char **arguments)
{
	Words words(count, arguments);
	Options options = {};
	options.mode = arguments[1];
	options.load = words.text("load", "");
	std::string kind = words.text("kind", "thread");
	options.processes = kind == "process";
	if (!options.processes && kind != "thread")
		fail("expected thread or process, not", kind.c_str());
	options.workers = static_cast<unsigned>(words.number("workers", "1"));
	if (options.workers < 1 || options.workers > kMostWorkers)
		fail("workers", "expected 1 to 64");
	options.seed = words.number("seed", "1");
	options.live = static_cast<std::uint32_t>(words.number("live", "10000"));
	options.region = words.number("region", std::to_string(kRegionSize).c_str());
	options.warm = words.number("warm", "100") * kMillisecond;
	options.timed = words.number("timed", "250") * kMillisecond;
	options.operations = words.number("operations", "20000");
	words.require_all_known();
	return options;
}

} // namespace

int main(int count, char **arguments)
{
	if (count < 2)
		fail("expected", "version, or a mode and NAME=VALUE");
	if (count == 2 && std::string(arguments[1]) == "version") {
		std::printf("%s\n" BENCH_COMPILER " " __VERSION__ "\n",
		            Allocator::version().c_str());
		return 0;
	}
	Options options = parse(count, arguments);
	if (options.processes &&
	    (!Allocator::kBetweenProcesses || options.mode == "latency" || options.mode == "space"))
		fail("process", "not with this allocator or mode");
	void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("mmap", "no memory for the counts");
	auto &shared = *new (memory) Shared();
	Allocator allocator(options.region);
	run_named(allocator, shared, options);
	return 0;
}
