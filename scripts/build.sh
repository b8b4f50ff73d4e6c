#!/usr/bin/env bash
# Configures and builds build/ (Release). Extra arguments go to CMake's configuration.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
# With a precompiled header ccache must not look at the header's time stamp.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
mkdir -p build
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" "$@" >build/configure.log 2>&1 || {
  tail -n 30 build/configure.log >&2
  die "CMake's configuration failed; if something is missing, run scripts/setup.sh --build"
}
say "building build/ with $(build_jobs) jobs"
cmake --build build --parallel "$(build_jobs)"
