# Every chore, one line each: `make help`.

.DEFAULT_GOAL := help
.PHONY: help run test test-rust fuzz test-clients test-pages lint fmt deny schema bench soak screenshots image clean

help: ## List the chores
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 18

run: ## Install what is missing on this machine, then serve on http://localhost:8080
	@scripts/install.sh run
	cargo run

test: ## Everything: formatting, lints, licences, Rust tests, real MCP clients, pages in a browser
	@scripts/install.sh test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory deny
	@$(MAKE) --no-print-directory test-rust
	@$(MAKE) --no-print-directory test-clients
	@$(MAKE) --no-print-directory test-pages

test-rust: ## Rust tests, over HTTP against a real PostgreSQL
	cargo test

fuzz: ## Feed every parser that faces the network with bent samples, 200,000 of each
	PORTCULLIS_FUZZ_CASES=200000 cargo test --release --test it -- fuzz --nocapture

test-clients: ## Real MCP clients, OAuth libraries and MCP's conformance suite against the program
	@scripts/install.sh clients
	cargo build
	npm --prefix tests run test:clients

test-pages: ## The pages in Chromium
	@scripts/install.sh pages
	cargo build
	npm --prefix tests run test:pages

lint: ## Check formatting and lints
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

fmt: ## Format the Rust code
	cargo fmt

deny: ## Check licences, bans and sources of dependencies
	@scripts/install.sh deny
	cargo deny check licenses bans sources

schema: ## Write src/schema.rs anew from the migrations
	@scripts/install.sh schema
	scripts/schema.sh

bench: ## Measure calls through the gate and the token endpoint, each beside a peer, and what keys and policies cost
	@scripts/install.sh bench
	cargo bench --bench gateway
	cargo bench --bench guarded_call
	cargo bench --bench token_endpoint
	cargo bench --bench api_keys
	cargo bench --bench policy

soak: ## Watch the gate's memory for an hour of streams that come and go; MINUTES=10 for less
	@scripts/install.sh run
	cargo bench --bench soak -- $(or $(MINUTES),60)

screenshots: ## Take the pictures of the pages that the documentation shows
	@scripts/install.sh pages
	cargo build
	npm --prefix tests run screenshots

image: ## Build the container image portcullis:latest
	docker build --tag portcullis .

clean: ## Delete what was built or installed here; data stays
	cargo clean
	rm -rf tests/node_modules tests/.venv* benches/peer/.venv
