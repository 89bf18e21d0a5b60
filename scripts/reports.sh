#!/bin/sh
# SPDX-License-Identifier: MIT
# reports.sh FOLDER COMMAND...: runs a command whose processes write what their sanitizer or
# valgrind finds to files in FOLDER. Shows all of it, and fails if there is any: most of those
# processes are children, whose exit code the specs need not look at.
set -u

folder=$1
shift
rm -rf "$folder"
mkdir -p "$folder"

"$@"
code=$?

find "$folder" -type f -size +0 -exec cat {} +
files=$(find "$folder" -type f -size +0 | wc -l)
echo "$((files)) reports"
[ "$files" -eq 0 ] || exit 1
exit $code
