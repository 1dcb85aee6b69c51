#!/usr/bin/env bash
# Runs the README's commands for newcomers on a fresh Debian: scripts/demo.sh and scripts/test.sh, of
# a clean clone of HEAD, in a debootstrap chroot. Prints the last lines of each, with times.
# Run it manually, as root, on a machine with debootstrap and git.
#
#   scripts/try_debian.sh SUITE                 demo and test; SUITE is bookworm or trixie
#   scripts/try_debian.sh SUITE demo|test       one of them
#   scripts/try_debian.sh SUITE shell           a shell in the chroot, in the clone of the last run
#
#   --user    as an ordinary user with sudo, not as root
#   --fresh   recreates the chroot; without it the packages and the compiler cache of earlier runs
#             are reused
#
# OKO_ROOTS names the folder of the chroots (/var/tmp/oko-roots, 6 GB each), OKO_MIRROR Debian's
# mirror, OKO_DATA the reference data, mounted read-only as /data in the chroot. Everything is
# mounted in a separate namespace, which ends with the script, however it ends.
set -euo pipefail
usage() { sed -n '2,17s/^# \{0,1\}//p' "$0"; }

suite=""
fresh=no
user=root
runs=()
for argument in "$@"; do
  case "$argument" in
    bookworm | trixie) suite=$argument ;;
    demo | test | shell) runs+=("$argument") ;;
    --fresh) fresh=yes ;;
    --user) user=newcomer ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ -n $suite ]] || { usage >&2; exit 2; }
((${#runs[@]})) || runs=(demo test)
[[ $(id -u) == 0 ]] || { echo "try_debian: run as root (chroot and mounts need it)" >&2; exit 1; }
for program in debootstrap git unshare; do
  command -v $program > /dev/null || { echo "try_debian: $program is missing" >&2; exit 1; }
done

if [[ -n ${OKO_DATA:-} ]]; then
  OKO_DATA=$(realpath -e "$OKO_DATA")
  export OKO_DATA
fi

# From here on in separate namespaces: processes and mounts of the chroot end with the script.
if [[ ${OKO_TRY_INSIDE:-} != yes ]]; then
  OKO_TRY_INSIDE=yes exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi
unset OKO_TRY_INSIDE
cd "$(dirname "$0")/.."

roots=${OKO_ROOTS:-/var/tmp/oko-roots}
root=$roots/$suite
mkdir -p "$roots"
[[ $fresh == no ]] || rm -rf "$root"
if [[ ! -d $root ]]; then
  rm -rf "$root.part"
  debootstrap --variant=minbase "$suite" "$root.part" "${OKO_MIRROR:-http://deb.debian.org/debian}"
  mv "$root.part" "$root"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"

# A clean environment: no locale, no TMPDIR, nothing from this machine.
home=/root
[[ $user == root ]] || home=/home/$user
in_root() {  # in_root USER COMMAND…
  local who=$1
  shift
  chroot --userspec="$who" "$root" /usr/bin/env -i HOME=$home PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    TERM="${TERM:-dumb}" CCACHE_DIR=$home/.ccache CCACHE_SLOPPINESS=pch_defines,time_macros \
    CCACHE_BASEDIR=$home CCACHE_NOHASHDIR=1 \
    ${data:+OKO_DATA=/data} /bin/sh -c 'cd "$0" && exec "$@"' "$@"
}
data=""
if [[ -n ${OKO_DATA:-} ]]; then
  data=/data
  mkdir -p "$root/data"
  mount --bind "$OKO_DATA" "$root/data"
  mount -o remount,bind,ro "$root/data"
fi
if [[ $user != root ]] && ! in_root root / id $user > /dev/null 2>&1; then
  in_root root / apt-get update -qq
  in_root root / env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq sudo
  in_root root / useradd --create-home $user
  echo "$user ALL=(ALL) NOPASSWD: ALL" > "$root/etc/sudoers.d/$user"
fi

if [[ ${runs[0]} == shell ]]; then
  in_root $user $home/oko /bin/bash -i
  exit
fi
rm -rf "$root$home/oko"
git clone --quiet --depth 1 "file://$PWD" "$root$home/oko"
[[ $user == root ]] || in_root root / chown -R $user: $home/oko
what="$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$root/etc/os-release"), $(git rev-parse --short HEAD)"

failed=0
summary=""
for run in "${runs[@]}"; do
  log="$root/var/log/oko-$run.log"
  begin=$SECONDS
  result=passed
  in_root $user $home/oko "scripts/$run.sh" 2>&1 | tee "$log" || { result=FAILED; failed=1; }
  summary+=$'\n'"--- scripts/$run.sh $result on $what, $((SECONDS - begin)) s: the last lines"$'\n'
  summary+=$(tail -n 25 "$log")$'\n'
done
printf '%s\n' "$summary"
exit $failed
