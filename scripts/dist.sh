#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs the commit that is checked out as a release:
#   dist.sh FOLDER
# puts curlsock-VERSION.tar.gz, curlsock-VERSION-1.rockspec and curlsock-VERSION-1.src.rock there.
# A clone that has the tag stands for the repository that the rockspec names: so this needs no
# network, and can be tried before the commit is tagged. LUAROCKS= is the command of LuaRocks.
set -eu

folder=$1
rockspec=curlsock-scm-1.rockspec
version=$(sed -n 's/.*_VERSION = "curlsock \(.*\)"/\1/p' lua/curlsock/init.lua)
url=$(sed -n 's/.*url = "git+\(.*\)",/\1/p' $rockspec)
tag=v$version

fail() {
  echo "dist: $*" >&2
  exit 1
}

check_tag() {
  tagged=$(git rev-parse --quiet --verify "$tag^{commit}") || return 0
  [ "$tagged" = "$(git rev-parse HEAD)" ] || fail "$tag is another commit"
}

clone() {
  git clone --quiet . "$1"
  git -C "$1" tag --force "$tag" >/dev/null
}

# Git finds the clone $1 under the URL of the repository.
lead_to() {
  export GIT_CONFIG_COUNT=2
  export GIT_CONFIG_KEY_0="url.file://$1.insteadOf" GIT_CONFIG_VALUE_0="$url"
  export GIT_CONFIG_KEY_1=advice.detachedHead GIT_CONFIG_VALUE_1=false
}

git diff --quiet HEAD || fail "what is not committed would not be packed"
check_tag
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
clone "$folder/repository"
cp $rockspec "$folder"

cd "$folder"
git -C repository archive --prefix="curlsock-$version/" --output="$folder/curlsock-$version.tar.gz" \
  "$tag"
lead_to "$folder/repository"
$LUAROCKS new_version --tag="$tag" $rockspec "$version"
$LUAROCKS lint "curlsock-$version-1.rockspec"
$LUAROCKS pack "curlsock-$version-1.rockspec"
rm -rf repository $rockspec
