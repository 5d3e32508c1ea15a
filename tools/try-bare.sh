#!/bin/sh
# try-bare.sh - build and test on a bare Debian 12, as a new user would.
#
#   tools/try-bare.sh [COMMAND]      default: make demo && make test
#
# Makes a Debian 12 that has git, make and ca-certificates and nothing else
# (debootstrap; kept in $BARE/base for the next time), clones HEAD of this
# repository into a fresh copy of it and runs COMMAND there in a shell, as root
# or, with BARE_USER=1, as a user who may not install anything. With
# BARE_WORKTREE=1 the files as they stand are used instead of HEAD.
#
# Needs root, debootstrap and unshare. $BARE is /var/tmp/lshm-bare unless set;
# the copy is removed at the end unless BARE_KEEP=1. How this machine reaches
# its package archives (apt's sources and Acquire settings, certificates, npm's
# registry, proxy variables) is taken over into the copy.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
bare=${BARE:-/var/tmp/lshm-bare}
command=${1:-make demo && make test}

if [ "${1:-}" = --inside ]; then
	# In namespaces of our own: these mounts end with us.
	trial=$2
	user=$3
	mount -t proc proc "$trial/proc"
	mount --rbind /dev "$trial/dev"
	mount -t tmpfs -o mode=1777 shm "$trial/dev/shm"
	shift 3
	exec chroot "$trial" su --login --whitelist-environment="$(
		env | sed -n 's/^\([A-Za-z_]*[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p
			s/^\([A-Z_]*CERT[A-Z_]*\)=.*/\1/p
			s/^\(npm_config_[a-z]*\)=.*/\1/p
			s/^\(CI\)=.*/\1/p' | paste -sd,)" \
		--command "cd ~/project && $*" "$user"
fi

[ "$(id -u)" = 0 ] || { echo "try-bare: needs root" >&2; exit 1; }
for tool in debootstrap unshare git; do
	command -v $tool >/dev/null || {
		echo "try-bare: needs $tool, which is not installed" >&2
		exit 1
	}
done

mkdir -p "$bare"
if [ ! -d "$bare/base" ]; then
	rm -rf "$bare/making"
	debootstrap --variant=minbase --include=git,make,ca-certificates \
		bookworm "$bare/making"
	mv "$bare/making" "$bare/base"
fi
trial=$(mktemp -d "$bare/trial.XXXXXX")
clean_up() {
	[ "${BARE_KEEP:-}" = 1 ] && { echo "try-bare: kept $trial"; return; }
	rm -rf --one-file-system "$trial"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cp -a --reflink=auto "$bare/base/." "$trial"

# The way to the archives.
cp -L /etc/resolv.conf /etc/hosts "$trial/etc/"
rm -f "$trial/etc/apt/sources.list"
cp -a /etc/apt/sources.list* "$trial/etc/apt/" 2>/dev/null || true
cp -a /usr/share/keyrings/. "$trial/usr/share/keyrings/"
apt-config dump Acquire >"$trial/etc/apt/apt.conf.d/99host"
cp -a /usr/local/share/ca-certificates/. \
	"$trial/usr/local/share/ca-certificates/"
chroot "$trial" update-ca-certificates >/dev/null
cp /etc/ssl/certs/ca-certificates.crt "$trial/etc/ssl/certs/"
if command -v npm >/dev/null; then
	npm_config_registry=$(npm config get registry)
	npm_config_cafile=/etc/ssl/certs/ca-certificates.crt
	export npm_config_registry npm_config_cafile
fi

# The project.
user=root
home=$trial/root
if [ "${BARE_USER:-}" = 1 ]; then
	chroot "$trial" useradd --create-home --shell /bin/bash stranger
	user=stranger
	home=$trial/home/stranger
fi
if [ "${BARE_WORKTREE:-}" = 1 ]; then
	mkdir "$home/project"
	(cd "$root" && git ls-files -z --cached --others --exclude-standard |
		tar --create --null --files-from=- --ignore-failed-read 2>/dev/null) |
		tar --extract --directory "$home/project"
else
	git clone --quiet "$root" "$home/project"
fi
chroot "$trial" chown -R "$user" "${home#"$trial"}/project"

echo "try-bare: as $user: $command"
unshare --mount --pid --fork --ipc "$0" --inside "$trial" "$user" "$command"
echo "try-bare: passed"
