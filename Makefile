# The commands of this project; `make` alone lists them.
# A stamp in .build/ stands for each thing that is made once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
BENCH := $(CURDIR)/.bench
COMPARE := $(CURDIR)/.bench/cluster
BUILD := .build
# `make test` is content with a build that is faster to make; `make demo` shows the real one.
PROFILE ?= fast
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV=$(VENV) $(BIN)/maturin
PIP := $(BIN)/python -m pip --disable-pip-version-check

RUST := Cargo.toml Cargo.lock pyproject.toml $(shell find crates -name '*.rs' -o -name Cargo.toml)
PACKAGE := $(shell find python -name '*.py')
ALIAS := $(shell find packages/psycopg-alias -name '*.py' -o -name pyproject.toml)

# Arguments for the programs behind `make demo`, `make test` and `make bench`.
DSN ?=
ARGS ?=

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: release ## run the page's statements on a server started for it (DSN="..." for another)
	@$(BIN)/python -m psycoxide demo $(if $(DSN),"$(DSN)")

.PHONY: demo-cluster
demo-cluster: release ## show load balancing, a zone that fails and a node that joins
	@$(BIN)/python -m psycoxide demo-cluster

.PHONY: test
test: build $(BUILD)/postgresql ## run the Rust and Python tests on a server of their own (ARGS="..." for pytest)
	cargo test --workspace --exclude psycoxide-python --locked
	cargo test --manifest-path fuzz/Cargo.toml --no-default-features --locked --target-dir target
	$(BIN)/python -m pytest $(ARGS)

.PHONY: test-cluster
test-cluster: build $(BUILD)/postgresql ## run the scenarios on the stand-in cluster (ARGS="--stress-seconds 60")
	$(BIN)/python -m pytest -m cluster --timed $(ARGS)

.PHONY: compare-cluster
compare-cluster: release $(BUILD)/compare-tools ## compare with YugabyteDB's drivers on the stand-in cluster (ARGS="--only A7")
	$(BIN)/python tools/compare_cluster.py --psycopg3 $(COMPARE)/psycopg3/bin/python \
		--psycopg2 $(COMPARE)/psycopg2/bin/python $(or $(ARGS),--output docs/cluster-comparison.md)

.PHONY: conformance
conformance: build ## run psycopg's own tests from a checkout (CLONE=/path/to/psycopg DSN="..." ARGS="--skip-leaks")
	$(PIP) install --quiet pytest anyio pproxy mypy
	$(BIN)/python tools/conformance.py "$(CLONE)" $(if $(DSN),--dsn "$(DSN)") $(ARGS)

.PHONY: fuzz
fuzz: ## feed made-up bytes to every parser (needs nightly Rust and cargo-fuzz; SECONDS=60 for each)
	for target in $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs))); do \
		cargo +nightly fuzz run --sanitizer none $$target -- -max_total_time=$(or $(SECONDS),60) || exit 1; \
	done

.PHONY: lint
lint: build $(BUILD)/lint-tools ## check format, lints, types and generated files
	cargo fmt --all --check
	PYO3_PYTHON=$(BIN)/python cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=python $(BIN)/stubtest --ignore-disjoint-bases --concise \
		--allowlist tests/typing/stubtest psycoxide._core
	$(BIN)/python tools/unasync.py --check

.PHONY: fmt
fmt: build $(BUILD)/lint-tools ## format the sources
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: twins
twins: $(BUILD)/venv ## write the synchronous classes from the asynchronous ones
	$(BIN)/python tools/unasync.py

.PHONY: bench
bench: release $(BUILD)/bench-tools ## measure against other drivers (ARGS="--quick --only point_select")
	$(BENCH)/bin/python -m benchmarks $(ARGS)

.PHONY: docs
docs: build $(BUILD)/docs-tools ## build the documentation into .build/site and the crates' into target/doc
	$(BIN)/mkdocs build --strict --quiet --site-dir $(BUILD)/site
	RUSTDOCFLAGS="-D warnings" PYO3_PYTHON=$(BIN)/python cargo doc --workspace --no-deps --locked

.PHONY: build
build: $(BUILD)/extension $(BUILD)/packages ## make .venv with the extension and all that the tests need

.PHONY: dev
dev: ## build the extension without optimisation, quickly
	$(MAKE) --no-print-directory build PROFILE=dev

.PHONY: release
release: ## build the extension as it is distributed
	@if [ "$$(cat $(BUILD)/extension 2>/dev/null)" != release ]; then rm -f $(BUILD)/extension; fi
	@$(MAKE) --no-print-directory build PROFILE=release

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(VENV) $(BENCH) $(BUILD) target python/psycoxide/_core.*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BUILD)/venv:
	@mkdir -p $(BUILD)
	@command -v cargo >/dev/null || { echo "psycoxide is built with cargo: install Rust from https://rustup.rs" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "psycoxide needs Python 3.10 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1):" \
			"name another one, as in \`make $(MAKECMDGOALS) PYTHON=python3.12\`" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet "maturin>=1.9,<2"
	@touch $@

$(BUILD)/extension: $(RUST) | $(BUILD)/venv
	$(MATURIN) develop --locked --profile $(PROFILE)
	@echo $(PROFILE) > $@

# The extras are installed for the psycoxide that is there already: nothing is built again.
$(BUILD)/packages: pyproject.toml $(ALIAS) | $(BUILD)/extension
	$(PIP) install --quiet --no-deps --force-reinstall ./packages/psycopg-alias
	$(PIP) install --quiet "psycoxide[local,psycopg,test]"
	@touch $@

$(BUILD)/lint-tools: pyproject.toml | $(BUILD)/packages
	$(PIP) install --quiet "psycoxide[lint]"
	@touch $@

$(BUILD)/docs-tools: pyproject.toml | $(BUILD)/packages
	$(PIP) install --quiet "psycoxide[docs]"
	@touch $@

# What is measured is a wheel, as users get it.
$(BUILD)/bench-tools: pyproject.toml benchmarks/environment.sh $(BUILD)/extension $(PACKAGE)
	PYTHON=$(BIN)/python benchmarks/environment.sh $(BENCH)
	@touch $@

# YugabyteDB's drivers have the import names of those they derive from: an environment for each. The
# one for psycopg 3 is written in Python and needs libpq (on Debian: `apt-get install libpq5`).
$(BUILD)/compare-tools: | $(BUILD)/venv
	$(BIN)/python -m venv $(COMPARE)/psycopg3
	$(COMPARE)/psycopg3/bin/pip install --quiet "psycopg-yugabytedb>=3.3"
	$(BIN)/python -m venv $(COMPARE)/psycopg2
	$(COMPARE)/psycopg2/bin/pip install --quiet psycopg2-yugabytedb-binary
	@touch $@

$(BUILD)/postgresql:
	@mkdir -p $(BUILD)
	tools/ensure_postgresql.sh
	@touch $@
