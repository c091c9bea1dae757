# make run    the whole stack on this machine, page at http://localhost:9090
# make test   everything that must pass: lints, Rust, upstream's corpora if at hand, web interface
# make bench  side-by-side runs against the real programs (see bench/README.md)
.PHONY: run test bench lint test-rust test-ui ui

export CARGO_TARGET_DIR ?= $(HOME)/.cache/narthex-target

run:
	cargo run --release -- up

test: lint test-rust test-ui

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test-rust:
	cargo test --workspace

# Needs Node and Chromium; says so and goes on where they are missing.
test-ui:
	bash ui/test.sh

# Builds the web interface into ui/dist, which is committed.
ui:
	cd ui && npm ci --no-audit --no-fund && npm run check && npm run build

bench:
	bash bench/run.sh
