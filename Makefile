# SPDX-License-Identifier: MIT
# `make help` lists the targets.  Variables: CC, CXX, OPT, SAN=address|thread|undefined|audit|controls|replay|
# coverage|fuzz, V=1, PREFIX, DESTDIR.  Each SAN and CC has its own folder under build/.

CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CXX     := $(if $(filter default,$(origin CXX)),g++,$(CXX))
OPT     ?= -O2
PREFIX  ?= /usr/local
SAN     ?=
V       ?=
.DEFAULT_GOAL := all
Q       := $(if $(V),,@)

# As many jobs as there are processors; -jN on the command line goes before.  A make below another shares its jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
# These call a make of their own or remove what others build: beside other goals in the order given.
ifneq ($(filter check check-long bench micro coverage clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

ifneq ($(filter-out address thread undefined audit controls replay coverage fuzz,$(SAN)),)
$(error SAN=$(SAN) is not known; use address, thread, undefined, audit, controls, replay, coverage or fuzz)
endif
VARIANT := $(if $(SAN),$(SAN),release)$(if $(filter gcc,$(CC)),,-$(notdir $(CC)))
B       := build$(if $(filter release,$(VARIANT)),,/$(VARIANT))

SANFLAGS_address   := -fsanitize=address -fno-omit-frame-pointer -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_thread    := -fsanitize=thread -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_undefined := -fsanitize=undefined -fno-sanitize-recover=all -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_coverage  := --coverage -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_audit     := -DRECLAIMBENCH_AUDIT=1
# Faults on purpose, and what makes them likely: strategies/tests/controls/.
SANFLAGS_controls  := -DRECLAIMBENCH_AUDIT=1 -DRECLAIMBENCH_CONTROLS=1 -DRECLAIMBENCH_PERTURB=1
# The same, threads one at a time, so that a seed does the same each time.
SANFLAGS_replay    := $(SANFLAGS_controls) -DRECLAIMBENCH_SCHEDULED=1
# clang's; its main() is linked into the fuzz targets only.
SANFLAGS_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-DRECLAIMBENCH_SANITIZED=1 -DRECLAIMBENCH_PERTURB=1 -DRECLAIMBENCH_SCHEDULED=1 -DRECLAIMBENCH_FUZZ=1
SANFLAGS := $(SANFLAGS_$(SAN))

WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS += -Icore -Istrategies -Iharness -D_GNU_SOURCE -MMD -MP
CFLAGS   += -std=c17 -g $(OPT) $(WARN) $(SANFLAGS) -pthread
# The C headers use <stdatomic.h>, which C++ has from 23 on.
CXXFLAGS += -std=c++2b -g $(OPT) -Wall -Wextra $(SANFLAGS) -pthread
LDFLAGS  += $(SANFLAGS) -pthread
LDLIBS   += -lm

VERSION  := 0.1.0

# Optional libraries.  Files that include them are left out where they are absent (`list` says so);
# strategies.def asks HAVE_CK and HAVE_URCU.
has_header = $(shell $(1) -fsyntax-only -include $(3) -x $(2) /dev/null 2>/dev/null && echo 1)
HAVE_CK   := $(call has_header,$(CC),c,ck_epoch.h)
HAVE_URCU := $(call has_header,$(CC),c,urcu/rculfhash.h)
CPPFLAGS  += $(if $(HAVE_CK),-DHAVE_CK=1) $(if $(HAVE_URCU),-DHAVE_URCU=1)
# Since 0.14 liburcu joins its call_rcu workers itself (strategies/field/urcu.h).
CPPFLAGS  += $(if $(shell pkg-config --atleast-version=0.14 liburcu 2>/dev/null && echo 1),-DURCU_JOINS_WORKER=1)
STRATEGY_LIBS := $(if $(HAVE_CK),-lck) \
		 $(if $(HAVE_URCU),-lurcu-memb -lurcu-qsbr -lurcu-mb -lurcu-cds -lurcu-common)
without = $(filter-out $(shell grep -l '^.include <$(2)' $(1) /dev/null),$(1))
buildable = $(strip $(eval KEPT := $(1)) \
	      $(if $(HAVE_CK),,$(eval KEPT := $(call without,$(KEPT),ck_))) \
	      $(if $(HAVE_URCU),,$(eval KEPT := $(call without,$(KEPT),urcu))) $(KEPT))

LIB_SRC     := $(call buildable,$(wildcard core/*.c strategies/*.c strategies/gc/*.c \
		 strategies/field/*.c))
HARNESS_SRC := $(wildcard harness/*.c $(patsubst %,harness/%/*.c,load run measure report peers goref))
HARNESS_SRC := $(call buildable,$(filter-out harness/main.c,$(HARNESS_SRC)))
TEST_SRC    := $(call buildable,$(wildcard core/tests/test_*.c strategies/tests/test_*.c \
		 strategies/gc/tests/test_*.c harness/tests/test_*.c harness/*/tests/test_*.c))
MICRO_SRC   := $(wildcard harness/micro/*.cc harness/micro/*.c)
TEST_SH     := $(wildcard core/tests/*.sh strategies/tests/*.sh harness/tests/*.sh harness/*/tests/*.sh)
LIB_OBJ     := $(LIB_SRC:%.c=$(B)/%.o)
HARNESS_OBJ := $(HARNESS_SRC:%.c=$(B)/%.o)
MICRO_OBJ   := $(addsuffix .o,$(basename $(MICRO_SRC:%=$(B)/%)))
TEST_BIN    := $(TEST_SRC:%.c=$(B)/%)

# The build's own description, and the flags that every object depends on; each is written anew only when
# it has changed.
BUILD_INFO := $(B)/build_info.gen.h
BUILD_FLAGS := $(B)/build_flags
MAKE_BUILD_INFO = scripts/build-info $(B) '$(VERSION)' '$(SAN)' '$(CC)' $(CPPFLAGS) $(CFLAGS)
BUILD_INFO_RUN := $(shell $(MAKE_BUILD_INFO))
# `make clean all` has removed them since.
$(BUILD_INFO) $(BUILD_FLAGS) &:
	@$(MAKE_BUILD_INFO)
$(B)/harness/build_info.o: $(BUILD_INFO)
$(B)/harness/build_info.o: CPPFLAGS += -I$(B)

HARNESS_LIBS := -lpfm -linih -ljansson -lcsv -lz -lzstd -lhwloc -lxxhash

SUBMAKE = $(MAKE) --no-print-directory
# For scripts that call make: that make has jobs of its own.
SCRIPT = env -u MAKEFLAGS -u MAKELEVEL MAKE='$(MAKE)' BUILD=$(B) CC='$(CC)' SAN='$(SAN)'

# Threads one at a time, on a clock of their own (core/tests/schedule.h): what our objects call is renamed, so that what
# libFuzzer and the C library call is not meant.
SCHEDULED := $(addprefix pthread_,create join mutex_lock mutex_trylock mutex_unlock cond_wait cond_timedwait \
	     cond_signal cond_broadcast) sched_yield nanosleep clock_gettime
OBJCOPY   ?= objcopy
RENAME     = $(Q)$(OBJCOPY) $(foreach name,$(SCHEDULED),--redefine-sym $(name)=scheduled_$(name)) $< $@
$(B)/%.scheduled.o: $(B)/%.o Makefile
	$(RENAME)
$(B)/%.scheduled.a: $(B)/%.a Makefile
	$(RENAME)

# Faults on purpose, and torture: test programs that are no cmocka tests.
CONTROLS_OBJ := $(B)/strategies/tests/controls/controls.o $(B)/strategies/tests/controls/scenario.o
ifeq ($(SAN),replay)
$(B)/controls: $(CONTROLS_OBJ:.o=.scheduled.o) $(B)/core/tests/schedule.o $(B)/libreclaimbench.scheduled.a
else
$(B)/controls: $(CONTROLS_OBJ) $(B)/libreclaimbench.a
endif
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(STRATEGY_LIBS) $(LDLIBS)
$(B)/torture: $(B)/strategies/tests/torture/torture.o $(B)/strategies/tests/controls/scenario.o \
		$(B)/libreclaimbench.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(STRATEGY_LIBS) $(LDLIBS)

# Made-up bytes into the readers, and as operations on the map: scripts/fuzz builds and runs them with SAN=fuzz.
FUZZ_BIN := $(patsubst %.c,$(B)/%,$(wildcard core/tests/fuzz/fuzz_*.c harness/tests/fuzz/fuzz_*.c))
$(filter-out %/fuzz_map,$(FUZZ_BIN)): $(B)/%: $(B)/%.o $(B)/libharness.a $(B)/libreclaimbench.a
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)
FUZZ_MAP := $(B)/core/tests/fuzz/fuzz_map
$(FUZZ_MAP): $(FUZZ_MAP).scheduled.o $(B)/core/tests/schedule.o $(B)/libreclaimbench.scheduled.a
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(STRATEGY_LIBS) $(LDLIBS)
fuzz-targets: $(FUZZ_BIN)

.PHONY: fuzz-targets all tests check check-long bench micro lint format plot install uninstall coverage torture controls \
	go-reference fuzz clean help

all: $(B)/reclaimbench $(B)/libreclaimbench.a

$(B)/%.o: %.c $(BUILD_FLAGS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/%.o: %.cc $(BUILD_FLAGS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX  $<")
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

$(B)/libreclaimbench.a: $(LIB_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libharness.a: $(HARNESS_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/reclaimbench: $(B)/harness/main.o $(B)/libharness.a $(B)/libreclaimbench.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)
$(TEST_BIN): $(B)/%: $(B)/%.o $(B)/libharness.a $(B)/libreclaimbench.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)
$(B)/micro: $(MICRO_OBJ) $(B)/libharness.a $(B)/libreclaimbench.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ -lbenchmark $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

# The allocator recorder is preloaded into other programs: always without sanitizers, in one place.
build/librecordmalloc.so: scripts/record-malloc.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O2 -g $(WARN) -D_GNU_SOURCE -fno-builtin -fvisibility=hidden -fPIC -shared \
		-pthread -o $@ $< -ldl
build/record_threads: harness/load/tests/record_threads.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O1 $(WARN) -D_GNU_SOURCE -fno-builtin -pthread -o $@ $<
$(B)/harness/load/tests/test_record: | build/librecordmalloc.so build/record_threads

# Holds the scripts as strings (.incbin), which -MMD does not see.
$(B)/harness/report/plot_scripts.o: $(wildcard scripts/plots/*.gp)
$(B)/harness/report/html_page.o: harness/report/report.css harness/report/report.js

tests: $(TEST_BIN)

check: ## install what is missing, build, run all tests
	@scripts/install-deps --dev
	@+$(SUBMAKE) all tests
	@$(SCRIPT) scripts/run-tests $(TEST_BIN) $(TEST_SH)

check-long: check ## the same, then torture, controls and fuzz: minutes, and not always the same ones
	@+$(SUBMAKE) torture
	$(SCRIPT) scripts/check-controls --quick
	$(SCRIPT) scripts/fuzz --quick

bench: ## install what is missing, build, replay a trace under four strategies, draw the figures
	@scripts/install-deps --runtime
	@+$(SUBMAKE) all
	@BUILD=$(B) scripts/bench

micro: ## Google Benchmark: single data-structure questions; ARGS=...
ifeq ($(call has_header,$(CXX),c++,benchmark/benchmark.h),)
	@echo "make micro: Google Benchmark is missing: scripts/install-deps --dev (libbenchmark-dev, g++)" >&2
	@exit 2
else
	@+$(SUBMAKE) $(B)/micro
	$(Q)$(B)/micro $(ARGS)
endif

lint: ## clang-format, clang-tidy, cppcheck, shellcheck, and orders without a partner
	@scripts/install-deps --dev
	@CPPFLAGS='$(filter-out -MMD -MP,$(CPPFLAGS)) -I$(B)' scripts/lint

format: ## let clang-format rewrite the sources
	@git ls-files '*.[ch]' '*.cc' | xargs clang-format -i

coverage: ## lines and branches that the tests reach: build/coverage/html/index.html
	@scripts/install-deps --dev
	@$(SCRIPT) scripts/coverage

RESULTS ?= build/bench
plot: all ## draw the figures of RESULTS=DIR again
	@$(B)/reclaimbench plot $(RESULTS)

torture: all ## long runs of every strategy with readers that check ages
	@$(SCRIPT) scripts/torture
controls: ## faults on purpose: the audit must name each; FLAGS=--quick for two seeds
	@$(SCRIPT) scripts/check-controls $(FLAGS)
fuzz: ## made-up bytes into every reader of files and texts, and into the map; FLAGS=SECONDS
	@$(SCRIPT) scripts/fuzz $(FLAGS)
go-reference: all ## the real Go runtime and the model under one load, in turns; ARGS=--quick
	@$(SCRIPT) scripts/go-reference $(ARGS)

# ---------------------------------------------------------------- installing

PUBLIC_HEADERS := $(filter-out %_internal.h,$(wildcard core/*.h)) strategies/registry.h
BINDIR     := $(DESTDIR)$(PREFIX)/bin
LIBDIR     := $(DESTDIR)$(PREFIX)/lib
INCLUDEDIR := $(DESTDIR)$(PREFIX)/include/reclaimbench
SHAREDIR   := $(DESTDIR)$(PREFIX)/share
PLOTS      := $(wildcard scripts/plots/*)
MATRICES   := $(wildcard scripts/matrices/*.ini)

define PKGCONFIG
prefix=$(PREFIX)
libdir=$${prefix}/lib
includedir=$${prefix}/include/reclaimbench

Name: reclaimbench
Description: a Go-style concurrent hash map with exchangeable memory reclamation
Version: $(VERSION)
Libs: -L$${libdir} -lreclaimbench $(strip $(STRATEGY_LIBS) $(LDLIBS)) -pthread
Cflags: -I$${includedir} -D_GNU_SOURCE -pthread
endef
export PKGCONFIG

install: all ## below $(DESTDIR)$(PREFIX)
	install -d $(BINDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(SHAREDIR)/man/man1 \
		$(SHAREDIR)/bash-completion/completions $(SHAREDIR)/reclaimbench/plots \
		$(SHAREDIR)/reclaimbench/matrices
	install -m 755 $(B)/reclaimbench $(BINDIR)/
	install -m 644 $(B)/libreclaimbench.a $(LIBDIR)/
	install -m 644 $(PUBLIC_HEADERS) $(INCLUDEDIR)/
	printf '%s\n' "$$PKGCONFIG" >$(LIBDIR)/pkgconfig/reclaimbench.pc
	$(B)/reclaimbench man >$(SHAREDIR)/man/man1/reclaimbench.1
	$(B)/reclaimbench completion >$(SHAREDIR)/bash-completion/completions/reclaimbench
	$(if $(PLOTS),install -m 644 $(PLOTS) $(SHAREDIR)/reclaimbench/plots/)
	install -m 644 $(MATRICES) $(SHAREDIR)/reclaimbench/matrices/

uninstall: ## what install put there
	rm -f $(BINDIR)/reclaimbench $(LIBDIR)/libreclaimbench.a $(LIBDIR)/pkgconfig/reclaimbench.pc \
		$(SHAREDIR)/man/man1/reclaimbench.1 $(SHAREDIR)/bash-completion/completions/reclaimbench
	rm -rf $(INCLUDEDIR) $(SHAREDIR)/reclaimbench

clean: ## remove build/
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(HARNESS_OBJ:.o=.d) $(MICRO_OBJ:.o=.d) $(TEST_SRC:%.c=$(B)/%.d) \
	$(FUZZ_BIN:%=%.d) $(B)/core/tests/schedule.d $(wildcard $(B)/strategies/tests/controls/*.d $(B)/strategies/tests/torture/*.d) \
	$(B)/harness/main.d
