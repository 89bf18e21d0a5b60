# SPDX-License-Identifier: MIT
# make help lists what can be made. All variables with ?= can be set: make LUA=/opt/bin/lua

BUILD ?= build

# Where make install puts things; DESTDIR stands before all of them. Debian has C modules in
# LIBDIR=/usr/lib/$(gcc -print-multiarch).
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DATADIR ?= $(PREFIX)/share
LUADIR ?= $(DATADIR)/lua/$(LUA_VERSION)
DOCDIR ?= $(DATADIR)/doc/curlsock
INSTALL ?= install

# make LUA=lua5.5 is for that Lua. What is installed is looked up when make starts; what needs a
# set-up first starts another make after it.
LUA ?= $(shell for l in lua5.4 lua54 lua-5.4 lua; do command -v $$l && break; done)
LUA_VERSION := $(or $(shell $(or $(LUA),false) -e 'print(_VERSION:sub(5))'),5.4)
LUA_PC ?= $(shell v=$(LUA_VERSION); for l in lua$$v lua-$$v lua$(subst .,,$(LUA_VERSION)) lua; do \
	pkg-config --exists "$$l >= $$v $$l < $$v.99" && echo $$l && break; done)
LUA_CFLAGS ?= $(shell pkg-config --cflags $(LUA_PC))
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl)
CURL_LIBS ?= $(shell pkg-config --libs libcurl)

LUAROCKS ?= $(shell command -v luarocks-$(LUA_VERSION) || echo luarocks --lua-version=$(LUA_VERSION))

LUAC ?= $(if $(findstring /,$(LUA)),$(dir $(LUA)))$(subst lua,luac,$(notdir $(LUA)))

# The names with version are those that Lua reads first.
LUA_SUFFIX = $(subst .,_,$(LUA_VERSION))
LUA_PATHS = LUA_PATH_$(LUA_SUFFIX)='lua/?.lua;lua/?/init.lua;;' \
  LUA_CPATH_$(LUA_SUFFIX)='$(BUILD)/?.so;;'

CFLAGS ?= -O2 -g
WARNINGS ?= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CLANG_FORMAT ?= clang-format

# make V=1 shows the commands that compile.
SAY = $(if $(V),,@echo '  $(CC) $@';)

ifeq ($(shell uname -s),Darwin)
  SHARED = -bundle -undefined dynamic_lookup
else
  SHARED = -shared
endif

CORE = $(BUILD)/curlsock/core.so
C_SOURCES = $(wildcard csrc/*.c csrc/*/*.c)
OBJECTS = $(C_SOURCES:%.c=$(BUILD)/%.o)

# Three floors: a file finds the headers of its own and of those below, and no other.
FLOORS_csrc = -Icsrc/core -Icsrc/net -Icsrc/curl
FLOORS_csrc/curl = -Icsrc/core -Icsrc/net
FLOORS_csrc/net = -Icsrc/core
INCLUDES = $(FLOORS_csrc)

all: $(CORE)

$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(SAY)$(CC) $(SHARED) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(CURL_LIBS) -pthread

# What is compiled for one Lua does not fit another.
FOR_LUA = $(BUILD)/lua-$(LUA_VERSION)

$(FOR_LUA):
	@mkdir -p $(@D)
	@rm -f $(BUILD)/lua-*
	@touch $@

$(BUILD)/csrc/%.o: csrc/%.c Makefile $(FOR_LUA)
	@mkdir -p $(@D)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) $(CFLAGS) $(CPPFLAGS) \
	  $(FLOORS_$(<D)) $(LUA_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

help:
	@echo 'make              builds $(CORE)'
	@echo 'make demo         shows what curlsock is for; URL=http://... against a real server'
	@echo 'make test         runs every spec; TESTS="spec/01-rock_spec.lua ..." FILTER=pattern some,'
	@echo '                  VERBOSE=1 names each test; CURL_LIB=folder uses the libcurl.so.4 there'
	@echo 'make debug        builds $(BUILD)/debug: no optimisation, all symbols, checks of invariants'
	@echo 'make watch        runs specs again whenever a file changes; TESTS, FILTER'
	@echo 'make docs/coverage.md  what of libcurl is here, asked of the module'
	@echo 'make doc          writes docs/reference.md and the folder library (for editors)'
	@echo 'make picture      draws docs/picture.svg from transfers on loopback'
	@echo 'make compile_commands.json  for clangd and other tools'
	@echo 'make idle         10,000 idle connections in one multi; N=how many'
	@echo 'make million      a million requests, drawn to bench/figures/million.svg; N=how many'
	@echo 'make posix        every spec with the module as macOS or a BSD gets it; TESTS, FILTER'
	@echo 'make mutants      breaks what each check of the core guards, and sees it fire; ONLY=file'
	@echo 'make oom          fails every allocation and system call in turn; SCENARIO=name MODE=mode'
	@echo 'make sanitize     every spec under the address and undefined behaviour sanitizers;'
	@echo '                  COMPILERS="gcc clang", TESTS, FILTER'
	@echo 'make gcstress     the same with a collector that runs as often as it can, in three ways'
	@echo 'make valgrind     every spec under memcheck'
	@echo 'make apicheck     every spec with a Lua that checks itself and how C uses it; TESTS, FILTER'
	@echo 'make analyze      what gcc, clang and cppcheck find without running anything'
	@echo 'make soak         random programs beside a model of ownership; SECONDS=60 SEED=n'
	@echo 'make chaos        hostile transfers over every protocol, options, callbacks, handles; SECONDS,'
	@echo '                  PROGRAMS=n SEED=n JOBS=n KIND="sanitize apicheck libcurl"'
	@echo 'make chaos-replay one of its programs again, and in as few rounds as fail; SEED=n KIND=name'
	@echo 'make fuzz         replays the inputs kept, then tries others; SECONDS=60 a target, TARGET=name'
	@echo 'make fuzz-corpus  keeps what it found, in as few inputs as reach as much; TARGET=name'
	@echo 'make coverage     counts the lines and branches that test and oom run, lists those they do not'
	@echo 'make matrix       runs every spec on several releases of Debian, as root;'
	@echo '                  SUITES="$(SUITES)" MIRROR=url MATRIX=folder'
	@echo 'make deb          builds the Debian package on them, and tries it in a clean root; SUITES, as root'
	@echo 'make upstream     faults of libcurl, each in a page of C; ROOTS= other libcurls'
	@echo 'make lint         checks style and warnings'
	@echo 'make format       formats the C sources'
	@echo 'make bench        measures the cost against plain C and others, writes bench/RESULTS*.md'
	@echo 'make bench-policies  the cost of policies, between two network namespaces, as root'
	@echo 'make install      installs to $(PREFIX); PREFIX=, DESTDIR=, LIBDIR=, LUADIR=, DATADIR=, DOCDIR=;'
	@echo '                  make uninstall with the same takes it away'
	@echo 'make dist         packs what is committed as a release: $(BUILD)/dist'
	@echo 'make setup        installs the packages that all of these need'
	@echo 'make clean        removes what was built'

# What needs packages has two parts: the second runs in a make of its own, after the set-up.

setup:
	@sh scripts/setup.sh build test dist cover fuzz lint bench check matrix plot source static \
	  watch chaos libcurl

demo:
	@sh scripts/setup.sh build
	@$(MAKE) --no-print-directory run-demo

run-demo: all
	@$(LUA_PATHS) $(LUA) examples/01-*.lua $(URL)

# A Lua module of the specs.
NATIVE = $(BUILD)/spec/support/native.so

$(NATIVE): spec/support/native.c Makefile $(FOR_LUA)
	@mkdir -p $(@D)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE -fPIC $(WARNINGS) $(CFLAGS) $(CPPFLAGS) $(LUA_CFLAGS) \
	  $(CURL_CFLAGS) $(SHARED) $(LDFLAGS) -o $@ $< $(CURL_LIBS) -pthread

test:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-test

run-test: all $(NATIVE)
	@$(if $(CURL_LIB),LD_LIBRARY_PATH='$(CURL_LIB)' CURLSOCK_CURL_LIB=1) CURLSOCK_BUILD='$(BUILD)' CURLSOCK_VERBOSE='$(VERBOSE)' \
	  $(LUA) spec/support/run.lua $(if $(FILTER),--filter='$(FILTER)') $(TESTS)

debug:
	@sh scripts/setup.sh build
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/debug' CFLAGS='-O0 -g3 $(CHECKS)' all

watch:
	@sh scripts/setup.sh build test watch
	@while true; do \
	  $(MAKE) --no-print-directory run-test; \
	  inotifywait -qq -r -e close_write,delete,move csrc lua spec examples || exit; \
	done

# What of libcurl is here: asked of the module.
docs/coverage.md: all
	@$(LUA_PATHS) $(LUA) scripts/coverage_table.lua >$@

# Looked at before it is committed: rsvg-convert docs/picture.svg -o picture.png
picture:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-picture

run-picture: all
	@$(LUA_PATHS) $(LUA) scripts/picture.lua docs/picture.svg

# What can be called, of the comments above it: for people, and for editors. With a libcurl that is
# older than the last one, options and their values are as that had them.
doc: all
	@$(LUA_PATHS) $(LUA) scripts/reference.lua

compile_commands.json:
	@$(MAKE) --no-print-directory -Bn V=1 all | $(LUA) scripts/compile_commands.lua >$@

include spec/proof.mk

bench:
	@sh scripts/setup.sh build test bench
	@$(MAKE) --no-print-directory run-bench

run-bench: all
	@ulimit -n 16384 && $(LUA_PATHS) $(LUA) bench/run.lua && \
	  $(LUA_PATHS) $(LUA) bench/loops.lua && $(LUA_PATHS) $(LUA) bench/peers.lua

# What policies cost, between two network namespaces: as root.
bench-policies: all
	@$(LUA_PATHS) sh bench/policies.sh '$(LUA) bench/policy_server.lua' '$(LUA) bench/policies.lua'

lint:
	@sh scripts/setup.sh build lint
	@$(MAKE) --no-print-directory run-lint

run-lint: lint-style lint-gcc lint-clang lint-layers

C_FILES = $(wildcard csrc/*.[ch] csrc/*/*.[ch] bench/*.[ch] spec/*/*.[ch])

# Not ".", for what is in the folder build are whole systems (make matrix).
lint-style:
	luacheck --quiet --no-color lua library spec examples bench scripts \
	  $(wildcard *.rockspec .luacheckrc .busted)
	$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)
	@awk 'length > 90 { print FILENAME ":" FNR ": more than 90 columns"; bad = 1 } \
	  END { exit bad }' $(wildcard csrc/*.[ch] csrc/*/*.[ch])

format:
	$(CLANG_FORMAT) -i $(C_FILES)

# Compiled anew each time: a warning must not hide because its file was compiled before.
lint-gcc lint-clang:
	@rm -rf $(BUILD)/$@
	$(MAKE) --no-print-directory BUILD=$(BUILD)/$@ CC=$(@:lint-%=%) CFLAGS='$(CFLAGS) -Werror' all
	@sh scripts/exports.sh $(BUILD)/$@/curlsock/core.so

# With the checks, which are code, too.
lint-layers:
	@$(MAKE) --no-print-directory $(CHECKED) run-lint-layers

run-lint-layers: $(OBJECTS)
	@$(LUA) scripts/layers.lua csrc '$(BUILD)/csrc'

LUA_FILES = $(wildcard lua/curlsock/*.lua lua/curlsock/*/*.lua)
DOC_FILES = README.md CHANGELOG.md SECURITY.md $(wildcard docs/*.* docs/*/*.* examples/*.lua)
# For an editor: what lua-language-server reads.
TYPE_FILES = $(wildcard library/*.lua library/*/*.lua)

# Installs the files $(2) under the folder $(1), each by its name without the beginning $(3).
define install_files
	@for file in $(2); do \
	  to='$(DESTDIR)$(1)'/"$${file#$(3)}" && $(INSTALL) -d "$${to%/*}" && \
	  $(INSTALL) -m 644 "$$file" "$$to" || exit; \
	done

endef

LUA_LIB = $(DESTDIR)$(LIBDIR)/lua/$(LUA_VERSION)/curlsock

install: all
	$(INSTALL) -d '$(LUA_LIB)'
	$(INSTALL) -m 755 $(CORE) '$(LUA_LIB)/core.so'
	$(call install_files,$(LUADIR),$(LUA_FILES),lua/)
	$(call install_files,$(DATADIR)/curlsock,$(TYPE_FILES))
	$(call install_files,$(DOCDIR),$(DOC_FILES))

uninstall:
	rm -rf '$(LUA_LIB)' '$(DESTDIR)$(LUADIR)/curlsock' '$(DESTDIR)$(DATADIR)/curlsock' '$(DESTDIR)$(DOCDIR)'

# A release, packed: tarball and rock. What is there must be committed.
dist:
	@sh scripts/setup.sh dist
	@LUAROCKS='$(LUAROCKS)' sh scripts/dist.sh '$(BUILD)/dist'

clean:
	rm -rf $(BUILD)

.PHONY: docs/coverage.md all help doc setup demo run-demo test run-test debug watch picture run-picture \
  compile_commands.json bench \
  run-bench lint run-lint format lint-style lint-gcc lint-clang lint-layers \
  run-lint-layers install uninstall dist clean
