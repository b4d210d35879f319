# SPDX-License-Identifier: MIT
# Variables: CC, CXX, OPT, SAN=address|thread|undefined, V=1, PREFIX, DESTDIR.  Each SAN and CC has
# its own folder under build/.

CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CXX     := $(if $(filter default,$(origin CXX)),g++,$(CXX))
OPT     ?= -O2
PREFIX  ?= /usr/local
SAN     ?=
V       ?=
.DEFAULT_GOAL := all
Q       := $(if $(V),,@)

ifneq ($(filter-out address thread undefined audit coverage,$(SAN)),)
$(error SAN=$(SAN) is not known; use address, thread, undefined, audit or coverage)
endif
VARIANT := $(if $(SAN),$(SAN),release)$(if $(filter gcc,$(CC)),,-$(notdir $(CC)))
B       := build$(if $(filter release,$(VARIANT)),,/$(VARIANT))

SANFLAGS_address   := -fsanitize=address -fno-omit-frame-pointer -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_thread    := -fsanitize=thread -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_undefined := -fsanitize=undefined -fno-sanitize-recover=all -DRECLAIMBENCH_SANITIZED=1
SANFLAGS_coverage  := --coverage -DRECLAIMBENCH_SANITIZED=1
SANFLAGS := $(SANFLAGS_$(SAN))

WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS += -Icore -Istrategies -Iharness -D_GNU_SOURCE -MMD -MP
CFLAGS   += -std=c17 -g $(OPT) $(WARN) $(SANFLAGS) -pthread
LDFLAGS  += $(SANFLAGS) -pthread
LDLIBS   += -lm

VERSION  := 0.1.0

# Optional libraries: strategies that need them are left out where they are absent (`list` says so).
has_header = $(shell $(CC) -fsyntax-only -include $(1) -x c /dev/null 2>/dev/null && echo 1)
HAVE_CK   := $(call has_header,ck_epoch.h)
HAVE_URCU := $(call has_header,urcu/rculfhash.h)
CPPFLAGS  += $(if $(HAVE_CK),-DHAVE_CK=1) $(if $(HAVE_URCU),-DHAVE_URCU=1)
STRATEGY_LIBS := $(if $(HAVE_CK),-lck) \
		 $(if $(HAVE_URCU),-lurcu-memb -lurcu-qsbr -lurcu-mb -lurcu-cds -lurcu-common)

LIB_SRC     := $(wildcard core/*.c strategies/*.c strategies/gc/*.c)
HARNESS_SRC := $(wildcard harness/*.c harness/load/*.c harness/run/*.c harness/measure/*.c harness/report/*.c)
HARNESS_SRC := $(filter-out harness/main.c,$(HARNESS_SRC))
TEST_SRC    := $(wildcard core/tests/test_*.c strategies/tests/test_*.c harness/tests/test_*.c harness/*/tests/test_*.c)
LIB_OBJ     := $(LIB_SRC:%.c=$(B)/%.o)
HARNESS_OBJ := $(HARNESS_SRC:%.c=$(B)/%.o)
TEST_BIN    := $(TEST_SRC:%.c=$(B)/%)

# The build's own description; written anew when it has changed.
BUILD_INFO := $(B)/build_info.gen.h
BUILD_INFO_RUN := $(shell scripts/build-info $(BUILD_INFO) '$(VERSION)' '$(SAN)' '$(CC)' $(CPPFLAGS) $(CFLAGS))
$(B)/harness/build_info.o: $(BUILD_INFO)
$(B)/harness/build_info.o: CPPFLAGS += -I$(B)

HARNESS_LIBS := -lpfm -linih -ljansson -lcsv -lz -lzstd -lhwloc -lxxhash

all: $(B)/reclaimbench $(B)/libreclaimbench.a

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/libreclaimbench.a: $(LIB_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libharness.a: $(HARNESS_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/reclaimbench: $(B)/harness/main.o $(B)/libharness.a $(B)/libreclaimbench.a
	$(if $(V),,@echo "  LD   $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)
$(TEST_BIN): $(B)/%: $(B)/%.o $(B)/libharness.a $(B)/libreclaimbench.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(HARNESS_LIBS) $(STRATEGY_LIBS) $(LDLIBS)

.PHONY: all tests clean
tests: $(TEST_BIN)
clean:
	rm -rf build
-include $(LIB_OBJ:.o=.d) $(HARNESS_OBJ:.o=.d) $(TEST_SRC:%.c=$(B)/%.d) $(B)/harness/main.d
