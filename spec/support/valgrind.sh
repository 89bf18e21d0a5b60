#!/bin/sh
# Lua under memcheck, for make valgrind: only Lua, neither the servers nor the shells between. A
# spec may give its scripts other options in VALGRIND_OPTS, which valgrind reads; the last counts.
VALGRIND_OPTS="--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
  --num-callers=30 --keep-debuginfo=yes ${VALGRIND_OPTS-}"
export VALGRIND_OPTS
exec valgrind --quiet --error-exitcode=99 --log-file="$REPORTS/%p" "$VALGRIND_LUA" "$@"
