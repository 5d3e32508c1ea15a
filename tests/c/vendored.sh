#!/bin/sh
# vendored.sh SOURCES - as another project would take the library in: two folders
# copied, one file compiled by the README's own commands, the README's example
# linked with it, for every compiler that is here. CC and CFLAGS as usual.
set -eu
sources=$(cd "$1" && pwd)
tests=$sources/tests/c
. "$tests/compilers.sh"
version=$(sed -n 's/^  "version": "\(.*\)",/\1/p' "$sources/package.json")
work=$(mktemp -d "${TMPDIR:-/tmp}/lshm-vendored.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

for file in "$sources"/src/*.c "$sources"/src/native/*.c; do
	file=${file#"$sources/src/"}
	[ "$file" = lshm_all.c ] || grep -qx "#include \"$file\"" \
		"$sources/src/lshm_all.c" || {
		echo "src/lshm_all.c lacks: #include \"$file\"" >&2
		exit 1
	}
done

cp -R "$sources/include" "$sources/src" "$work"
sh "$tests/example.sh" "$sources" >"$work/file.c"
sed -n 's/^    cc \(.*lshm_all\..*\)/\1/p' "$sources/README.md" >"$work/commands"
cat >"$work/version.c" <<'end'
#include <lshm.h>
#include <stdio.h>
/* Of the core's names: a program may have its own. */
int cache, fail, heap_malloc, map_at;
int main(void)
{
	puts(lshm_version());
	return cache + fail + heap_malloc + map_at;
}
end
cd "$work"

warnings="-Wall -Wextra -pedantic -Wconversion -Wshadow -Werror"
for compiler in $compilers; do
	cc="${compiler#*:} ${CFLAGS:-}"
	[ "$(grep -c . commands)" = 2 ] # one that compiles, one that links
	while read -r command; do
		# shellcheck disable=SC2086 # words
		$cc $warnings $command
	done <commands
	./a.out | grep -Eqx '4096 bytes at offset [0-9]+'

	# Every name but those of the header, and the compiler's own, has the prefix.
	nm --extern-only --defined-only lshm_all.o |
		awk 'NF == 3 && $3 !~ /^__/ && ($3 !~ /^lshm_/ || sub(/^lshm_core_/, "", $3)) {
			print "#define " $3 " lshm_core_" $3 }' | sort >names
	grep '^#define .* lshm_core_' src/lshm_all.c | sort | diff - names >&2 || {
		echo "src/lshm_all.c has what is marked <, and should have >" >&2
		exit 1
	}

	$cc -Iinclude version.c lshm_all.o -pthread -o version
	[ "$(./version)" = "$version" ] || {
		echo "src/lshm_all.c says version $(./version), not $version" >&2
		exit 1
	}
	$cc -std=c11 -Iinclude "$tests/api.c" lshm_all.o -pthread -lm -o api
	./api
	echo "${compiler#*:}: vendored, version $version"
done
