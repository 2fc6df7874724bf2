# The same verbs here and in CI. Every verb that needs Python packages makes .venv first; the second use starts at once.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 8787
DEMO ?= 1

.PHONY: help run test check bench tasks import bootstrap query-cases package clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

# Debian splits ensurepip off into python3-venv; virtualenv from PyPI makes the same thing without it.
$(STAMP): requirements.txt requirements-dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || ( rm -rf $(VENV) && \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .cache/virtualenv virtualenv && \
	  PYTHONPATH=.cache/virtualenv $(PYTHON) -m virtualenv --quiet $(VENV) )
	@echo "Installing packages (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(STAMP) ## the local stack: HTTP API, AWS emulator, triggers and a demo (PORT=8787, DEMO=0 to skip the demo)
	@PORT=$(PORT) DEMO=$(DEMO) exec $(BIN)/python -m infra.local

test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadscope

bench: $(STAMP) ## units, calls and CPU per event, as ratios
	$(BIN)/python -m tests.bench.pipeline_cost
	$(BIN)/python -m tests.bench.identity_cost
	$(BIN)/python -m tests.bench.query_throughput
	$(BIN)/python -m tests.bench.batch_cost
	$(BIN)/python -m tests.bench.archive_cost

check: $(STAMP) ## style, types and the API document
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m infra.openapi --check

tasks: $(STAMP) ## open tasks of the running stack (TASK=id for the steps of one)
	@$(BIN)/python -m infra.tasks $(TASK)

import: $(STAMP) ## a file of events into the running stack (FILE=events.ndjson.gz, SPACE=, SOURCE=)
	@$(BIN)/python -m infra.import_events "$(FILE)" $(if $(SPACE),--space "$(SPACE)") $(if $(SOURCE),--source "$(SOURCE)")

bootstrap: $(STAMP) ## first workspace, space and tokens of a deployed stack (STACK=name, NAME=, SPACE=, NEW_TOKENS=1)
	@$(BIN)/python -m infra.bootstrap --stack $(or $(STACK),muster) $(if $(NAME),--name "$(NAME)") \
	  $(if $(SPACE),--space "$(SPACE)") $(if $(NEW_TOKENS),--new-tokens)

query-cases: $(STAMP) ## cases of the definition language (FILE=path for another file)
	@$(BIN)/python -m tests.query.cases $(FILE)

package: $(STAMP) ## a deployable CloudFormation template with its code in dist/
	$(BIN)/python -m infra.build --package dist

clean: ## remove everything the other verbs made
	rm -rf $(VENV) .cache .local .mypy_cache .pytest_cache .ruff_cache .hypothesis .chalice/deployments .chalice/deployed dist
