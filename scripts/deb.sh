#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Debian package on releases of Debian, and tries it on a system that has nothing else:
#   deb.sh FOLDER SUITE...
# Each suite gets a root in the folder, made by debootstrap and kept. In one copy of it the package
# is built and looked at by lintian, in another it is installed, and does what debian/tests says.
# It stays in FOLDER/SUITE.deb. Prints a line for each suite, fails if one of them does.
set -eu
. "$(dirname "$0")/roots.sh"

folder=$1
shift

copy_root() {
  root=$folder/$suite.$1
  rm -rf "$root" && cp -a "$folder/$suite" "$root"
}

remove_roots() {
  rm -rf "$folder/$suite.build" "$folder/$suite.try"
}

install_packages() {
  inside env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

build_package() {
  copy_root build &&
    copy_checkout &&
    install_packages build-essential lintian &&
    inside sh -c 'cd curlsock && apt-get build-dep -y --no-install-recommends ./ &&
      dpkg-buildpackage -b -us -uc && lintian --fail-on error ../*.changes' &&
    cp "$root"/lua-curlsock_*.deb "$deb"
}

try_package() {
  copy_root try &&
    cp "$deb" "$root/root/lua-curlsock.deb" &&
    install_packages lua5.4 /root/lua-curlsock.deb &&
    inside env AUTOPKGTEST_TMP=/tmp sh -c "$(sed -n 's/^Test-Command: //p' debian/tests/control)"
}

package() {
  root=$folder/$suite
  deb=$root.deb
  prepare_root && build_package && try_package
}

depends() {
  dpkg-deb --show --showformat='${Package} ${Version}, Depends: ${Depends}\n' "$deb"
}

enter_folder deb
failed=0
for suite in "$@"; do
  if package >"$folder/$suite.log" 2>&1; then
    echo "$suite: $(depends)"
  else
    echo "$suite: FAILED; see $folder/$suite.log"
    failed=1
  fi
  remove_roots
done
exit $failed
