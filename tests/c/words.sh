#!/bin/sh
# words.sh - docs/CONCURRENCY.md speaks of every shared word that layout.h has, and
# of no function that is not there.
#
#   words.sh ROOT
set -eu
cd "$1"
page=docs/CONCURRENCY.md
bad=0
# The first column of its table of words.
words=$(sed -n '/^| word |/,/^$/p' "$page" | cut -d '|' -f 2)
for field in $(sed -n 's/^.*_Atomic uint[0-9]*_t \([a-z_]*\).*$/\1/p' src/layout.h); do
	case $words in
	*"\`$field\`"*) ;;
	*)
		echo "$page: no line for $field" >&2
		bad=1
		;;
	esac
done
for name in $(grep -o '`[a-z]*_[a-z_0-9]*`' "$page" | tr -d '`' | sort -u); do
	grep -rq -- "\b$name" src include js || {
		echo "$page: there is no $name" >&2
		bad=1
	}
done
exit $bad
