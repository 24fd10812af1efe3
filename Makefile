# Two commands do the main things: `make run` and `make test`. Nothing comes before them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .bench-peers
TOOLS := .tools
UV := $(TOOLS)/bin/uv
LOCK := requirements
# Compiled modules are kept, whatever the environment says: else each process compiles all that it imports anew.
export PYTHONDONTWRITEBYTECODE =
UV_COMPILE := $(UV) pip compile --universal --generate-hashes --python-version 3.11 --no-emit-package coe-client --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-slow check format bench bench-peers docs lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lock is complete and hash-checked, so nothing is resolved, compiled or pulled in beside it.
# The installer lives in an environment of its own: the service does not need it.
$(UV): $(LOCK)/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)/bootstrap.txt
	@touch $@

define install_lock
	@echo "Installing $(1) from the lock ..."
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r $(LOCK)/build.txt -r $(LOCK)/$(1).txt \
		|| $(TOOLS)/bin/python -m pip --python $(BIN)/python install --disable-pip-version-check --no-compile --no-deps --require-hashes -r $(LOCK)/build.txt -r $(LOCK)/$(1).txt
	@$(TOOLS)/bin/python -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e client -e .
endef

$(VENV)/.runtime: $(UV) $(LOCK)/build.txt $(LOCK)/runtime.txt pyproject.toml client/pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	$(call install_lock,runtime)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime $(LOCK)/dev.txt
	$(call install_lock,dev)
	@touch $@

install: $(VENV)/.runtime ## Create .venv with everything the service needs

install-dev: $(VENV)/.dev ## The same with the test and check tools

run: install ## Start everything, ask a first question, print URL and key, stay up
	@exec $(BIN)/coe serve --tour

# Each process has stores of its own. A file's tests stay together, as they share what they start.
test: install-dev ## Run the whole test suite, in two processes
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: install-dev ## Soak, fault and load tests that take long
	@$(BIN)/python -m pytest -m slow --timeout=1800

check: install-dev ## Formatting, lint, strict types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install-dev ## Format the code and mend what lint can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# The peers bring versions of their own, so they stay apart from the service and its tests.
$(PEERS)/.ready: $(UV) $(LOCK)/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv --without-pip $(PEERS)
	@echo "Installing the peers from their lock ..."
	@$(UV) pip install --quiet --python $(PEERS)/bin/python --no-deps --require-hashes -r $(LOCK)/peers.txt
	@touch $@

bench-peers: $(PEERS)/.ready ## Create .bench-peers with what the benchmarks compare with

bench: install-dev bench-peers ## Measure speed and quality, each against a peer or a limit
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: install-dev ## Build the documentation as a site, in build/docs/site
	@$(BIN)/python docs/site/build.py

lock: $(UV) ## Resolve the locks anew from pyproject.toml
	$(UV_COMPILE) $(LOCK)/bootstrap.in -o $(LOCK)/bootstrap.txt
	$(UV_COMPILE) $(LOCK)/build.in -o $(LOCK)/build.txt
	$(UV_COMPILE) $(LOCK)/peers.in -o $(LOCK)/peers.txt
	$(UV_COMPILE) pyproject.toml -o $(LOCK)/runtime.txt
	$(UV_COMPILE) --constraint $(LOCK)/runtime.txt --group dev pyproject.toml -o $(LOCK)/dev.txt

clean: ## Remove the virtual environment and caches (never the data directory)
	rm -rf $(VENV) $(TOOLS) $(PEERS) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
