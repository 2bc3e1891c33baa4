# weir - make [all|test|asan|tsan|lint|bench|fuzz|docs|fmt|install|help]
VERSION := 0.1.0
CC      ?= cc
O       ?= build
PREFIX  ?= /usr/local
OPT     ?= -O3 -flto=auto -fno-plt
PKGS    := libuv libprotobuf-c zlib libzstd yaml-0.1 openssl libpcre2-8 libisal libdeflate
Q       := $(if $(V),,@)
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wpointer-arith \
           -Wcast-qual -Wvla -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wswitch-enum -Werror
FLAGS   := -std=c11 -D_GNU_SOURCE -DWEIR_VERSION='"$(VERSION)"' -fno-common -pthread -g -MMD -MP -I. -I$(O)/gen \
           $(SAN:%=-fsanitize=%) $(SAN:%=-fno-omit-frame-pointer) $(shell pkg-config --cflags $(PKGS))
LDLIBS  := $(shell pkg-config --libs $(PKGS)) -ldl -lm
AR      := $(if $(findstring clang,$(CC)),llvm-ar-14,gcc-ar)

# llhttp: the library where the system has it (Debian 13), else the C sources of Debian 12's node-llhttp.
ifeq ($(shell pkg-config --exists libllhttp && echo yes),yes)
LDLIBS  += $(shell pkg-config --libs libllhttp)
else
FLAGS   += -I/usr/share/include/llhttp -isystem /usr/share/include
LLHTTP  := $(patsubst %,$(O)/llhttp/%.o,api http llhttp)
endif

COMPONENTS := $(sort $(wildcard receivers/*.c processors/*.c exporters/*.c extensions/*.c))
SRC     := $(wildcard lib/*/*.c config/*.c) $(COMPONENTS)
PROTO   := $(wildcard lib/otlp/schema/*.proto)
GEN     := $(PROTO:%.proto=$(O)/gen/%.pb-c.c)
TABLES  := $(O)/gen/genai_tables.h
TABCSV  := $(addprefix lib/genai/,concepts.csv aliases.csv keys.csv markers.csv scopes.csv values.csv providers.csv)
EMBED   := $(patsubst %.S,%.S.o,$(wildcard lib/*/*.S))
LIBOBJ  := $(SRC:%.c=$(O)/%.o) $(EMBED:%=$(O)/%) $(GEN:.c=.o) $(LLHTTP)
CMDOBJ  := $(patsubst %.c,$(O)/%.o,$(wildcard cmd/weir/*.c)) $(patsubst %.S,$(O)/%.S.o,$(wildcard cmd/weir/*.S))
UNIT    := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c)))
RIG     := $(patsubst %.c,$(O)/%.o,$(wildcard tests/unit/rig/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
BENCHES := $(patsubst %.c,$(O)/%,$(wildcard bench/*.c))
TOOLS   := $(patsubst tests/tools/%.c,$(O)/tools/%,$(wildcard tests/tools/*.c))

all: $(O)/weir ## build build/weir (release, LTO)

test: ## unit tests (cmocka)
	@$(MAKE) --no-print-directory O=build/dev OPT=-O1 unit
asan: ## unit tests under ASan and UBSan, and build/asan/weir
	@$(MAKE) --no-print-directory O=build/asan OPT=-O1 SAN=address,undefined unit build/asan/weir
tsan: ## unit tests under TSan, and build/tsan/weir
	@$(MAKE) --no-print-directory O=build/tsan OPT=-O1 SAN=thread unit build/tsan/weir
unit: $(UNIT)
	@scripts/run-unit $(O) $(UNIT)
lint: ## layers, limits, banned calls, format, generated docs
	@scripts/lint
fmt: ## rewrite with clang-format
	@git ls-files '*.c' '*.h' | xargs clang-format -i
docs: $(O)/weir ## regenerate docs/components and docs/config.schema.json
	@scripts/docs $(O)/weir docs
release: ## build/release/weir: trained on traffic and built again, about a minute
	@scripts/release
bench: release $(BENCHES) ## compare with peers on the same payloads (docs/performance.md)
	@bench/run
fuzz: ## every fuzz target for FUZZ_SECONDS (60); T=name for one
	@scripts/fuzz $(or $(T),$(FUZZERS))
fuzzers: $(FUZZERS:%=$(O)/fuzz/%)
tools: $(TOOLS)
install: all ## PREFIX=/usr/local, DESTDIR honoured
	install -D -m 755 $(O)/weir $(DESTDIR)$(PREFIX)/bin/weir
	install -D -m 644 docs/weir.1 $(DESTDIR)$(PREFIX)/share/man/man1/weir.1
	install -D -m 644 deploy/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weir
	install -d $(DESTDIR)$(PREFIX)/share/doc/weir/examples
	install -m 644 examples/*.yaml $(DESTDIR)$(PREFIX)/share/doc/weir/examples/
help: ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12
clean: ## remove build/
	rm -rf build

$(O)/weir: $(CMDOBJ) $(O)/libweir.a
	$(Q)$(CC) $(FLAGS) $(OPT) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/libweir.a: $(LIBOBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The list of components is the list of files: processors/batch.c must define processor_batch.
$(O)/gen/components.def: FORCE
	@mkdir -p $(@D)
	@for f in $(COMPONENTS); do k=$${f%%/*}; n=$${f##*/}; echo "X($${k%s}_$${n%.c})"; done > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(O)/config/registry.o: $(O)/gen/components.def

# What is known about GenAI conventions is data (lib/genai/tables.h).
$(TABLES): scripts/gen-genai $(TABCSV)
	@mkdir -p $(@D)
	$(Q)scripts/gen-genai -v out=$(@D) $(TABCSV)
$(patsubst %,$(O)/gen/genai_%.inc,tables values scopes providers): $(TABLES) ;

$(O)/gen/%.pb-c.c: %.proto
	@mkdir -p $(O)/gen
	$(Q)protoc-c --c_out=$(O)/gen -I. $<
$(O)/gen/%.pb-c.o: $(O)/gen/%.pb-c.c
	$(Q)$(CC) $(FLAGS) $(OPT) -c $< -o $@
$(O)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(OPT) -c $< -o $@
$(O)/%.o: %.c | $(GEN) $(TABLES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(WARN) $(OPT) -c $< -o $@

# Files that the binary carries. The assembler tells what it includes only here.
$(O)/%.S.o: %.S prices/prices.tsv $(wildcard examples/demo/*.json)
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

# An archive: a test gets the parts of the rig that it names, and with them no more of the product than they need.
$(O)/librig.a: $(RIG)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^
$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/librig.a $(O)/libweir.a
	$(Q)$(CC) $(FLAGS) $(OPT) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka -ljansson
$(O)/bench/%: $(O)/bench/%.o $(O)/libweir.a
	$(Q)$(CC) $(FLAGS) $(OPT) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/tools/%: $(O)/tests/tools/%.o $(O)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(OPT) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -fsanitize=fuzzer $(OPT) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(LIBOBJ:.o=.d) $(CMDOBJ:.o=.d) $(UNIT:%=%.d) $(FUZZERS:%=$(O)/tests/fuzz/%.d) $(RIG:.o=.d) $(BENCHES:%=%.d)
.PHONY: all release test asan tsan unit lint fmt docs bench fuzz fuzzers tools install help clean FORCE
.PRECIOUS: $(O)/%.o $(O)/gen/%.pb-c.c
