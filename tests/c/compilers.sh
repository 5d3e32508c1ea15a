# compilers.sh - to be read by a test: into $compilers, as KIND:COMMAND, $CC and
# the other kind of compiler, gcc or clang, where it is here. With CFLAGS, which
# are for $CC, that alone.
compilers=
for compiler in "${CC:-cc}" clang-14 clang gcc; do
	[ -z "${CFLAGS:-}" ] || [ -z "$compilers" ] || break
	command -v "$compiler" >/dev/null || continue
	kind=$("$compiler" --version | head -n 1)
	case $kind in
	*clang*) kind=clang ;;
	*) kind=gcc ;;
	esac
	case " $compilers " in
	*" $kind:"*) ;;
	*) compilers="$compilers $kind:$compiler" ;;
	esac
done
