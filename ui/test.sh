#!/usr/bin/env bash
# Tests of the web interface: types, units, that the committed bundle matches its
# source, and the page in a real browser against the built program.
set -euo pipefail
cd "$(dirname "$0")"

skip() {
  echo "web interface: SKIPPED $1"
  exit 0
}
command -v npm >/dev/null || skip "(npm is not installed)"

npm ci --no-audit --no-fund --loglevel=error
npm run --silent check
npm run --silent test

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
npx vite build --outDir "$built" --emptyOutDir --logLevel warn
diff -r "$built" dist || { echo "web interface: ui/dist does not match its source: run 'make ui' and commit it"; exit 1; }

browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[ -n "$browser" ] || skip "its browser tests (no Chromium; set CHROMIUM to its path)"
cargo build --manifest-path ../Cargo.toml -p narthex
target=$(cargo metadata --manifest-path ../Cargo.toml --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
NARTHEX="$target/debug/narthex" CHROMIUM="$browser" npm run --silent e2e
