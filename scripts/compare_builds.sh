#!/usr/bin/env bash
# Runs the same commands with the programs of two build folders and compares what they make, bit for bit.
# usage: scripts/compare_builds.sh OLD NEW [--quick] [--self-test] [--only WORD]; --help tells more.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"
exec python3 -B tests/compare_builds.py "$@"
