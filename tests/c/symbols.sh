#!/bin/sh
# symbols.sh LIBRARY HEADER [NM] - the library shows what lshm.h declares and
# nothing else, and needs no library for its atomics: such calls lock within
# one process.
set -eu
library=$1
header=$2
nm=${3:-nm}
case $library in
*.a) table=--extern-only ;;
*) table=--dynamic ;;
esac
shown=$("$nm" $table --defined-only "$library" | awk 'NF == 3 { print $NF }' | sort)
declared=$(sed -n 's/^LSHM_API [^(]*\(lshm_[a-z0-9_]*\)(.*/\1/p' "$header" | sort)
if [ "$shown" != "$declared" ]; then
	echo "declared:" $declared >&2
	echo "shown:" $shown >&2
	exit 1
fi
if "$nm" $table --undefined-only "$library" | grep -E ' __(atomic|sync)_'; then
	echo "atomics that are library calls" >&2
	exit 1
fi
echo "shows $(printf '%s\n' "$shown" | wc -l) functions of lshm.h, nothing else"
