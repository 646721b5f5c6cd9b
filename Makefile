# The front door. Every target that compiles first runs scripts/bootstrap, which installs what is missing, so that
# on a fresh Debian 12 or 13 with git and make the first command is also the only one.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
RELEASE ?= 12
SECONDS ?= 60
export JOBS PREFIX DESTDIR
unexport SECONDS # to bash it is a clock

# Compiled objects outlive the checkout: a second clone reuses them although its path differs.
export CCACHE_DIR ?= $(or $(BERTH_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/berth)/ccache
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
export CCACHE_SLOPPINESS ?= pch_defines,time_macros

# Published protocol vectors, which are not part of this repository; without them their tests say that they skip.
export BERTH_VECTORS_DIR ?= $(abspath $(CURDIR)/../shared/vectors)

.DEFAULT_GOAL := help
.PHONY: help build demo test test-long bench fuzz fmt lint install package test-clean clean

help: ## Print this list
	@echo 'usage: make TARGET [VARIABLE=value]...'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

build: ## Build everything into build/release (JOBS=n)
	@scripts/build release

demo: ## Build the programs and run the whole product once on this machine, keys in files and in chips (KEEP=1 leaves it running for a look)
	@scripts/bootstrap --with azure || echo 'demo: going on without Azure'"'"'s SDK' >&2
	@scripts/build release berth berthd berth-agent berth-broker-plugin stsafe-sim
	@BERTH_AZURE_DIR="$$(scripts/bootstrap --print-azure)" build/release/bin/berth demo $(if $(filter 1,$(KEEP)),--keep)

test: ## All tests, those that gain from it under the sanitizers, four minutes of fuzzing; this is what CI runs
	@scripts/test release asan tsan fuzz

test-long: ## What takes many minutes: batches of devices, a build in a fresh Debian (as root; RELEASE=13)
	@scripts/test long
	@$(MAKE) --no-print-directory test-clean TARGETS=build

bench: build ## Benchmarks; their JSON goes to build/bench
	@scripts/bench

fuzz: ## Fuzz every parser for a while each (SECONDS=60)
	@scripts/fuzz each $(SECONDS)

fmt: ## Format the sources with the pinned clang-format
	@scripts/bootstrap --with lint
	@git ls-files -z '*.h' '*.cpp' | xargs -0 -r clang-format-19 -i

lint: build ## Check format and run clang-tidy (FILES='src/a.cpp ...' for some files only)
	@scripts/lint $(FILES)

install: build ## Install programs, systemd units and docs (PREFIX=/usr/local DESTDIR=)
	cmake --install build/release --prefix '$(PREFIX)'

package: ## Debian packages: not there yet
	@echo 'make package: Debian packages come in a later version; until then use make install (PREFIX, DESTDIR).' >&2
	@exit 2

test-clean: ## make demo and make test, each in a fresh minimal Debian (RELEASE=12 or 13, TARGETS="demo test"; as root)
	@scripts/bootstrap --with test-clean
	@scripts/test-clean $(RELEASE) $(TARGETS)

clean: ## Remove build/; OpenSSL and compiled objects stay in the cache
	rm -rf build
