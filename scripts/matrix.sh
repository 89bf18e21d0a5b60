#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every spec with the libcurl, Lua and compiler of other releases of Debian:
#   matrix.sh FOLDER SUITE...
# Each suite gets a root in the folder, made by debootstrap and kept; one that is deleted is made
# anew, with what is newest then. Prints a line for each suite and Lua, fails if one of them does.
# MIRROR= is where Debian comes from: by default, whence apt here takes it.
set -eu

folder=$1
shift

fail() {
  echo "matrix: $*" >&2
  exit 1
}

# Only the lists that apt has fetched tell which of its sources is Debian itself.
apt_mirror() {
  apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
}

find_mirror() {
  [ "${MIRROR-}" ] || MIRROR=$(apt_mirror)
  [ "$MIRROR" ] || { apt-get update && MIRROR=$(apt_mirror); }
  [ "$MIRROR" ] || fail "apt here has no source of Debian; set MIRROR="
}

# How apt here fetches (by a proxy, from a mirror that stands still), for apt in the root.
fetching() {
  apt-config dump | grep -E '^Acquire::(Check-|https?::|Retries)' || true
}

# Runs a command in the root. Its processes and what is mounted for them end with it.
inside() {
  unshare --mount --pid --fork --kill-child sh -c '
    mount -t proc proc "$0/proc" &&
      mount -t devpts -o newinstance,ptmxmode=666 devpts "$0/dev/pts" &&
      exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        LUA="$LUA" chroot "$0" "$@"' "$root" "$@"
}

make_root() {
  case $MIRROR in https:*) more=--include=ca-certificates ;; *) more= ;; esac
  rm -rf "$root.new" &&
    debootstrap --variant=minbase $more "$suite" "$root.new" "$MIRROR" &&
    fetching >"$root.new/etc/apt/apt.conf.d/90fetching" &&
    mv "$root.new" "$root"
}

# The checkout as it is now, without what is not in git.
copy_checkout() {
  rm -rf "$root/curlsock" &&
    mkdir "$root/curlsock" &&
    git ls-files -z | tar --null -T - -cf - | tar -C "$root/curlsock" -xf -
}

run_specs() {
  copy_checkout &&
    inside sh -c 'cd curlsock && sh scripts/setup.sh build test && make test "LUA=$LUA"'
}

versions() {
  inside sh -c 'set -- $(pkg-config --modversion libcurl) $($LUA -v) $(gcc -dumpfullversion)
    echo "libcurl $1, $2 $3, gcc ${*##* }"'
}

counts() {
  grep -E '^[0-9]+ passed, [0-9]+ failed' "$log"
}

tell_result() {
  printf '%-9s %s: %s\n' "$suite" "$(versions 2>/dev/null || echo "$LUA")" "$1"
}

# One line, and for what failed where to read on.
test_with() {
  log=$folder/$suite-$LUA.log
  if run_specs >"$log" 2>&1; then
    tell_result "$(counts)"
  else
    tell_result "FAILED: $(counts || echo 'did not run to its end')"
    grep '^failed ' "$log"
    echo "  see $log"
    failed=1
  fi
}

# The network may have changed since the root was made, and the lists are of that day.
prepare_root() {
  { [ -d "$root" ] || make_root; } &&
    cp /etc/resolv.conf "$root/etc/resolv.conf" &&
    inside apt-get update
}

test_suite() {
  root=$folder/$suite
  export LUA=
  if prepare_root >"$root.log" 2>&1; then
    for LUA in lua5.4 lua5.5; do
      if inside apt-cache show $LUA >/dev/null 2>&1; then test_with; fi
    done
  else
    echo "$suite: FAILED to make the root; see $root.log"
    failed=1
  fi
}

[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root: sudo make matrix"
find_mirror
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
failed=0
for suite in "$@"; do
  test_suite
done
exit $failed
