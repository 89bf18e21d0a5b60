#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh BUILD SECONDS TARGET...: replays the inputs that are kept for each target, then looks
# for others. An input that fails stays in BUILD, with what it did.
set -eu
build=$1 seconds=$2
shift 2

# Shows what libFuzzer said if it failed. A Lua state frees late: leaks are looked for at the end.
run() {
  "$build/$target" -artifact_prefix="$build/$target-" -detect_leaks=0 -print_funcs=0 "$@" \
    >"$log" 2>&1 </dev/null || {
    grep -v "^#" "$log"
    echo "fuzz: $target failed; $build/$target FILE runs the input again"
    exit 1
  }
}

for target in "$@"; do
  log=$build/$target.log
  corpus=spec/fuzz/corpus/$target
  mkdir -p "$corpus" "$build/corpus/$target"
  run -runs=0 "$corpus"
  run -max_total_time="$seconds" -max_len=1024 -print_final_stats=1 \
    "$build/corpus/$target" "$corpus"
  echo "fuzz: $target: $(ls "$corpus" | wc -l) inputs replayed," \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log") tried"
done
