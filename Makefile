# `make repro` trains and evaluates; `make test` runs the tests. Both make .venv when it is missing
# or older than its lock file.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
VERSION := import sys; print(*sys.version_info[:2])
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
WITH_BIN := PATH="$(CURDIR)/$(BIN):$$PATH"

# For a GPU: `make install LOCK=requirements-gpu.lock`.
LOCK ?= requirements.lock

# Of metrics and parameters, what one compares experiments by; of all else nothing.
BESIDES := data/.*|stages/.*|waste_classifier/.*|params.yaml|labels.*|.*_interval.*|(train|val)\.(accuracy|loss|macro_f1)|best\..*|accuracy_of_surest.*|step|learning_rate|Created|State|Executor

.PHONY: help repro release expect experiments results test coverage test-fast check lint schema install lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | \
	  awk -F'|' '{ printf "make %-11s %s\n", $$1, $$2 }'

repro: expect .venv/.$(LOCK) ## run the pipeline, print its scores
	$(WITH_BIN) $(BIN)/dvc repro
	@echo; $(BIN)/python -m stages.evaluate.summary
	@echo "Scores of the test images: metrics/evaluate.json. Plots: plots/; '$(BIN)/dvc plots show' makes one page of them, dvc_plots/index.html"

release: .venv/.$(LOCK) ## score every photo by cross-validation, put the classifier together: data/classifier
	$(WITH_BIN) $(BIN)/dvc repro release/dvc.yaml
	@echo; $(BIN)/python -m stages.evaluate.summary metrics/cross_validation.json

expect:
	@echo "The first run draws 800 images and trains on them: about 12 minutes on two quiet cores once .venv"
	@echo "is there. It needs 3 GB of disk, of which .venv is most. At the end stand the scores."

experiments: .venv/.$(LOCK) ## list experiments: what they changed, and their scores
	@$(WITH_BIN) $(BIN)/dvc exp show --md --only-changed --drop '$(BESIDES)'

TEST := $(WITH_BIN) $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
test: .venv/.requirements-dev.lock ## run all tests
	$(TEST)

coverage: .venv/.requirements-dev.lock ## run all tests, and fail where they leave too much code untried
	$(TEST) --cov --cov-report=term

test-fast: .venv/.requirements-dev.lock ## run the tests that need neither TensorFlow nor DVC
	$(WITH_BIN) $(BIN)/python -m pytest --fast --numprocesses 2

lint: .venv/.requirements-dev.lock ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The second pipeline counts where its results are committed.
RESULTS = dvc.yaml $(if $(shell git ls-files release/dvc.lock),release/dvc.yaml)

results: .venv/.requirements-dev.lock ## check that dvc.lock, metrics/ and plots/ are of this code
	@$(WITH_BIN) $(BIN)/dvc repro --dry --allow-missing $(RESULTS) >.results 2>&1 && \
	  ! grep -q '^Running stage' .results || \
	  { cat .results; rm .results; \
	    echo "error: the committed results are of other code; run 'make repro' ('make release' for stages of the second pipeline) and commit them" >&2; exit 1; }
	@rm .results; echo "dvc.lock, metrics/ and plots/ are of this code"

check: lint results test ## lint, results and test

schema: .venv/.requirements-dev.lock ## write params.schema.json anew
	$(BIN)/python -m stages.params.schema

install: .venv/.$(LOCK) ## make .venv

# The locks agree on every version, so that one installed after another only adds packages.
.venv/.%: %
	@$(PYTHON) -c '$(SUPPORTED)' || \
	  { echo "error: $(PYTHON) must be Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12" >&2; exit 1; }
	@[ ! -x $(BIN)/python ] || $(BIN)/python -c '$(SUPPORTED)' || \
	  { echo "error: .venv is of another Python than 3.11, 3.12 or 3.13; run 'make clean' first" >&2; exit 1; }
	@[ "$(origin PYTHON)" = file ] || [ ! -x $(BIN)/python ] || \
	  [ "$$($(PYTHON) -c '$(VERSION)')" = "$$($(BIN)/python -c '$(VERSION)')" ] || \
	  { echo "error: .venv is of another Python than $(PYTHON); run 'make clean' first" >&2; exit 1; }
	@# One that was never finished is made anew, one of another tool gets pip.
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1 || \
	  { rm -rf .venv; $(PYTHON) -m venv .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --require-hashes --requirement $<
	touch $@

UPGRADE ?=
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: .venv/.requirements-dev.lock ## write the lock files anew from pyproject.toml; UPGRADE=--upgrade raises versions
	$(COMPILE) $(UPGRADE) pyproject.toml --extra dev --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --extra pipeline --output-file requirements.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --extra gpu --output-file requirements-gpu.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --extra page --output-file requirements-page.lock
	$(COMPILE) --group report --constraint requirements-dev.lock --output-file requirements-report.lock

clean: ## remove .venv, logs and the page of plots, but not data/
	rm -rf .venv dvc_plots logs
