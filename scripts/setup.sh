#!/bin/sh
# SPDX-License-Identifier: MIT
# Names what is missing of the groups given (the first column below), and installs it where there
# is apt-get. Says nothing and touches nothing when nothing is missing.
# LUA=lua5.5: for that Lua; otherwise for Lua 5.4.
set -eu

# Servers are commands of the administrator: a user's PATH need not have their folders.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# The version of the Lua that LUA names, whether it is there already or not.
v=5.4
case ${LUA-}$("${LUA:-false}" -v 2>/dev/null || true) in
  *lua5.5* | *lua-5.5* | *lua55* | *"Lua 5.5"*) v=5.5 ;;
esac

# Requirements, one a line. Where there is no apt-get a probe tells what is missing: any of the
# commands (cmd), any of the pkg-config modules (pc, luapc: of Lua), or a Lua module (lua).
# "rock:NAME" comes from LuaRocks; "-": that system has no package of it.
requirements() {
  cat <<END
build  | cmd gcc cc clang         | gcc                  | gcc                | build-base        | gcc
build  | cmd gcc cc clang         | libc6-dev            | gcc                | build-base        | gcc
build  | cmd make gmake           | make                 | make               | make              | make
build  | cmd pkg-config           | pkg-config           | pkgconf-pkg-config | pkgconf           | pkgconf
build  | lua                      | lua$v                | lua                | lua$v             | lua@$v
build  | luapc                    | liblua$v-dev         | lua-devel          | lua$v-dev         | lua@$v
build  | pc libcurl               | libcurl4-openssl-dev | libcurl-devel      | curl-dev          | curl
test   | lua busted               | lua-busted           | rock:busted        | lua$v-busted      | rock:busted
test   | lua lfs                  | lua-filesystem       | lua-filesystem     | lua$v-filesystem  | rock:luafilesystem
test   | lua socket               | lua-socket           | lua-socket         | lua$v-socket      | rock:luasocket
test   | lua luv                  | lua-luv              | rock:luv           | rock:luv          | rock:luv
test   | lua cqueues              | lua-cqueues          | rock:cqueues       | lua$v-cqueues     | rock:cqueues
test   | cmd luarocks-$v luarocks | luarocks             | luarocks           | luarocks$v        | luarocks
test   | cmd nginx                | nginx                | nginx              | nginx             | nginx
test   | cmd vsftpd               | vsftpd               | vsftpd             | vsftpd            | -
test   | cmd python3              | python3              | python3            | python3           | python
test   | cmd aiosmtpd             | python3-aiosmtpd     | python3-aiosmtpd   | -                 | -
test   | cmd python3              | python3-websockets   | python3-websockets | py3-websockets    | -
test   | cmd dovecot              | dovecot-imapd        | dovecot            | dovecot           | dovecot
test   | cmd tinyproxy            | tinyproxy            | tinyproxy          | tinyproxy         | tinyproxy
test   | cmd squid                | squid                | squid              | squid             | squid
test   | cmd microsocks           | microsocks           | microsocks         | microsocks        | microsocks
test   | cmd sshd                 | openssh-server       | openssh-server     | openssh-server    | -
test   | cmd ssh-keygen           | openssh-client       | openssh-clients    | openssh-keygen    | -
test   | cmd openssl              | openssl              | openssl            | openssl           | openssl
test   | cmd update-ca-certificates update-ca-trust | ca-certificates | ca-certificates | ca-certificates | -
test   | cmd nm                   | binutils             | binutils           | binutils          | binutils
test   | cmd unshare              | util-linux           | util-linux         | util-linux        | -
test   | cmd ip                   | iproute2             | iproute            | iproute2          | -
test   | cmd luajit               | luajit               | luajit             | luajit            | luajit
test   | cmd luajit               | lua5.1               | luajit             | luajit            | luajit
test   | cmd luajit               | lua5.3               | luajit             | luajit            | luajit
test   | cmd git                  | git                  | git                | git               | git
test   | cmd zip                  | zip                  | zip                | zip               | zip
test   | cmd unzip                | unzip                | unzip              | unzip             | unzip
dist   | cmd git                  | git                  | git                | git               | git
dist   | cmd luarocks-$v luarocks | luarocks             | luarocks           | luarocks$v        | luarocks
dist   | cmd zip                  | zip                  | zip                | zip               | zip
cover  | cmd gcc                  | gcc                  | gcc                | build-base        | gcc
cover  | cmd gcov                 | gcc                  | gcc                | build-base        | gcc
cover  | cmd luac$v luac          | lua$v                | lua                | lua$v             | lua@$v
fuzz   | cmd clang                | clang                | clang              | clang             | llvm
fuzz   | cmd clang                | libclang-rt-dev      | compiler-rt        | compiler-rt       | llvm
fuzz   | cmd llvm-symbolizer      | llvm                 | llvm               | llvm              | llvm
lint   | cmd luacheck             | lua-check            | rock:luacheck      | lua$v-luacheck    | luacheck
lint   | cmd gcc                  | gcc                  | gcc                | build-base        | gcc
lint   | cmd clang                | clang                | clang              | clang             | llvm
lint   | cmd clang-format         | clang-format         | clang-tools-extra  | clang-extra-tools | clang-format
lint   | cmd nm                   | binutils             | binutils           | binutils          | binutils
static | cmd cppcheck             | cppcheck             | cppcheck           | cppcheck          | cppcheck
bench  | cmd valgrind             | valgrind             | valgrind           | valgrind          | -
bench  | cmd strace               | strace               | strace             | strace            | -
bench  | cmd gnuplot-minimal      | gnuplot-nox          | gnuplot            | gnuplot           | gnuplot
bench  | cmd python3              | python3-pycurl       | python3-pycurl     | py3-pycurl        | -
check  | cmd gcc                  | gcc                  | libasan            | gcc               | gcc
check  | cmd gcc                  | gcc                  | libubsan           | gcc               | gcc
check  | cmd clang                | clang                | clang              | clang             | llvm
check  | cmd clang                | libclang-rt-dev      | compiler-rt        | compiler-rt       | llvm
check  | cmd llvm-symbolizer      | llvm                 | llvm               | llvm              | llvm
check  | cmd patchelf             | patchelf             | patchelf           | patchelf          | -
check  | cmd valgrind             | valgrind             | valgrind           | valgrind          | -
check  | cmd valgrind             | libc6-dbg            | valgrind           | musl-dbg          | -
chaos  | cmd python3              | python3              | python3            | python3           | python
chaos  | cmd nginx                | nginx                | nginx              | nginx             | nginx
chaos  | cmd unshare              | util-linux           | util-linux         | util-linux        | -
chaos  | cmd timeout              | coreutils            | coreutils          | coreutils         | coreutils
libcurl | cmd dpkg-source         | dpkg-dev             | -                  | -                 | -
libcurl | cmd dpkg-source         | autoconf             | -                  | -                 | -
libcurl | cmd dpkg-source         | automake             | -                  | -                 | -
libcurl | cmd dpkg-source         | libtool              | -                  | -                 | -
libcurl | cmd dpkg-source         | libssl-dev           | -                  | -                 | -
libcurl | cmd dpkg-source         | libnghttp2-dev       | -                  | -                 | -
libcurl | cmd dpkg-source         | libnghttp3-dev       | -                  | -                 | -
libcurl | cmd dpkg-source         | zlib1g-dev           | -                  | -                 | -
libcurl | cmd dpkg-source         | libbrotli-dev        | -                  | -                 | -
libcurl | cmd dpkg-source         | libzstd-dev          | -                  | -                 | -
libcurl | cmd dpkg-source         | libssh2-1-dev        | -                  | -                 | -
libcurl | cmd dpkg-source         | libpsl-dev           | -                  | -                 | -
libcurl | cmd dpkg-source         | libidn2-dev          | -                  | -                 | -
libcurl | cmd dpkg-source         | librtmp-dev          | -                  | -                 | -
libcurl | cmd dpkg-source         | libldap-dev          | -                  | -                 | -
plot   | cmd gnuplot-minimal      | gnuplot-nox          | gnuplot            | gnuplot           | gnuplot
source | cmd dpkg-source          | dpkg-dev             | -                  | -                 | -
watch  | cmd inotifywait          | inotify-tools        | inotify-tools      | inotify-tools     | -
matrix | cmd debootstrap          | debootstrap          | debootstrap        | debootstrap       | -
END
}

first_command() {
  for name in "$@"; do
    command -v "$name" && return
  done
  return 1
}

# The Lua that the Makefile uses, too.
is_lua() { "$1" -e "os.exit(_VERSION == 'Lua $v')" 2>/dev/null; }

lua_can() {
  for lua in ${LUA:-lua5.4 lua54 lua-5.4 lua}; do
    is_lua "$lua" || continue
    [ $# = 0 ] || "$lua" -e "require '$1'" >/dev/null 2>&1
    return
  done
  return 1
}

pkg_config_has() {
  command -v pkg-config >/dev/null || return 1
  for name in "$@"; do
    pkg-config --exists "$name" && return
  done
  return 1
}

lua_module() {
  for name in "lua$v" "lua-$v" "lua${v%.*}${v#*.}" lua; do
    pkg_config_has "$name >= $v $name < $v.99" && return
  done
  return 1
}

probe() {
  kind=$1
  shift
  case $kind in
    cmd) first_command "$@" >/dev/null ;;
    pc) pkg_config_has "$@" ;;
    luapc) lua_module ;;
    lua) lua_can "$@" ;;
  esac
}

dpkg_has() {
  dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# The lines of requirements that the groups given lack.
missing() {
  for wanted in "$@"; do
    requirements | while IFS='|' read -r group probe debian rest; do
      # Unquoted on purpose: splitting takes the padding off.
      [ $group = "$wanted" ] || continue
      if [ "$apt" ]; then dpkg_has $debian; else probe $probe; fi ||
        echo "$group|$probe|$debian|$rest"
    done
  done
}

# Column number $1 of the lines that are missing, each name once.
names() {
  seen=' '
  echo "$lacking" | {
    while IFS='|' read -r _ _ debian fedora alpine homebrew; do
      case $1 in
        Debian) name=$debian ;;
        Fedora) name=$fedora ;;
        Alpine) name=$alpine ;;
        Homebrew) name=$homebrew ;;
      esac
      name=$(echo $name)
      case $seen in
        *" $name "*) ;;
        *) [ "$name" = - ] || seen="$seen$name " ;;
      esac
    done
    echo $seen
  }
}

tell_names() {
  echo "missing packages, and no apt-get to install them. They are called"
  for system in Debian Fedora Alpine Homebrew; do
    printf '  %-10s%s\n' "$system:" "$(names $system)"
  done
  echo "(rock:NAME stands for: luarocks install NAME). Install them, then run this again."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "this needs root or sudo: $*" >&2
    return 1
  fi
}

# A Debian package of a server starts it, now and at every boot. The specs start their own, so
# keep it down: now by the policy that Debian asks, later by taking it out of the boot.
policy=/usr/sbin/policy-rc.d

deny_services() {
  [ -e $policy ] && return
  trap 'as_root rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
}

disable_services() {
  for package in "$@"; do
    case $package in
      nginx | vsftpd | tinyproxy | squid) as_root update-rc.d "$package" disable || true ;;
      dovecot-imapd) as_root update-rc.d dovecot disable || true ;;
    esac
  done
}

install() {
  as_root apt-get update
  deny_services
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@"
  disable_services "$@"
}

for group in "$@"; do
  case $group in
    build | test | dist | cover | fuzz | lint | bench | check | matrix | plot | source | static | \
      watch | chaos | libcurl) ;;
    *) echo "setup.sh: no such group: $group" >&2; exit 2 ;;
  esac
done

apt=$(command -v apt-get || true)
lacking=$(missing "$@")
[ "$lacking" ] || exit 0
if [ ! "$apt" ]; then
  tell_names >&2
  exit 1
fi
echo "missing packages: $(names Debian)"
install $(names Debian)
