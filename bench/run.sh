#!/usr/bin/env bash
# `make bench`: the side-by-side runs, short. PROMETHEUS names the folder with
# upstream's programs; results go to bench/results/.
set -euo pipefail
cd "$(dirname "$0")"
out=results/$(date -u +%Y-%m-%d).txt
mkdir -p results
{
  echo "# make bench, $(date -u +%FT%TZ), commit $(git rev-parse --short HEAD)"
  for run in "load.py --seconds ${SECONDS_LOAD:-180}" "queries.py --seconds ${SECONDS_QUERIES:-120}" "crash.py --kills ${KILLS:-3}" "compare.py --seconds ${SECONDS_COMPARE:-210}"; do
    echo
    echo "## $run"
    # shellcheck disable=SC2086
    python3 $run --prometheus "${PROMETHEUS:-}" || echo "FAILED: $run"
  done
} 2>&1 | tee "$out"
! grep -q '^FAILED' "$out"
