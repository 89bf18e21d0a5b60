#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz-corpus.sh BUILD TARGET...: keeps, of the inputs that are kept for each target and those that
# were found since, the few that reach all that they reach. An input that has a name of its own
# (one that has failed once) stays.
set -eu
build=$1
shift

for target in "$@"; do
  corpus=spec/fuzz/corpus/$target
  found=$build/corpus/$target
  new=$build/corpus.new
  mkdir -p "$corpus" "$found"
  before=$(ls "$corpus" | wc -l)
  rm -rf "$new"
  mkdir "$new"
  find "$corpus" -name '*-*' -exec cp {} "$new" \;
  # Counting how often each edge is passed, as it does otherwise, would keep ten times as many.
  "$build/$target" -merge=1 -use_counters=0 -detect_leaks=0 "$new" "$corpus" "$found" \
    >"$build/$target.log" 2>&1 </dev/null || {
    tail "$build/$target.log"
    exit 1
  }
  rm -rf "$corpus" "$found"
  mv "$new" "$corpus"
  echo "fuzz-corpus: $target: $before inputs before, $(ls "$corpus" | wc -l) now"
done
