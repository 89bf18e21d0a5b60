# SPDX-License-Identifier: MIT
# Roots of other releases of Debian, for scripts that run as root and source this, with
#   suite=bookworm root=FOLDER/bookworm
# MIRROR= is where Debian comes from: by default, whence apt here takes it.

fail() {
  echo "${0##*/}: $*" >&2
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
      mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm" &&
      exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        LUA="${LUA-}" chroot "$0" "$@"' "$root" "$@"
}

make_root() {
  case $MIRROR in https:*) more=--include=ca-certificates ;; *) more= ;; esac
  rm -rf "$root.new" &&
    debootstrap --variant=minbase $more "$suite" "$root.new" "$MIRROR" &&
    fetching >"$root.new/etc/apt/apt.conf.d/90fetching" &&
    mv "$root.new" "$root"
}

# The network may have changed since the root was made, and the lists are of that day.
prepare_root() {
  { [ -d "$root" ] || make_root; } &&
    cp /etc/resolv.conf "$root/etc/resolv.conf" &&
    inside apt-get update
}

# The checkout as it is now, without what is not in git.
copy_checkout() {
  rm -rf "$root/curlsock" &&
    mkdir "$root/curlsock" &&
    git ls-files -z | tar --null -T - -cf - | tar -C "$root/curlsock" -xf -
}

# $folder, where the roots are to be, as a whole path. For make $1.
enter_folder() {
  [ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root: sudo make $1"
  find_mirror
  mkdir -p "$folder"
  folder=$(cd "$folder" && pwd)
}
