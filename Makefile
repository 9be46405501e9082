# Every target does its own set-up: `make demo` or `make test` may be the first command on a fresh checkout.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test unit check format bench docs rules lock clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; $$($(PYTHON) --version) was found. Name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## a simulated AWS and the exporter on it, in one terminal
	$(BIN)/bedrock-batch-exporter demo $(DEMO_FLAGS)

test: $(READY) ## every test; what needs a missing program is skipped and says so
	$(BIN)/pytest $(PYTEST_FLAGS)

unit: $(READY) ## the tests without network and sleep, in seconds
	$(BIN)/pytest tests/unit

check: $(READY) ## lint, types, formatting, dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vulture

format: $(READY) ## write the formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## ratios against a naive exporter, side by side in one run
	$(BIN)/python -m tests.bench

docs: $(READY) ## write the generated documents and schemas
	$(BIN)/python -m docs.build

rules: $(READY) ## write the rules of Prometheus from their thresholds and templates
	$(BIN)/python -m prometheus.build

lock: $(READY) ## pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra demo pyproject.toml -c requirements.lock -o requirements-demo.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev --all-extras pyproject.toml -c requirements.lock -o requirements-dev.lock

clean: ## remove what the targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
