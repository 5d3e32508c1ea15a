#!/bin/sh
# compare.sh LIBRARY PROGRAM - a program's work (work.sh) comes to the same with
# the library preloaded as without.
set -eu
library=$1
program=$2
work=$(cd "$(dirname "$0")" && pwd)/work.sh
command -v "$program" >/dev/null || {
	echo "$program is missing" >&2
	exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# do_work PLACE [PRELOAD]: what it prints goes to PLACE.out. The dynamic linker
# says there, too, if it could not preload the library.
do_work() {
	mkdir "$scratch/work"
	status=0
	(cd "$scratch/work" && LD_PRELOAD="${2-}" sh "$work" "$program") \
		>"$scratch/$1.out" 2>&1 || status=$?
	rm -rf "$scratch/work"
	if [ "$status" != 0 ]; then
		tail -n 20 "$scratch/$1.out" >&2
		echo "$program ended with $status ($1)" >&2
		exit 1
	fi
}
do_work without
do_work with "$library"
[ -s "$scratch/without.out" ] || {
	echo "$program printed nothing" >&2
	exit 1
}
cmp "$scratch/without.out" "$scratch/with.out" || {
	diff "$scratch/without.out" "$scratch/with.out" | head -n 20 >&2
	exit 1
}
