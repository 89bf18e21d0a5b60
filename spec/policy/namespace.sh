#!/bin/sh
# Runs its arguments in a network namespace of its own, in which every address of IPv4 and IPv6 is
# this host's, so that servers there stand for any host; a few are assigned besides. Fails with 77
# where no namespace can be made.
if [ "$(id -u)" = 0 ]; then unshare=-n; else unshare=-rn; fi
unshare $unshare true 2>/dev/null || exit 77
exec unshare $unshare sh -ec '
  ip link set lo up
  for a in 93.184.216.34 93.184.216.35 192.0.2.7; do ip addr add $a/32 dev lo; done
  for a in 2606:2800:220::1 fe80::1; do ip -6 addr add $a/128 dev lo nodad; done
  ip route add local 0.0.0.0/0 dev lo
  ip -6 route add local ::/0 dev lo
  exec "$@"' sh "$@"
