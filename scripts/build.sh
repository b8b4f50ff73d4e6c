#!/usr/bin/env bash
# Configures and builds build/ (Release).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

target=all
case ${1:-} in
  --program)
    target=program
    shift
    ;;
  --library)
    target=library
    shift
    ;;
  -h | --help)
    echo "usage: scripts/build.sh [--program | --library] [ARGUMENT...]

  --program   only build/pals (and build/libpals_cuda.so where there is a CUDA compiler), in half the time:
              no tests, benchmarks and library
  --library   only the static libraries for programs in C++, which the Python package is made of
  ARGUMENT    for CMake's configuration, such as -DPALS_CUDA=OFF"
    exit 0
    ;;
esac
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
cmake --build build --parallel "$(build_jobs)" --target "$target"
