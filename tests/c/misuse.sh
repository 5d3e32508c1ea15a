#!/bin/sh
# misuse.sh - runs the test of misuse, and compares its table with the one that a
# page quotes: lines and promises must be the same, the figures are a run's own.
#
#   misuse.sh TEST PAGE [write]       write: puts this run's table into the page
set -eu
test=$1
page=$2
out=$(mktemp)
trap 'rm -f "$out" "$out.page"' EXIT
"$test" >"$out" || {
	cat "$out"
	exit 1
}
cat "$out"
begin='<!-- make figures: misuse -->'
end='<!-- end -->'

table() {
	grep '^|' "$1"
}

quoted() {
	sed -n "/^$begin\$/,/^$end\$/p" "$page" | grep '^|' || true
}

promises() {
	cut -d '|' -f 2,3
}

if [ "${3:-}" = write ]; then
	awk -v begin="$begin" -v end="$end" -v from="$out" '
		$0 == end { inside = 0 }
		!inside { print }
		$0 == begin {
			inside = 1
			print ""
			while ((getline line < from) > 0)
				if (line ~ /^\|/) print line
			print ""
		}' "$page" >"$out.page"
	cat "$out.page" >"$page"
fi
if [ "$(table "$out" | promises)" != "$(quoted | promises)" ]; then
	echo "$page quotes another table: make figures" >&2
	exit 1
fi
