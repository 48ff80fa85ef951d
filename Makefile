# SPDX-License-Identifier: BSD-3-Clause
# A thin front over CMake. Two commands need nothing but Debian 12, git, make and a shell: make demo, make test.

PRESET ?= $(if $(CI),ci,release)
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)

# Open MPI in containers and on small machines: root may start it, ranks may outnumber cores, OpenMP places threads,
# waiting ranks yield. Whatever is set already stays.
export OMPI_ALLOW_RUN_AS_ROOT ?= 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM ?= 1
export OMPI_MCA_rmaps_base_oversubscribe ?= 1
export OMPI_MCA_hwloc_base_binding_policy ?= none
export OMPI_MCA_mpi_yield_when_idle ?= 1
export OMPI_MCA_btl_vader_single_copy_mechanism ?= none
# Ninja where it is there; a configured folder keeps its own.
export CMAKE_GENERATOR = $(if $(shell command -v ninja),Ninja,Unix Makefiles)

SOURCES = $(wildcard include/*.h src/*.[ch] src/*/*.[ch] src/*/*.cc src/*/*/*.[ch] tests/*.h tests/*/*.[ch])
CTEST   = ctest --test-dir build -j2 --output-on-failure --no-tests=error

# $(call build,PRESET,FOLDER[,TARGET]): what cmake says of a configuration that works is not worth a screen.
define build
@mkdir -p $(2)
@cmake --preset $(1) >$(2)/configure.log 2>&1 || { cat $(2)/configure.log; scripts/install-packages --check build libraries; exit 1; }
@cmake --build $(2) --parallel $(JOBS) $(if $(3),--target $(3))
endef

.PHONY: all setup demo test test-fast test-mpi test-fault test-real test-bench bench sanitize fuzz tsan debug format format-check lint docs \
	install clean help

all: ## build the program, build/imgbench (default)
	@command -v cmake >/dev/null || scripts/install-packages --check build libraries
	$(call build,$(PRESET),build)

setup: ## install the missing packages of packages.txt
	@scripts/install-packages

demo: setup ## set up, build, image a simulated observation, draw a plane of it
	@$(MAKE) --no-print-directory all
	@scripts/demo

test: setup ## set up, build, run every test
	@$(MAKE) --no-print-directory all
	@$(CTEST)

test-fast: all ## build, run the tests that take seconds (labels unit, oracle, cli)
	@$(CTEST) -L 'unit|oracle|cli'

test-mpi: all ## build, run the tests over ranks and threads
	@$(CTEST) -L mpi

test-fault: all ## build, run the tests of bad input and interruption
	@$(CTEST) -L fault

test-real: all ## build, run the comparisons with real observations (IMGBENCH_DATA)
	@$(CTEST) -L real

test-bench: all ## build, run the regression guards of speed (instruction counts)
	@$(CTEST) -L bench

bench: all ## measure this machine and the engine, write docs/benchmarks.md
	@build/imgbench calibrate --quick
	@build/imgbench bench all --repetitions 5 --format md >build/benchmarks.md && mv build/benchmarks.md docs/benchmarks.md

sanitize: ## build with address and undefined-behaviour sanitizers in build-asan, run the fast tests
	$(call build,asan,build-asan)
	@ctest --test-dir build-asan -j2 --output-on-failure --no-tests=error -L 'unit|oracle|cli'

# $(call clang,PRESET,SANITIZER,FOLDER[,TARGET]): build with clang and that sanitizer, or say what to install.
define clang
@echo 'int main(void) { return 0; }' | clang-14 -x c -fopenmp -fsanitize=$(2) -o /dev/null - 2>/dev/null || \
	{ echo "$@: clang with its sanitizers is needed: apt-get install clang-14 libclang-rt-14-dev libomp-14-dev"; exit 1; }
$(call build,$(1),$(3),$(4))
endef

fuzz: ## let libFuzzer look for bad input in build-fuzz (FUZZ_SECONDS=60 for each harness; FUZZ="uvfits text": only these)
	$(call clang,fuzz,fuzzer-no-link,build-fuzz,fuzzers)
	@scripts/fuzz $(or $(FUZZ_SECONDS),60) $(FUZZ)

tsan: ## build with the thread sanitizer in build-tsan, run the unit tests and whole runs with threads (clang)
	$(call clang,tsan,thread,build-tsan)
	@ctest --test-dir build-tsan -j2 --output-on-failure --no-tests=error -L 'unit|threads'

debug: ## build for a debugger in build-debug
	$(call build,debug,build-debug)

format: ## lay the sources out
	@clang-format-14 -i $(SOURCES)

format-check: ## check the layout of the sources
	@clang-format-14 --dry-run --Werror $(SOURCES)

lint: all ## look for defects with clang-tidy
	@if command -v clang-tidy-14 >/dev/null; then \
		printf '%s\n' $(filter %.c,$(filter src/%,$(SOURCES))) | grep -v kernel/tile.c | \
			xargs -P $(JOBS) -n 1 clang-tidy-14 -p build --quiet --warnings-as-errors='*'; \
	else echo "lint: skipped, clang-tidy-14 is not installed (apt-get install clang-tidy-14)"; fi

docs: all ## write docs/options.md and the man page from the table of options
	@cmake --build build --target docs

install: all ## install program, library, header, man page, pkg-config file (PREFIX=/usr/local, DESTDIR=)
	@cmake --install build --prefix $(PREFIX)

clean: ## remove what was built
	rm -rf build build-debug build-asan build-fuzz build-tsan

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
