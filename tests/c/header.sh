#!/bin/sh
# header.sh FOLDER - lshm.h, in FOLDER, is clean in C and C++ for every compiler
# that is here, with the warnings that users switch on. CC and CFLAGS as usual.
set -eu
. "$(dirname "$0")/compilers.sh"
for compiler in $compilers; do
	for standard in c11 c17 c++17 c++20; do
		language=c
		case $standard in
		c++*) language=c++ ;;
		esac
		# Twice: it is guarded. As from the current folder, since warnings of
		# system headers are not shown.
		printf '#include "lshm.h"\n#include "lshm.h"\n' |
			"${compiler#*:}" ${CFLAGS:-} -x $language -std=$standard -Wall \
				-Wextra -pedantic -Wconversion -Wshadow -Wundef -Werror \
				-iquote "$1" -fsyntax-only -
		echo "${compiler#*:} -std=$standard: clean"
	done
done
