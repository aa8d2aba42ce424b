SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export DO_NOT_TRACK := true

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/ready ## make the environment in .venv (skipped when it is up to date)

.venv/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Flyball needs Python 3.11 or later; set PYTHON=/path/to/it" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/ready: .venv/uv requirements/dev.txt pyproject.toml
	@echo "installing what requirements/dev.txt pins (once)"
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode --requirements requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## compile the lock files anew (no index address is written)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev --output-file requirements/dev.txt pyproject.toml
	@echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/uv.txt -

run: setup ## the main job: the demo loop, live, with a report at its end
	@$(BIN)/flyball run --demo

test: setup ## every test
	@$(BIN)/pytest -q -n 2 --dist worksteal

check: setup ## format, lint, types, imports and the fast tests: before every push
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/flyball rules test --fail-under 90 rules/*.yaml
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "not slow"

fix: setup ## format, and mend what the linter can mend
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

docs: setup ## make the reference pages anew from the catalogues
	@mkdir -p docs/reference && $(BIN)/python -m flyball.cli.reference docs/reference

faults: kills crash powerloss chaos machines ## every long search for a broken promise, one after the other (about an hour)

kills: setup ## thirty kills of a running loop, each followed by a start (about ten minutes)
	@$(BIN)/python -m tests.faults --kills 30

crash: setup ## fifty kills at each of twelve named points, on SQLite and on PostgreSQL (about twenty minutes)
	@$(BIN)/python -m tests.crash.points --kills 50

powerloss: setup ## the power goes at 14,000 moments of a store's life, and the disk tears what it had (about six minutes)
	@$(BIN)/python -m tests.crash.powerloss --images 14000

chaos: setup ## PostgreSQL is killed or stopped every few seconds for five minutes while others write to it
	@$(BIN)/python -m tests.crash.chaos --seconds 300

machines: setup ## 2,000 random histories of 80 commands, and 150 on PostgreSQL, which all stores must tell alike (about twenty minutes)
	@$(BIN)/python -m tests.machines --histories 2000 --steps 80
	@$(BIN)/python -m tests.machines --histories 150 --steps 80 --postgres

tampering: setup ## ten thousand tamperings with a log's file, each of which must be found, also in pieces (about twenty minutes)
	@$(BIN)/python -m tests.tampering --count 10000

fuzz: setup ## a million bodies that chance made, none of which may harm the API (about half an hour)
	@$(BIN)/python -m tests.fuzz_bodies --count 1000000

label-studio: setup ## install Label Studio for its tests, in an environment of its own in the cache (three minutes)
	@$(BIN)/python -m tests.label_studio

oracle: setup ## random rule files against random readings, in both engines (about two minutes)
	@$(BIN)/python -m tests.rules_oracle --files 1000 --snapshots 100

bench: setup ## every benchmark, one after the other (about an hour and a half, most of it a month of answers)
	@for each in look rules replay log log_postgresql ingest verify training lane scoring merge replay_month; do $(BIN)/python -m benchmarks.$$each || exit 1; done
	@$(BIN)/python -m benchmarks.load --seconds 60 --burst-seconds 20

.PHONY: help setup lock run test check fix docs faults kills crash powerloss chaos machines tampering fuzz label-studio oracle bench
