# python3, make and the package registries are all this needs. `make help` lists the targets.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs lab soak bench dist lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv with every member, and the web client; quick when nothing changed
	@$(PYTHON) scripts/setup.py

demo: setup ## a call on this machine, and the link where a browser joins it; ARGS="--seconds 10", ARGS=--lan
	@$(BIN)/jackfield demo $(ARGS)

lint: setup ## ruff, and mypy --strict on the framework
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

test: lint ## every test; APT=1 or CI=true installs the system packages; ARGS="-k name"
	@$(BIN)/python -m tests.lab.system
	@$(BIN)/python -m tests.lab.suite $(ARGS)

docs: setup ## docs/reference anew, from the code
	@$(BIN)/python -m scripts.reference

lab: setup ## every hardware test, in one virtual machine; ARGS="-k name"
	@$(BIN)/python -m tests.lab.system
	@$(BIN)/python -m tests.lab.vm $(ARGS)

soak: setup ## the tests that run for long
	@$(BIN)/python -m pytest -m "soak and not vm" $(ARGS)

bench: setup ## latency, CPU, memory, loss and the server beside their peers; ARGS="sfu --markdown"
	@PATH="$(CURDIR)/.peers/bin:$$PATH" $(BIN)/jackfield bench $(ARGS)

dist: setup ## every wheel into dist/, web client inside
	@$(BIN)/python scripts/dist.py

lock: setup ## requirements.lock anew; ARGS=--upgrade
	@$(BIN)/python scripts/lock.py $(ARGS)

clean: ## everything that was made
	@rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache framework/web/node_modules framework/web/dist framework/src/jackfield/server/service/static
	@find . -name __pycache__ -type d -not -path './.peers/*' -prune -exec rm -rf {} +
