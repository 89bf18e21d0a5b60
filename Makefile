# SPDX-License-Identifier: MIT
# make help lists what can be made. All variables with ?= can be set: make LUA=/opt/bin/lua

PREFIX ?= /usr/local
BUILD ?= build

# make LUA=lua5.5 is for that Lua. What is installed is looked up when make starts; what needs a
# set-up first starts another make after it.
LUA ?= $(shell for l in lua5.4 lua54 lua-5.4 lua; do command -v $$l && break; done)
LUA_VERSION := $(or $(shell $(or $(LUA),false) -e 'print(_VERSION:sub(5))'),5.4)
LUA_PC ?= $(shell v=$(LUA_VERSION); for l in lua$$v lua-$$v lua$(subst .,,$(LUA_VERSION)) lua; do \
	pkg-config --exists "$$l >= $$v $$l < $$v.99" && echo $$l && break; done)
LUA_CFLAGS ?= $(shell pkg-config --cflags $(LUA_PC))
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl)
CURL_LIBS ?= $(shell pkg-config --libs libcurl)

LUAC ?= $(dir $(LUA))$(subst lua,luac,$(notdir $(LUA)))

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
OBJECTS = $(patsubst csrc/%.c,$(BUILD)/csrc/%.o,$(wildcard csrc/*.c))

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
	  $(LUA_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

help:
	@echo 'make              builds $(CORE)'
	@echo 'make demo         shows what curlsock is for; URL=http://... against a real server'
	@echo 'make test         runs every spec; TESTS="spec/01-rock_spec.lua ..." FILTER=pattern some,'
	@echo '                  VERBOSE=1 names each test'
	@echo 'make oom          fails every allocation and system call in turn; SCENARIO=name MODE=mode'
	@echo 'make sanitize     every spec under the address and undefined behaviour sanitizers, by gcc'
	@echo '                  and by clang; with TESTS and FILTER, as all of these three'
	@echo 'make gcstress     the same with a collector that runs as often as it can, in three ways'
	@echo 'make valgrind     every spec under memcheck'
	@echo 'make soak         random programs beside a model of ownership; SECONDS=60 SEED=n'
	@echo 'make fuzz         replays the inputs kept, then tries others; SECONDS=60 a target, TARGET=name'
	@echo 'make coverage     counts the lines and branches that test and oom run, lists those they do not'
	@echo 'make matrix       runs every spec on several releases of Debian, as root;'
	@echo '                  SUITES="$(SUITES)" MIRROR=url MATRIX=folder'
	@echo 'make sanitize     every spec under the address and undefined behaviour sanitizers, by gcc'
	@echo '                  and by clang; with TESTS and FILTER, as all of these three'
	@echo 'make gcstress     the same with a collector that runs as often as it can, in three ways'
	@echo 'make valgrind     every spec under memcheck'
	@echo 'make lint         checks style and warnings'
	@echo 'make format       formats the C sources'
	@echo 'make bench        measures the cost against plain C, writes bench/RESULTS.md'
	@echo 'make install      installs to $(PREFIX); PREFIX=, DESTDIR='
	@echo 'make setup        installs the packages that all of these need'
	@echo 'make clean        removes what was built'

# What needs packages has two parts: the second runs in a make of its own, after the set-up.

setup:
	@sh scripts/setup.sh build test lint bench check cover fuzz

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
	  $(SHARED) $(LDFLAGS) -o $@ $< -pthread

test:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-test

run-test: all $(NATIVE)
	@CURLSOCK_BUILD='$(BUILD)' CURLSOCK_VERBOSE='$(VERBOSE)' \
	  $(LUA) spec/support/run.lua $(if $(FILTER),--filter='$(FILTER)') $(TESTS)

OOM_CALLS = malloc calloc realloc free socket socketpair accept4 fcntl fstat close epoll_create1 \
  epoll_ctl epoll_wait timerfd_create dup3 getsockopt setsockopt getsockname getpeername bind \
  connect listen send recv poll fdopen fwrite
OOM_HOST = $(BUILD)/oom/host

oom:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-oom

run-oom: $(OOM_HOST)
	@$(OOM_HOST) spec/oom/scenarios.lua '$(SCENARIO)' $(MODE)

$(OOM_HOST): spec/oom/host.c spec/oom/server.c spec/oom/server.h $(OBJECTS)
	@mkdir -p $(@D)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -Icsrc $(LUA_CFLAGS) \
	  $(CURL_CFLAGS) $(LDFLAGS) $(OOM_CALLS:%=-Wl,--wrap=%) -o $@ $(filter %.c %.o,$^) \
	  $(shell pkg-config --libs $(LUA_PC)) $(CURL_LIBS) -lm -pthread

# Only a copy of Lua loads the sanitizer's runtime: its children, all servers among them, do not.
# The module stays loaded when a state closes: a leak is reported later and needs its symbols.
# Freed memory is kept back only so long that specs may look at how much the process has. gcc's
# second sanitizer writes where it likes, so it aborts, and the first one reports that.
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_clang = -shared-libasan
RUNTIME_gcc = libasan.so
RUNTIME_clang = libclang_rt.asan-$(shell uname -m).so
REPORTS = $(abspath $(BUILD))/reports

sanitize:
	@sh scripts/setup.sh build test check
	@$(MAKE) --no-print-directory sanitize-gcc
	@$(MAKE) --no-print-directory sanitize-clang

sanitize-gcc sanitize-clang: sanitize-%:
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/$@' CC=$* CFLAGS='$(SANITIZE) $(SANITIZE_$*)' \
	  LDFLAGS=-Wl,-z,nodelete RUNTIME='$(RUNTIME_$*)' run-sanitize

run-sanitize: all
	@patchelf --add-needed "$$($(CC) -print-file-name=$(RUNTIME))" --output '$(BUILD)/lua' \
	  "$$(command -v $(LUA))"
	@ASAN_OPTIONS='detect_leaks=1:handle_abort=1:quarantine_size_mb=8:log_path=$(REPORTS)/asan' \
	  UBSAN_OPTIONS='print_stacktrace=1:abort_on_error=1:log_path=$(REPORTS)/ubsan' \
	  sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(abspath $(BUILD))/lua' run-test

# The first way takes one file at a time: all that busted remembers is collected again and again.
gcstress:
	@sh scripts/setup.sh build test check
	@export CURLSOCK_GC=full; failed=; \
	for spec in $(or $(TESTS),$(sort $(shell find spec -name '*_spec.lua'))); do \
	  $(MAKE) --no-print-directory BUILD='$(BUILD)/gcstress' TESTS="$$spec" \
	    CPPFLAGS='$(CPPFLAGS) -include spec/support/gcstress.h' sanitize-gcc || failed=1; \
	done; [ ! "$$failed" ]
	@LUA_INIT='collectgarbage("generational")' $(MAKE) --no-print-directory sanitize-gcc
	@LUA_INIT='collectgarbage("incremental", 1, 1000)' $(MAKE) --no-print-directory sanitize-gcc

valgrind:
	@sh scripts/setup.sh build test check
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/valgrind' LDFLAGS=-Wl,-z,nodelete run-valgrind

run-valgrind: LUA_COMMAND = $(CURDIR)/spec/support/valgrind.sh
run-valgrind: all
	@REPORTS='$(REPORTS)' VALGRIND_LUA='$(LUA)' CURLSOCK_LUA='$(LUA_COMMAND)' \
	  sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(LUA_COMMAND)' run-test

CURLSOCK_BUILD ?= $(BUILD)

soak:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-soak

run-soak: all
	@CURLSOCK_BUILD='$(CURLSOCK_BUILD)' $(LUA) spec/soak/run.lua $(SECONDS) $(SEED)

FUZZ = BUILD=$(BUILD)/fuzz CC=clang \
  CFLAGS='-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow'
FUZZ_TARGETS = $(filter-out fuzz,$(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
SECONDS ?= 60

fuzz:
	@sh scripts/setup.sh build fuzz
	@$(MAKE) --no-print-directory $(FUZZ) run-fuzz

run-fuzz: $(FUZZ_TARGETS:%=$(BUILD)/%)
	@sh scripts/fuzz.sh '$(BUILD)' '$(SECONDS)' $(or $(TARGET),$(FUZZ_TARGETS))

$(FUZZ_TARGETS:%=$(BUILD)/%): $(BUILD)/%: spec/fuzz/%.c spec/fuzz/fuzz.c spec/fuzz/fuzz.h $(OBJECTS)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -fsanitize=fuzzer -Icsrc \
	  $(LUA_CFLAGS) $(CURL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) \
	  $(shell pkg-config --libs $(LUA_PC)) $(CURL_LIBS) -lm

# Each line as it is written; libgcov's names are not exports; libcurl's macros are not branches.
COVERED = BUILD=$(BUILD)/coverage CC=gcc LDFLAGS=-Wl,--exclude-libs,ALL \
  CFLAGS='-O0 -g --coverage -DCURL_DISABLE_TYPECHECK'

coverage:
	@sh scripts/setup.sh build test cover
	@$(MAKE) --no-print-directory $(COVERED) run-coverage

# Error paths that only a failure reaches are run by make oom. Counting lines of Lua is slow, and
# the later specs use all of it. What fails is told, and the counts are printed all the same.
run-coverage: all
	@rm -f $(BUILD)/csrc/*.gcda $(BUILD)/lua.ran
	-@$(MAKE) --no-print-directory run-test
	-@CURLSOCK_COVERAGE='$(abspath $(BUILD))/lua.ran' \
	  LUA_INIT_5_4='@$(CURDIR)/spec/support/cover.lua' \
	  $(MAKE) --no-print-directory run-test TESTS='$(wildcard spec/[4-9]*_spec.lua)'
	-@$(MAKE) --no-print-directory run-oom
	@$(LUA) scripts/coverage.lua '$(BUILD)' '$(LUAC)'

MATRIX ?= $(BUILD)/matrix
SUITES ?= bookworm trixie sid

matrix:
	@sh scripts/setup.sh matrix
	@MIRROR='$(MIRROR)' sh scripts/matrix.sh '$(MATRIX)' $(SUITES)

# Only a copy of Lua loads the sanitizer's runtime: its children, all servers among them, do not.
# The module stays loaded when a state closes: a leak is reported later and needs its symbols.
# Freed memory is kept back only so long that specs may look at how much the process has.
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_clang = -shared-libasan
RUNTIME_gcc = libasan.so
RUNTIME_clang = libclang_rt.asan-$(shell uname -m).so
REPORTS = $(CURDIR)/$(BUILD)/reports

sanitize:
	@sh scripts/setup.sh build test sanitize
	@$(MAKE) --no-print-directory sanitize-gcc
	@$(MAKE) --no-print-directory sanitize-clang

sanitize-gcc sanitize-clang: sanitize-%:
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/$@' CC=$* CFLAGS='$(SANITIZE) $(SANITIZE_$*)' \
	  LDFLAGS=-Wl,-z,nodelete RUNTIME='$(RUNTIME_$*)' run-sanitize

run-sanitize: all
	@patchelf --add-needed "$$($(CC) -print-file-name=$(RUNTIME))" --output '$(BUILD)/lua' \
	  "$$(command -v $(LUA))"
	@ASAN_OPTIONS='detect_leaks=1:quarantine_size_mb=8:log_path=$(REPORTS)/asan' \
	  UBSAN_OPTIONS='print_stacktrace=1:log_path=$(REPORTS)/ubsan' \
	  sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(CURDIR)/$(BUILD)/lua' run-test

gcstress:
	@sh scripts/setup.sh build test sanitize
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/gcstress' \
	  CPPFLAGS='$(CPPFLAGS) -include spec/support/gcstress.h' sanitize-gcc
	@LUA_INIT='collectgarbage("generational")' $(MAKE) --no-print-directory sanitize-gcc
	@LUA_INIT='collectgarbage("incremental", 1, 1000)' $(MAKE) --no-print-directory sanitize-gcc

bench:
	@sh scripts/setup.sh build test bench
	@$(MAKE) --no-print-directory run-bench

run-bench: all
	@$(LUA_PATHS) $(LUA) bench/run.lua
	@ulimit -n 16384 && $(LUA_PATHS) $(LUA) bench/loops.lua

lint:
	@sh scripts/setup.sh build lint
	@$(MAKE) --no-print-directory run-lint

run-lint: lint-style lint-gcc lint-clang

lint-style:
	luacheck --quiet --no-color .
	$(CLANG_FORMAT) --dry-run -Werror $(wildcard csrc/*.[ch] bench/*.[ch] spec/*/*.[ch])

	luacheck --quiet --no-color lua spec examples bench $(wildcard *.rockspec .luacheckrc .busted)
	$(CLANG_FORMAT) --dry-run -Werror $(wildcard csrc/*.[ch] bench/*.[ch] spec/oom/*.[ch])

format:
	$(CLANG_FORMAT) -i $(wildcard csrc/*.[ch] bench/*.[ch] spec/*/*.[ch])

# Compiled anew each time: a warning must not hide because its file was compiled before.
lint-gcc lint-clang:
	@rm -rf $(BUILD)/$@
	$(MAKE) --no-print-directory BUILD=$(BUILD)/$@ CC=$(@:lint-%=%) CFLAGS='$(CFLAGS) -Werror' all
	@sh scripts/exports.sh $(BUILD)/$@/curlsock/core.so

LUA_SHARE = $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)/curlsock
LUA_LIB = $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)/curlsock

install: all
	mkdir -p '$(LUA_LIB)' '$(LUA_SHARE)'
	cp $(CORE) '$(LUA_LIB)/core.so'
	cp lua/curlsock/*.lua '$(LUA_SHARE)/'

clean:
	rm -rf $(BUILD)

.PHONY: all help setup demo run-demo test run-test oom run-oom soak run-soak sanitize \
  sanitize-gcc sanitize-clang run-sanitize gcstress valgrind run-valgrind bench run-bench lint \
  run-lint fuzz run-fuzz coverage run-coverage format lint-style lint-gcc lint-clang install \
  clean matrix
