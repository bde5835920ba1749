# Everything there is to run. Rust and make are enough for run, build and test; check-all also needs Python 3 and cargo-deny.

VENV := .venv
TOOLS := $(VENV)/installed
TEMPLATE := infra/template.yaml
# `make run ARGS="--speed 60 --no-demo"`
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test lint check-all deny infra lambda clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run all of Redial on this machine, with a simulated phone network (ARGS="--help" lists options)
	cargo run -p redial-cli -- local $(ARGS)

build: ## Build target/release/redial
	cargo build --release -p redial-cli

test: ## Run all tests
	cargo test --workspace

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

check-all: lint deny infra lambda ## Check everything that `make test` does not

deny: ## Check licences, banned crates and sources of dependencies
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny check licenses bans sources

infra: $(TOOLS) ## Check the AWS template
	$(VENV)/bin/cfn-lint $(TEMPLATE)
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/sam validate --lint --template $(TEMPLATE)

lambda: $(TOOLS) ## Build the Lambdas as they ship, and send one webhook through `cargo lambda watch`
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" .ci/lambda-check

clean-data: ## Forget what `make run` has stored
	rm -rf .redial

$(TOOLS): .ci/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement .ci/requirements.txt
	touch $@
