#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if the module $1 exports anything but luaopen_*: another library's name could clash.
set -eu

extra=$(nm -D --defined-only "$1" | awk '$3 !~ /^luaopen_/ { print $3 }')
if [ "$extra" ]; then
  echo "$1 exports more than luaopen_*:" $extra >&2
  exit 1
fi
