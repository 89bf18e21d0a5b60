#!/bin/sh
# SPDX-License-Identifier: MIT
# libcurl.sh FOLDER [SUITE]: Debian's libcurl, of its source package, built with AddressSanitizer,
# to FOLDER (include, lib). SUITE is another release of Debian than the machine's. What is there
# already is left as it is; build.log says how it came about.
set -eu

[ ! -e "$1/lib/libcurl.so" ] || exit 0
mkdir -p "$1"
folder=$(cd "$1" && pwd)

# The last patches turn it into what other packages have, which use other libraries for TLS.
take_back_patches() {
  grep -E '^9[0-9]_.*\.patch$' debian/patches/series | tac | while read -r patch; do
    patch -R -p1 <"debian/patches/$patch"
  done
}

# Where it can be had without a further library of TLS.
http3() {
  if pkg-config --atleast-version=3.3 openssl && ./configure --help | grep -q openssl-quic; then
    echo --with-nghttp3 --with-openssl-quic
  fi
}

# As Debian's own (the names of its symbols, too), and with WebSocket, which its oldest lacks.
configure() {
  autoreconf -fi &&
    ./configure $(http3) --prefix="$folder" --disable-static --disable-manual \
    --disable-dependency-tracking --enable-versioned-symbols --enable-websockets \
    --enable-ldap --enable-ldaps --with-openssl --with-nghttp2 --with-zlib --with-brotli \
    --with-zstd --with-libssh2 --with-libpsl --with-libidn2 --with-librtmp \
    --with-ca-path=/etc/ssl/certs \
    CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address' LDFLAGS=-fsanitize=address
}

# (What is called before || does not end by itself where something fails.)
build() {
  rm -rf "$folder/source" &&
    sh scripts/source.sh "$folder/source" curl "$@" &&
    cd "$folder"/source/curl-*/ &&
    take_back_patches &&
    configure &&
    make -C lib -j "$(nproc)" &&
    make -C include install &&
    make -C lib install
}

echo "building libcurl in $1 (minutes)"
shift
(build "$@") >"$folder/build.log" 2>&1 || {
  tail -n 20 "$folder/build.log" >&2
  echo "libcurl: not built, see $folder/build.log" >&2
  exit 1
}
