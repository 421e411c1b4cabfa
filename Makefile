# `make` alone lists the targets; what stands behind `##` is their description.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
T      ?=

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check format bench lock docs conformance toolbox-image clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/installed  ## Set everything up, play the tutorial's story, leave the engines running
	@PATH="$(abspath $(BIN)):$$PATH" $(PYTHON) docs/tutorial/play.py

# Counting lines costs CPU time, 20 to 120 percent of what a test takes on Python 3.11, whichever lines are counted. So
# the tests of platform and clients alone are run with it, and platform has a floor; `make coverage` counts everything.
COUNTED := tests/platform tests/clients

test: $(VENV)/installed  ## Set everything up and pass the tests (T=path for a part)
ifeq ($(T),)
	@$(BIN)/pytest -n auto --dist loadfile tests --ignore tests/story $(COUNTED:%=--ignore %)
	@$(BIN)/pytest -n auto --dist loadfile $(COUNTED) --cov=interlock.platform --cov=interlock.clients --cov-report=
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder tests/story
	@$(BIN)/python tests/coverage/report.py
else
	@$(BIN)/pytest $(T)
endif

coverage: $(VENV)/installed  ## Pass the tests but the story's, and show what they cover of every wing (slow)
	@$(BIN)/pytest -n auto --dist loadfile tests --ignore tests/story --cov=interlock --cov-report=
	@$(BIN)/python tests/coverage/report.py

check: $(VENV)/installed  ## Format, lint, types, import contracts, generated reference
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/reference/generate.py --check

format: $(VENV)/installed  ## Format, and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/installed  ## Write the generated part of docs/reference
	@$(BIN)/python docs/reference/generate.py

conformance: $(VENV)/installed  ## Score the Tekton engine with upstream's examples, where they are
	@$(BIN)/python -m tests.conformance.report

bench: $(VENV)/installed  ## Measure; results go to bench/results.md
	@$(BIN)/python bench/run.py

lock: $(VENV)/installed  ## Pin every dependency by hash, without naming an index
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra local --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

toolbox-image:  ## Build the image that catalog steps run on a real cluster (needs buildah)
	buildah build --file containers/toolbox/Containerfile --tag interlock-toolbox .

clean:  ## Remove the virtual environment and every cache
	rm -rf $(VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
