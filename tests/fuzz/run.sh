#!/bin/sh
# run.sh - fuzzes for some time, beginning with the inputs that the project keeps.
#
#   tests/fuzz/run.sh BUILD SECONDS [TARGET]
#
# BUILD holds the fuzzers; what they find goes below it, new inputs that reach
# new code too. SECONDS are for each target, all of which run at the same time.
# LSHM_SEED repeats a run.
set -eu
build=$1
seconds=$2
kept=$(cd "$(dirname "$0")" && pwd)/corpus
seed=$((${LSHM_SEED:-$(date +%s)} % 4294967295 + 1))
fuzz() {
	target=$1
	found=$build/corpus/$target
	log=$build/$target.log
	mkdir -p "$found"
	if ! "$build/fuzz_$target" -seed=$seed -max_total_time="$seconds" -timeout=60 \
		-rss_limit_mb=2048 -max_len=1600 -print_final_stats=1 \
		-artifact_prefix="$build/$target-" "$found" "$kept/$target" >"$log" 2>&1; then
		grep -v -e NEW -e REDUCE -e pulse "$log" >&2
		echo "$target: failed; the input that did it is named above:" \
			"$build/fuzz_$target FILE repeats it" >&2
		return 1
	fi
	inputs=$(sed -n 's/^stat::number_of_executed_units: */inputs: /p' "$log")
	echo "ok $target: $inputs $(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
}

targets=${3:-images operations}
echo "fuzzing $targets for $seconds seconds, LSHM_SEED=$((seed - 1))"
started=
for target in $targets; do
	fuzz "$target" &
	started="$started $!"
done
failed=0
for one in $started; do
	wait "$one" || failed=1
done
exit $failed
