# Everything there is to run. Rust and make are enough for run, build and test; check-all also needs Python 3 and cargo-deny.

VENV := .venv
TOOLS := $(VENV)/installed
TEMPLATE := infra/template.yaml
# `make run ARGS="--speed 60 --no-demo"`
ARGS ?=

.DEFAULT_GOAL := help
# `make sim SEEDS=500`, `make sim SEED=17 SCENARIO=outage`, `make sim PLANTED=all`; `list` names scenarios and defects.
SIM_ARGS = $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SCENARIO),--scenario $(SCENARIO)) \
	$(if $(PLANTED),--planted $(PLANTED)) $(if $(TRACE),--trace)

# `make fuzz TARGET=rules SECONDS=600`. What it finds stays in `target/fuzz`.
TARGET ?= webhook
SECONDS ?= 60
FOUND := target/fuzz/found/$(TARGET)
# Seconds and bytes of one input as in `tests/tests/fuzz.rs`; memory for the functions and the engines below them.
FUZZER_ARGS = -max_total_time=$(SECONDS) -timeout=15 -max_len=65536 -rss_limit_mb=4096 -artifact_prefix=$(FOUND)-

# `make bench QUICK=1`, `make bench FULL=1`, `make bench PART="cycle tick"`, `make bench ARGS=--readme`
BENCH_ARGS = $(if $(QUICK),--size quick) $(if $(FULL),--size full) $(PART) $(ARGS)

.PHONY: help run build test sim law load bench fuzz lint check-all deny infra lambda api clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run all of Redial on this machine, with a simulated phone network (ARGS="--help" lists options)
	cargo run -p redial-cli -- local $(ARGS)

build: ## Build target/release/redial
	cargo build --release -p redial-cli

test: ## Run all tests
	cargo test --workspace --no-fail-fast

sim: ## Run the functions in hostile worlds and judge what was called (SEEDS=20 | SEED=x, SCENARIO=name, PLANTED=all, TRACE=1)
	cargo build --quiet --workspace --bin sim
	$${CARGO_TARGET_DIR:-target}/debug/sim $(SIM_ARGS)

law: ## Hold the calling hours against a second reading of the law book on every minute of two years
	cargo test --profile load --workspace --test law_by_the_minute

load: ## Push 100,000 webhooks and an opening of 100,000 leads through one machine, and replay as many calls (ARGS="--help" lists sizes)
	cargo run --profile load -p redial-tests --bin load -- $(ARGS)

bench: ## Measure what Redial costs and how fast it is, in one table (QUICK=1 | FULL=1, PART=name; ARGS=--readme writes the last run into the documents)
	cargo build --profile load --workspace --bins
	$${CARGO_TARGET_DIR:-target}/load/bench $(BENCH_ARGS)

fuzz: ## Look for inputs that break something; needs a nightly compiler and cargo-fuzz (TARGET=webhook SECONDS=60)
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2; exit 1; }
	mkdir -p $(FOUND)
	cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none $(TARGET) \
		$(FOUND) tests/fuzz/corpus/$(TARGET) tests/payloads -- $(FUZZER_ARGS)

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

check-all: lint deny infra lambda api ## Check everything that `make test` does not

deny: ## Check licences, banned crates and sources of dependencies
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny check licenses bans sources

infra: $(TOOLS) ## Check the AWS template
	$(VENV)/bin/cfn-lint $(TEMPLATE)
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/sam validate --lint --template $(TEMPLATE)

lambda: $(TOOLS) ## Build the Lambdas as they ship, and send one webhook through `cargo lambda watch`
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" .ci/lambda-check

api: $(TOOLS) ## Send thousands of made-up requests to the API, by its own description (SEED=7 repeats a run)
	$(VENV)/bin/python .ci/api-check

clean-data: ## Forget what `make run` has stored
	rm -rf .redial

$(TOOLS): .ci/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement .ci/requirements.txt
	touch $@
