#!/bin/sh
# Two network namespaces with a cable between: runs the server (first argument) at 93.184.216.34 in
# one, and the program (second) in the other, from where that is a foreign, public address. As root.
unshare -n sh -c 'exec sleep 600' & there=$!
trap 'kill $server $there 2>/dev/null' EXIT
sleep 0.2
unshare -n sh -ec '
  ip link add here type veth peer name there netns '$there'
  ip addr add 198.51.100.1/24 dev here && ip link set here up && ip link set lo up
  ip route add default via 198.51.100.2
  nsenter --net=/proc/'$there'/ns/net sh -ec "
    ip addr add 198.51.100.2/24 dev there && ip link set there up && ip link set lo up
    ip addr add 93.184.216.34/32 dev lo
    exec $0" & server=$!
  sleep 1
  sh -c "$1" || status=$?
  kill $server
  exit ${status:-0}' "$1" "$2"
