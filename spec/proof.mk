# SPDX-License-Identifier: MIT
# The proofs that take longer than the specs, or need more than they do. docs/testing.md says what
# each shows. Part of the Makefile.

SECONDS ?= 60
CURLSOCK_BUILD ?= $(BUILD)

# With what the C code asserts about itself (CS_CHECK).
CHECKS = -DCS_CHECKS
CHECKED = BUILD='$(BUILD)/checked' CPPFLAGS='$(CPPFLAGS) $(CHECKS)'

idle:
	@sh scripts/setup.sh build test
	@CURLSOCK_IDLE=$(or $(N),10000) $(MAKE) --no-print-directory TESTS=spec/63-idle_spec.lua run-test

million:
	@sh scripts/setup.sh build test plot
	@$(MAKE) --no-print-directory run-million

run-million: all
	@$(LUA_PATHS) $(LUA) bench/million.lua $(N)
	gnuplot bench/million.gp

# The module as systems other than Linux get it. What is unused there is a defect, too.
posix:
	@sh scripts/setup.sh build test
	@CURLSOCK_POSIX=1 $(MAKE) --no-print-directory BUILD='$(BUILD)/posix' \
	  CFLAGS='$(CFLAGS) -Werror' CPPFLAGS='$(CPPFLAGS) -include spec/support/posix.h' run-test

# The core and the sockets without libcurl, and with the checks: in a folder of its own.
run-core:
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/core' CPPFLAGS='$(CPPFLAGS) -DCS_CHECKS' core-test
	@$(BUILD)/core/test $(STEPS) $(SEED)

CORE_TEST_OBJECTS = $(filter $(BUILD)/csrc/core/% $(BUILD)/csrc/net/% $(BUILD)/csrc/state.o,$(OBJECTS)) \
  $(patsubst %.c,$(BUILD)/%.o,$(wildcard spec/core/*.c))
CORE_TEST_COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) $(INCLUDES) -Icsrc \
  $(LUA_CFLAGS) $(CURL_CFLAGS)
# -shared-libasan is for what a program loads that has no sanitizer.
CORE_TEST_LINK = $(CC) $(filter-out -shared-libasan,$(CFLAGS)) $(LDFLAGS) -Wl,--wrap=close
CORE_TEST_LIBS = $(shell pkg-config --libs $(LUA_PC)) -lm -pthread

core-test: $(BUILD)/test

$(BUILD)/test: $(CORE_TEST_OBJECTS)
	$(SAY)$(CORE_TEST_LINK) -o $@ $^ $(CORE_TEST_LIBS)

$(BUILD)/spec/core/%.o: spec/core/%.c $(wildcard spec/core/*.h csrc/*/*.h) Makefile $(FOR_LUA)
	@mkdir -p $(@D)
	$(SAY)$(CORE_TEST_COMPILE) -c -o $@ $<

mutants:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/mutants' CFLAGS='-O0 -g' \
	  CPPFLAGS='$(CPPFLAGS) -DCS_CHECKS' run-mutants

run-mutants: $(CORE_TEST_OBJECTS)
	@COMPILE='$(CORE_TEST_COMPILE)' LINK='$(CORE_TEST_LINK)' LIBS='$(CORE_TEST_LIBS)' \
	  $(LUA) spec/core/mutants.lua '$(BUILD)' '$(ONLY)' $(CORE_TEST_OBJECTS)

OOM_CALLS = malloc calloc realloc free open setns pthread_create socket socketpair accept4 fcntl fstat close epoll_create1 \
  epoll_ctl epoll_wait timerfd_create dup3 getsockopt setsockopt getsockname getpeername bind \
  connect listen send recv sendmsg recvmsg poll fdopen fwrite
OOM_HOST = $(BUILD)/oom/host

oom:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory $(CHECKED) run-oom

run-oom: $(OOM_HOST)
	@$(OOM_HOST) spec/oom/scenarios.lua '$(SCENARIO)' $(MODE)

$(OOM_HOST): spec/oom/host.c spec/oom/server.c spec/oom/server.h $(OBJECTS)
	@mkdir -p $(@D)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) $(INCLUDES) -Icsrc $(LUA_CFLAGS) \
	  $(CURL_CFLAGS) $(LDFLAGS) $(OOM_CALLS:%=-Wl,--wrap=%) -o $@ $(filter %.c %.o,$^) \
	  $(shell pkg-config --libs $(LUA_PC)) $(CURL_LIBS) -lm -pthread

# Only a copy of Lua loads the sanitizer's runtime: its children, all servers among them, do not.
# The module stays loaded when a state closes: a leak is reported later and needs its symbols.
# Freed memory is kept back only so long that specs may look at how much the process has. gcc's
# second sanitizer writes where it likes, so it aborts, and the first one reports that.
SANITIZE = -O1 -g $(CHECKS) -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_clang = -shared-libasan
RUNTIME_gcc = libasan.so
RUNTIME_clang = libclang_rt.asan-$(shell uname -m).so
QUARANTINE = quarantine_size_mb=1:thread_local_quarantine_size_kb=64
REPORTS = $(abspath $(BUILD))/reports
COMPILERS ?= gcc clang
LEAKS ?= 1

sanitize:
	@sh scripts/setup.sh build test check
	@for cc in $(COMPILERS); do $(MAKE) --no-print-directory sanitize-$$cc || exit; done

sanitize-gcc sanitize-clang: sanitize-%:
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/$@' CC=$* CFLAGS='$(SANITIZE) $(SANITIZE_$*)' \
	  LDFLAGS=-Wl,-z,nodelete RUNTIME='$(RUNTIME_$*)' run-sanitize

run-sanitize: all $(BUILD)/lua
	@ASAN_OPTIONS='detect_leaks=$(LEAKS):handle_abort=1:$(QUARANTINE):log_path=$(REPORTS)/asan' \
	  UBSAN_OPTIONS='print_stacktrace=1:abort_on_error=1:log_path=$(REPORTS)/ubsan' \
	  sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(abspath $(BUILD))/lua' run-test

$(BUILD)/lua:
	@mkdir -p $(@D)
	@patchelf --add-needed "$$($(CC) -print-file-name=$(RUNTIME))" --output $@ \
	  "$$(command -v $(LUA))"

# Three ways: gcstress.h; Lua's own collector without a pause and in the smallest steps, which has
# ended a cycle every few allocations, anywhere; the generational one, whenever the heap has grown
# by a hundredth. (The program lua5.4 has that anyway, at each fifth.) The first two take one file
# at a time: all that busted remembers is collected again and again. Leaks are for make sanitize:
# LeakSanitizer itself fails now and then, and here each spec runs three times.
gcstress: export LEAKS = 0
gcstress: export CURLSOCK_GC = often
gcstress: export CURLSOCK_PATIENCE = 10
gcstress: export CURLSOCK_SAMPLE = 11
gcstress:
	@sh scripts/setup.sh build test check
	@failed=; \
	for spec in $(or $(TESTS),$(sort $(shell find spec -name '*_spec.lua'))); do \
	  $(MAKE) --no-print-directory BUILD='$(BUILD)/gcstress' TESTS="$$spec" \
	    CPPFLAGS='$(CPPFLAGS) -include spec/support/gcstress.h' sanitize-gcc || failed=1; \
	  LUA_INIT='collectgarbage("incremental", 100, 1000, 1)' \
	    $(MAKE) --no-print-directory TESTS="$$spec" sanitize-gcc || failed=1; \
	done; [ ! "$$failed" ]
	@LUA_INIT='collectgarbage("generational", 1)' $(MAKE) --no-print-directory sanitize-gcc

valgrind:
	@sh scripts/setup.sh build test check
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/valgrind' LDFLAGS=-Wl,-z,nodelete \
	  CPPFLAGS='$(CPPFLAGS) $(CHECKS)' run-valgrind

run-valgrind: LUA_COMMAND = $(CURDIR)/spec/support/valgrind.sh
run-valgrind: all
	@CURLSOCK_PATIENCE=10 CURLSOCK_SAMPLE=11 CURLSOCK_LUA='$(LUA_COMMAND)' REPORTS='$(REPORTS)' \
	  VALGRIND_LUA='$(LUA)' \
	  sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(LUA_COMMAND)' run-test

# Lua as it checks itself. Only the module's process and its children run it.
CHECKED_LUA = $(BUILD)/checked-lua

apicheck:
	@sh scripts/setup.sh build test source
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/apicheck' CPPFLAGS='$(CPPFLAGS) $(CHECKS)' \
	  run-apicheck

run-apicheck: all $(CHECKED_LUA)
	@REPORTS='$(REPORTS)' sh scripts/reports.sh '$(REPORTS)' \
	  $(MAKE) --no-print-directory LUA='$(abspath $(CHECKED_LUA))' run-test

$(CHECKED_LUA): scripts/apicheck.sh spec/support/apicheck.c spec/support/apicheck.h
	@CC='$(CC)' sh scripts/apicheck.sh '$(BUILD)' lua$(LUA_VERSION)

soak:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory $(CHECKED) run-soak

run-soak: all $(NATIVE)
	@CURLSOCK_BUILD='$(CURLSOCK_BUILD)' $(LUA) spec/soak/run.lua $(SECONDS) $(SEED)

# Hostile transfers on three builds: the module with sanitizers, Lua with its assertions, libcurl
# with sanitizers. Most of a program is waiting: JOBS run side by side.
KIND ?= sanitize
JOBS ?= 16
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
CHAOS = $(BUILD)/chaos
LIBCURL = $(abspath $(BUILD))/libcurl
CHAOS_sanitize = $(SANITIZED)
CHAOS_libcurl = $(SANITIZED) CURL_CFLAGS='-I$(LIBCURL)/include' \
  CURL_LIBS='-L$(LIBCURL)/lib -lcurl -Wl,-rpath,$(LIBCURL)/lib'
CHAOS_apicheck = CHAOS_LUA='$(CHAOS)/apicheck/checked-lua'
SANITIZED = CC=gcc CFLAGS='$(SANITIZE)' LDFLAGS=-Wl,-z,nodelete RUNTIME='$(RUNTIME_gcc)' \
  CHAOS_LUA='$(CHAOS)/$*/lua'

chaos:
	@sh scripts/setup.sh build test check chaos
	@failed=; for kind in $(KIND); do \
	  $(MAKE) --no-print-directory chaos-$$kind || failed=1; \
	done; [ ! "$$failed" ]

chaos-replay:
	@sh scripts/setup.sh build test check chaos
	@$(MAKE) --no-print-directory chaos-$(KIND) CHAOS_SCRIPT='replay.lua $(SEED) $(CHAOS)/replay.log'

RUN_CHAOS = @$(MAKE) --no-print-directory BUILD='$(CHAOS)/$*' CHAOS_KIND=$* $(CHAOS_$*) run-chaos

chaos-sanitize: chaos-%:
	$(RUN_CHAOS)

chaos-apicheck: chaos-%:
	@sh scripts/setup.sh source
	$(RUN_CHAOS)

chaos-libcurl: chaos-%:
	@sh scripts/setup.sh libcurl
	@sh scripts/libcurl.sh '$(LIBCURL)'
	$(RUN_CHAOS)

CHAOS_SCRIPT = run.lua $(SECONDS) '$(PROGRAMS)' '$(SEED)' $(JOBS)

# The names of libcurl's options are those of its headers.
run-chaos: all $(NATIVE) $(CHAOS_LUA)
	@mkdir -p '$(REPORTS)'
	@echo '#include <curl/curl.h>' | $(CC) $(CURL_CFLAGS) -E - | \
	  grep -oE 'CURL(OPT|INFO)_[A-Z0-9_]+ =' | sort -u >'$(BUILD)/names'
	@openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x \
	  -keyout '$(BUILD)/key.pem' -out '$(BUILD)/cert.pem' 2>/dev/null
	@CHAOS_KIND='$(CHAOS_KIND)' CHAOS_PYTHON='$(PYTHON)' CHAOS_CERT='$(BUILD)/cert.pem' \
	  CHAOS_KEY='$(BUILD)/key.pem' CHAOS_NAMES='$(BUILD)/names' CHAOS_REPORTS='$(REPORTS)' \
	  CURLSOCK_BUILD='$(BUILD)' CURLSOCK_LUA='$(abspath $(CHAOS_LUA))' \
	  ASAN_OPTIONS='detect_leaks=$(LEAKS):handle_abort=1:$(QUARANTINE)' \
	  UBSAN_OPTIONS='print_stacktrace=1:abort_on_error=1' \
	  LSAN_OPTIONS='suppressions=$(CURDIR)/spec/chaos/leaks-$(CHAOS_KIND).txt:print_suppressions=0' \
	  $(LUA) spec/chaos/$(CHAOS_SCRIPT)

FUZZ = BUILD=$(BUILD)/fuzz CC=clang \
  CFLAGS='-O1 -g $(CHECKS) -fno-omit-frame-pointer -fno-sanitize-recover=all \
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow'
FUZZ_COMMON = fuzz kernel
FUZZ_TARGETS = $(filter-out $(FUZZ_COMMON),$(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
FUZZ_CALLS = getsockopt setsockopt getsockname getpeername

fuzz fuzz-corpus:
	@sh scripts/setup.sh build fuzz
	@$(MAKE) --no-print-directory $(FUZZ) run-$@

run-fuzz: $(FUZZ_TARGETS:%=$(BUILD)/%)
	@sh scripts/fuzz.sh '$(BUILD)' '$(SECONDS)' $(or $(TARGET),$(FUZZ_TARGETS))

# What make fuzz has found since, in so few inputs that reach as much.
run-fuzz-corpus: $(FUZZ_TARGETS:%=$(BUILD)/%)
	@sh scripts/fuzz-corpus.sh '$(BUILD)' $(or $(TARGET),$(FUZZ_TARGETS))

$(FUZZ_TARGETS:%=$(BUILD)/%): $(BUILD)/%: spec/fuzz/%.c $(FUZZ_COMMON:%=spec/fuzz/%.c) \
    $(FUZZ_COMMON:%=spec/fuzz/%.h) $(OBJECTS)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -fsanitize=fuzzer $(INCLUDES) -Icsrc \
	  $(LUA_CFLAGS) $(CURL_CFLAGS) $(LDFLAGS) $(FUZZ_CALLS:%=-Wl,--wrap=%) -o $@ \
	  $(filter %.c %.o,$^) $(shell pkg-config --libs $(LUA_PC)) $(CURL_LIBS) -lm

# Each line as it is written; libgcov's names are not exports; libcurl's macros are not branches;
# a child of a fork leaves by exit, for _exit counts nothing.
COVERED = BUILD=$(BUILD)/coverage CC=gcc LDFLAGS=-Wl,--exclude-libs,ALL \
  CFLAGS='-O0 -g --coverage -DCURL_DISABLE_TYPECHECK -D_exit=exit'

coverage:
	@sh scripts/setup.sh build test cover
	@$(MAKE) --no-print-directory $(COVERED) run-coverage

# Error paths that only a failure reaches are run by make oom. Counting lines of Lua is slow:
# only with the specs that use it. After a failure the counts are printed all the same.
run-coverage: all
	@rm -f $(OBJECTS:.o=.gcda) $(BUILD)/lua.ran
	@failed=; $(MAKE) --no-print-directory run-test || failed=1; \
	CURLSOCK_COVERAGE='$(abspath $(BUILD))/lua.ran' \
	  LUA_INIT_$(LUA_SUFFIX)='@$(CURDIR)/spec/support/cover.lua' \
	  $(MAKE) --no-print-directory run-test TESTS='$(wildcard spec/[45]*_spec.lua)' || failed=1; \
	$(MAKE) --no-print-directory run-oom || failed=1; \
	$(LUA) scripts/coverage.lua '$(BUILD)' '$(LUAC)' && [ ! "$$failed" ]

# What is asserted is known to the analyzers.
ANALYZED = -std=c11 -D_GNU_SOURCE $(CHECKS) -fPIC -fvisibility=hidden $(CPPFLAGS) $(INCLUDES) \
  $(LUA_CFLAGS) $(CURL_CFLAGS)

analyze:
	@sh scripts/setup.sh build lint static
	@$(MAKE) --no-print-directory run-analyze

run-analyze:
	@$(LUA) scripts/analyze.lua '$(BUILD)/analyze' '$(ANALYZED)' \
	  $(wildcard csrc/*.c csrc/*/*.c)

MATRIX ?= $(BUILD)/matrix
SUITES ?= bookworm trixie sid

matrix:
	@sh scripts/setup.sh matrix
	@MIRROR='$(MIRROR)' sh scripts/matrix.sh '$(MATRIX)' $(SUITES)

# The Debian package, built and tried on each of them.
deb:
	@sh scripts/setup.sh matrix
	@MIRROR='$(MIRROR)' sh scripts/deb.sh '$(BUILD)/deb' $(SUITES)

# Faults of libcurl, each in a page of C without curlsock: with the libcurl here, and with that of
# each system that make matrix has made.
UPSTREAM_PAGES = $(patsubst spec/upstream/%.c,$(BUILD)/upstream/%,$(wildcard spec/upstream/*.c))
ROOTS ?= $(patsubst %/usr,%,$(wildcard $(SUITES:%=$(MATRIX)/%/usr)))

upstream:
	@sh scripts/setup.sh build test
	@$(MAKE) --no-print-directory run-upstream

run-upstream: $(UPSTREAM_PAGES) all
	@$(LUA_PATHS) $(LUA) spec/upstream/run.lua '$(BUILD)/upstream' $(ROOTS)

$(UPSTREAM_PAGES): $(BUILD)/upstream/%: spec/upstream/%.c $(wildcard spec/upstream/*.h)
	@mkdir -p $(@D)
	$(SAY)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(CPPFLAGS) $(CURL_CFLAGS) $(LDFLAGS) \
	  -o $@ $< $(CURL_LIBS)

.PHONY: run-core core-test mutants run-mutants upstream run-upstream posix idle million \
  run-million oom run-oom sanitize sanitize-gcc sanitize-clang run-sanitize gcstress valgrind \
  run-valgrind apicheck run-apicheck analyze run-analyze soak run-soak chaos chaos-replay \
  chaos-sanitize chaos-apicheck chaos-libcurl run-chaos fuzz run-fuzz fuzz-corpus \
  run-fuzz-corpus coverage run-coverage matrix deb
