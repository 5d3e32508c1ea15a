#!/bin/sh
# symbols.sh LIBRARY HEADER [NM] - the shared library shows what lshm.h declares
# and nothing else, and needs no library for its atomics: such calls lock within
# one process.
set -eu
library=$1
header=$2
nm=${3:-nm}
shown=$("$nm" -D --defined-only "$library" | awk '{ print $NF }' | sort)
declared=$(sed -n 's/^LSHM_API [^(]*\(lshm_[a-z0-9_]*\)(.*/\1/p' "$header" | sort)
if [ "$shown" != "$declared" ]; then
	echo "declared:" $declared >&2
	echo "shown:" $shown >&2
	exit 1
fi
if "$nm" -D --undefined-only "$library" | grep -E ' __(atomic|sync)_'; then
	echo "atomics that are library calls" >&2
	exit 1
fi
echo "shows $(printf '%s\n' "$shown" | wc -l) functions of lshm.h, nothing else"
