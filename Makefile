# make run         from nothing to results/index.html: environment, simulated register, reports
# make test        quick tests; make test-slow: the long ones
# make check       format, lint, types and workflow lint
# make validation  the simulation studies of docs/validation.md (long)
# make lock        requirements.lock from requirements.in (needs uv)
# make clean       remove what the workflow made; config, data and restricted data stay

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.DELETE_ON_ERROR:
.PHONY: run env test test-slow check format validation lock clean

run: $(STAMP)
	$(BIN)/snakemake --cores all

env: $(STAMP)

# pip compiles what it installs; connection-pool exists only as source.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: --no-binary connection-pool -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

test: $(STAMP)
	$(PYTEST)

test-slow: $(STAMP)
	$(PYTEST) -m slow

check: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/workflow/test_rules.py

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

validation: $(STAMP)
	$(BIN)/python -m tests.validation.study planted --registers 200
	$(BIN)/python -m tests.validation.study null --registers 500
	$(BIN)/python -m tests.validation.study verify
	$(BIN)/python -m tests.validation.sizes
	$(BIN)/python -m tests.validation.placebo run
	$(BIN)/python -m tests.validation.placebo report
	$(BIN)/python -m tests.validation.study report

lock:
	uv pip compile requirements.in --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

clean: $(STAMP)
	$(BIN)/snakemake --cores 1 --delete-all-output
	rm -rf logs .reformeval/checked .snakemake
