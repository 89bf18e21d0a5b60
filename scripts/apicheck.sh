#!/bin/sh
# SPDX-License-Identifier: MIT
# apicheck.sh FOLDER PACKAGE: builds FOLDER/checked-lua from the source of Debian's package of
# Lua, of the version that is installed, so that Debian's C modules fit. It has Lua's own
# assertions, checks what C asks of it, and moves its stack wherever that might grow.
set -eu
package=$2 spec=$PWD/spec/support

fail() {
  echo "apicheck: $*" >&2
  exit 1
}

# Whence apt here takes Debian's packages, as entries for source code.
source_entries() {
  apt-get indextargets --format '$(SOURCESENTRY)' 'Created-By: Packages' 'Origin: Debian' |
    sed 's/:[0-9]*$//' | sort -u | while read -r file; do
    sed -E 's/^Types:.*/Types: deb-src/; s/^deb([[:blank:]])/deb-src\1/' "$file" \
      >"sources/${file##*/}"
  done
}

# apt with those entries, with lists and a cache of its own: the system's stay as they are.
apt_here() {
  apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$PWD/sources" \
    -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User= "$@"
}

fetch_source() {
  mkdir -p sources lists/partial cache/archives/partial
  source_entries
  [ "$(ls sources)" ] || fail "apt here has no lists of Debian's packages: apt-get update"
  apt_here update
  apt_here source "$(dpkg-query -W -f '${source:Package}' "$package")=$version"
}

command -v apt-get >/dev/null || fail "the source of Lua is Debian's package of it"
version=$(dpkg-query -W -f '${source:Version}' "$package")
mkdir -p "$1/lua-source/$version"
cd "$1/lua-source/$version"
[ -e "$(echo "$package"-*/src/lua.c)" ] || fetch_source >fetch.log 2>&1 || {
  cat fetch.log >&2
  fail "no source of $package"
}

compile="${CC:-cc} -std=gnu99 -D_GNU_SOURCE -O2 -g"
$compile -c -o apicheck.o "$spec/apicheck.c"
cd "$package"-*/src
rm -f luac.c
$compile -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -include "$spec/apicheck.h" -Drealloc=apicheck_realloc \
  -Dfree=apicheck_free -Wl,-E -o ../../../../checked-lua l*.c ../../apicheck.o -lm -ldl
