#!/bin/sh
# installed.sh SOURCES PREFIX - the installed library below PREFIX, as programs
# find it: the README's example is built by CMake, by pkg-config, by the
# compiler alone and with the archive, and runs. CC as usual.
set -eu
sources=$(cd "$1" && pwd)
prefix=$(cd "$2" && pwd)
cc=${CC:-cc}
work=$(mktemp -d "${TMPDIR:-/tmp}/lshm-installed.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

pc=$(find "$prefix" -name lshm.pc)
lib=$(dirname "$(dirname "$pc")")
sh "$sources/tests/c/example.sh" "$sources" >"$work/example.c"
cd "$work"

check() {
	LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$2" | grep -Eqx '4096 bytes at offset [0-9]+'
	echo "$1: the README's example runs"
}

cat >CMakeLists.txt <<'end'
cmake_minimum_required(VERSION 3.22)
project(example C)
find_package(lshm REQUIRED)
add_executable(example example.c)
target_link_libraries(example lshm::lshm)
add_executable(example-static example.c)
target_link_libraries(example-static lshm::static)
end
cmake -S . -B cmake "-DCMAKE_C_COMPILER=$cc" "-DCMAKE_PREFIX_PATH=$prefix" >log ||
	{ cat log; exit 1; }
cmake --build cmake >log || { cat log; exit 1; }
check find_package cmake/example
check "find_package, lshm::static" cmake/example-static

# shellcheck disable=SC2046 # flags are words
{
	export PKG_CONFIG_PATH="$lib/pkgconfig"
	$cc example.c $(pkg-config --cflags --libs lshm) -o by-pkg-config
	check pkg-config ./by-pkg-config
	$cc -static example.c $(pkg-config --static --cflags --libs lshm) -o static
	check "pkg-config --static" ./static
}

# As if below the compiler's own folders.
export C_INCLUDE_PATH="$prefix/include" LIBRARY_PATH="$lib"
$cc example.c -llshm
check "cc example.c -llshm" ./a.out
