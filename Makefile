# `make repro` trains and evaluates; `make test` runs the tests. Both make .venv when it is missing
# or older than its lock file.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin

# For a GPU: `make install LOCK=requirements-gpu.lock`.
LOCK ?= requirements.lock

.PHONY: repro test check lint install lock clean

repro: .venv/.$(LOCK)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	$(BIN)/dvc metrics diff --all --targets metrics/train.json metrics/evaluate.json
	@echo "Plots: plots/ holds them; '$(BIN)/dvc plots show' makes one page of them: dvc_plots/index.html"

test: .venv/.requirements-dev.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest --cov --cov-report=term

lint: .venv/.requirements-dev.lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

install: .venv/.$(LOCK)

# The locks agree on every version, so that one installed after another only adds packages.
.venv/.%: %
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) must be Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv; $(PYTHON) -m venv .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --requirement $<
	touch $@

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml
lock:
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock --extra dev --output-file requirements-dev.lock
	$(COMPILE) --constraint requirements.lock --extra gpu --output-file requirements-gpu.lock

clean:
	rm -rf .venv dvc_plots logs .train
