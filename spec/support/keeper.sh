#!/bin/sh
# Starts the servers of a run of the specs, and ends them with the run, however that ends: a
# line of standard input is a name and a command; when the input ends, all are killed and the
# folder $1 is removed.
dir=$1
exec >"$dir/keeper.out" 2>&1
# A libcurl to be tested is not for the servers.
[ "$CURLSOCK_CURL_LIB" ] && unset LD_LIBRARY_PATH

while read -r name command; do
  # A session of its own: the process number names the group with all its children.
  setsid sh -c "exec $command" </dev/null >"$dir/$name.out" 2>&1 &
  echo $! >"$dir/$name.new"
  mv "$dir/$name.new" "$dir/$name.pid"
done

for file in "$dir"/*.pid; do
  [ -e "$file" ] && kill -s KILL -- "-$(cat "$file")"
done
wait
rm -rf "$dir"
