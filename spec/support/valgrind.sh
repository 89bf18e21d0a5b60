#!/bin/sh
# Lua under memcheck, for make valgrind: only Lua, neither the servers nor the shells between.
# VALGRIND_LEAKS=no: for a script that must leave memory behind.
exec valgrind --quiet --leak-check="${VALGRIND_LEAKS-full}" --show-leak-kinds=definite \
  --errors-for-leak-kinds=definite --error-exitcode=99 --num-callers=30 --keep-debuginfo=yes \
  --log-file="$REPORTS/%p" "$VALGRIND_LUA" "$@"
