# One command per job; `make help` lists them. Extra arguments go in ARGS, e.g.
#   make replay ARGS="--households 50 --days 90"
.DEFAULT_GOAL := help
SHELL := /bin/bash

BIN := .venv/bin
PYTHON_CODE := gateway services shared standalone tests benchmarks scripts examples
CODE = $(wildcard $(PYTHON_CODE))
SERVICES := identity members points coupons tiers
ARGS ?=

# ---- Setting up ------------------------------------------------------------------------------
# Stamps remember what .venv was synced from; `run` needs the runtime only, the rest the tools too.
RUNTIME := .venv/.stamp-run
DEV := .venv/.stamp-dev

$(RUNTIME): requirements/tools.txt requirements/standalone.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh standalone

$(DEV): requirements/tools.txt requirements/dev.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh dev

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run

.PHONY: run
run: $(RUNTIME) ## Serve everything from one process at http://127.0.0.1:8080 (data in ./var)
	@exec $(BIN)/python -m standalone $(ARGS)

.PHONY: up
up: ## Build and start the real stack with docker compose (one container a service and relay)
	@scripts/env.sh
	docker compose up --build --detach --wait $(ARGS)
	@grep ^LOYALTY_ADMIN_PASSWORD= .env

.PHONY: demo
demo: $(DEV) ## Tell one shopper's story in ten API calls
	@$(BIN)/python -m examples.demo $(ARGS)

.PHONY: replay
replay: $(DEV) ## Play real grocery baskets through the API and report (--households, --days, --seed)
	@$(BIN)/python -m examples.replay $(ARGS)

.PHONY: migrate
migrate: $(RUNTIME) ## Migrate every service's database (LOYALTY_<SERVICE>_MIGRATION_URL)
	@for service in $(SERVICES); do $(BIN)/python -m services.$$service migrate || exit 1; done

##@ Check

.PHONY: test
test: $(DEV) ## Run every tier of tests; installs RabbitMQ where missing (ARGS="unit green" picks tiers)
	@scripts/test.sh $(ARGS)

.PHONY: contracts
contracts: $(DEV) ## Run the Pact contract tests between services
	@scripts/test.sh contracts

.PHONY: lint
lint: $(DEV) ## Ruff, mypy --strict and the import contracts; all run, any failure fails
	@failed=0; \
	for check in "ruff check ." "ruff format --check ." "mypy $(CODE)" lint-imports; do \
		echo "== $${check%% *}"; $(BIN)/$$check || failed=1; \
	done; exit $$failed

.PHONY: types
types: $(DEV) ## mypy --strict alone
	$(BIN)/mypy $(CODE)

.PHONY: fmt
fmt: $(DEV) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: rules
rules: $(DEV) ## Which rule of the product is shown by which tests, and which by none
	@$(BIN)/python -m scripts.rules $(ARGS)

.PHONY: mutate
mutate: $(DEV) ## Change the ledger's rules one by one and report which changes no test notices
	@rm -rf mutants
	@$(BIN)/mutmut run --max-children $$(nproc) $(ARGS)
	@$(BIN)/python -m scripts.mutants

.PHONY: bench
bench: $(DEV) ## Measure sales/s through HTTP next to pgbench with the same SQL
	@$(BIN)/python -m benchmarks $(ARGS)

##@ Keep up

.PHONY: openapi
openapi: $(DEV) ## Write docs/reference/openapi.json from the code
	@$(BIN)/python -m gateway openapi > docs/reference/openapi.json.new
	@mv docs/reference/openapi.json.new docs/reference/openapi.json

.PHONY: permissions
permissions: $(DEV) ## Write docs/reference/permissions.md from the code
	@$(BIN)/python -m scripts.permissions > docs/reference/permissions.md.new
	@mv docs/reference/permissions.md.new docs/reference/permissions.md

.PHONY: lock
lock: $(DEV) ## Write the hashed locks again from pyproject.toml (ARGS=--upgrade for new versions)
	@scripts/lock.sh $(ARGS)

.PHONY: clean
clean: ## Remove .venv and the caches; ./var, the data of `make run`, stays
	rm -rf .venv build dist mutants *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
