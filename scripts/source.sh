#!/bin/sh
# SPDX-License-Identifier: MIT
# source.sh FOLDER PACKAGE [SUITE]: unpacks the source of a package of Debian in the folder. It
# comes whence apt here takes its packages, with lists of its own: the machine's stay as they are.
# SUITE is another release of Debian than the machine's.
set -eu

package=$2 suite=${3-}
mkdir -p "$1/lists/partial"
cd "$1"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
signed=; [ ! -e $keyring ] || signed="[signed-by=$keyring]"

# Debian's own archive alone has the suites that it has not released yet.
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' ${suite:+"Label: Debian"} |
    while read -r uri release component; do
      echo "deb-src $signed $uri ${suite:-$release} $component"
    done | sort -u
}

sources >sources.list
[ -s sources.list ] || { apt-get update && sources >sources.list; }
[ -s sources.list ] || { echo "source: apt here has no source of Debian" >&2; exit 1; }

own() {
  apt-get -q -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$PWD/lists" -o APT::Sandbox::User= "$@"
}

own update
own source "$package"
