#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every spec with the libcurl, Lua and compiler of other releases of Debian:
#   matrix.sh FOLDER SUITE...
# Each suite gets a root in the folder, made by debootstrap and kept; one that is deleted is made
# anew, with what is newest then. Prints a line for each suite and Lua, fails if one of them does.
set -eu
. "$(dirname "$0")/roots.sh"

folder=$1
shift

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
    grep '^failed ' "$log" || true # a run that was killed has none
    echo "  see $log"
    failed=1
  fi
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

enter_folder matrix
failed=0
for suite in "$@"; do
  test_suite
done
exit $failed
