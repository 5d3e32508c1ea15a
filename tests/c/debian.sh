#!/bin/sh
# debian.sh SOURCES PACKAGE - the Debian package says what it should of itself,
# lintian finds no error in it, and dpkg installs and removes it cleanly: in a
# root of its own in a temporary folder, whose files are compared before and
# after. The README's example is built from what lies there.
set -eu
sources=$(cd "$1" && pwd)
package=$(realpath "$2")
[ "$(id -u)" = 0 ] || [ -n "${FAKEROOTKEY:-}" ] || exec fakeroot sh "$0" "$@"
# dpkg wants programs of the administrator's, though none is run here.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
root=$(mktemp -d "${TMPDIR:-/tmp}/lshm-debian.XXXXXX")
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "$package: $*" >&2
	exit 1
}

# What the package says.
version=$(sed -n 's/^  "version": "\(.*\)",/\1/p' "$sources/package.json")
field() { dpkg-deb --field "$package" "$1"; }
[ "$(field Package) $(field Version)" = "lshm $version" ] ||
	fail "is $(field Package) $(field Version)"
[ "$(field Architecture)" = "$(dpkg --print-architecture)" ] ||
	fail "for $(field Architecture)"
field Depends | grep -Eqx 'libc6 \(>= [0-9.]+\)' ||
	fail "depends on $(field Depends)"
dpkg-deb --control "$package" "$root/control"
grep -qx "liblshm ${version%%.*} lshm (>= $version)" "$root/control/shlibs"
grep -qx 'activate-noawait ldconfig' "$root/control/triggers"
for script in preinst postinst prerm postrm; do
	[ ! -e "$root/control/$script" ] || fail "runs $script"
done
rm -r "$root/control"
if command -v lintian >/dev/null; then
	lintian --allow-root --fail-on error "$package"
else
	echo "debian.sh: left out what lintian says: it is not installed"
fi

# A root in which nothing is but what dpkg must know of the C library.
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" \
	"$root/var/lib/dpkg/triggers" "$root/var/log"
dpkg-query --status libc6 | sed '/^Depends:/d' >"$root/var/lib/dpkg/status"
in_root() {
	dpkg --root="$root" --force-not-root --log=/dev/null "$@" >"$root.log" 2>&1 ||
		{ cat "$root.log"; rm -f "$root.log"; fail "dpkg $1"; }
	rm -f "$root.log"
}
# The files, but for what dpkg keeps its own books in.
files() { (cd "$root" && find . ! -path './var/lib/dpkg/*' | sort); }

before=$(files)
in_root --install "$package"
dpkg --root="$root" --status lshm | grep -qx 'Status: install ok installed'
[ -z "$(dpkg --root="$root" --verify lshm)" ] || fail "files are not as packed"
for name in liblshm.so liblshm.a lshm.h lshm.pc lshm-config.cmake lshm.3.gz \
	lshm_cas_u64.3.gz lshm.1.gz copyright; do
	files | grep -q "/$name\$" || fail "lacks $name"
done
"$root/usr/bin/lshm" --version | grep -Fq "$version" || fail "the command fails"
sh "$sources/tests/c/installed.sh" "$sources" "$root/usr"
in_root --remove lshm
[ "$(files)" = "$before" ] || {
	files >"$root/after"
	echo "$before" | diff - "$root/after"
	fail "leaves files behind"
}
# All of it is gone: it has no configuration files that a purge would remove.
! dpkg --root="$root" --status lshm >/dev/null 2>&1 || fail "is still known"
echo "$(basename "$package"): installed, used and removed"
