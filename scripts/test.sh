#!/usr/bin/env bash
# Sets up, builds and runs every check and test. Stops at the first that fails.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

usage() {
  cat <<END
usage: scripts/test.sh [--quick]

  --quick   leaves out: tests labelled slow, the comparison with transformers, sanitizers, fuzzing, tidy

Golden vectors and GLUE are looked for in ../shared/reference and ../shared/glue unless
PALS_REFERENCE_DIR and PALS_GLUE_DIR say where they are; without them the committed subset is used.
END
}

quick=''
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      die "unknown option $argument"
      ;;
  esac
done

started=$SECONDS
step() { say "[$(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s] $*"; }

if [ -z "${PALS_REFERENCE_DIR:-}" ] && [ -d ../shared/reference ]; then
  PALS_REFERENCE_DIR=$(cd ../shared/reference && pwd)
  export PALS_REFERENCE_DIR
fi
if [ -z "${PALS_GLUE_DIR:-}" ] && [ -d ../shared/glue ]; then
  PALS_GLUE_DIR=$(cd ../shared/glue && pwd)
  export PALS_GLUE_DIR
fi

passed=0 failed=0

# run_ctest BUILD ARGUMENTS...: runs tests, and adds to the totals of the closing line.
run_ctest() {
  local build=$1 log=$1/ctest.log status=0 total bad
  shift
  ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(cores)" "$@" 2>&1 | tee "$log" || status=$?
  read -r bad total < <(sed -n 's/.* tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$log" | tail -n 1) || true
  passed=$((passed + ${total:-0} - ${bad:-0}))
  failed=$((failed + ${bad:-0}))
  if [ "$status" != 0 ]; then
    echo "$passed passed, $failed failed"
    die "tests failed in $build/ (see $log)"
  fi
}

step "set-up"
if [ -n "$quick" ]; then
  scripts/setup.sh --build --weights --dev
else
  scripts/setup.sh --build --weights --dev --transformers
fi
export PALS_MINILM_DIR=${PALS_MINILM_DIR:-$minilm}
export PALS_TRANSFORMERS_PYTHON=${PALS_TRANSFORMERS_PYTHON:-$cache/venv-transformers/bin/python}

step "format"
find src tests bench \( -name '*.h' -o -name '*.cpp' -o -name '*.inc' \) -print0 |
  xargs -0 clang-format-14 --dry-run -Werror || die "run clang-format-14 -i on the files above"

step "include directions"
python3 scripts/check_includes.py --self-test
python3 scripts/check_includes.py

step "build"
scripts/build.sh

if [ -n "$quick" ]; then
  step "tests"
  run_ctest build --label-exclude slow
  echo "$passed passed, $failed failed"
  exit 0
fi

step "tests: unit, golden, slow"
run_ctest build

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

step "sanitizers on the rooms that read outside data"
mkdir -p build-asan
quietly build-asan/configure.log cmake --preset asan "${launcher[@]}"
quietly build-asan/build.log cmake --build build-asan --parallel "$(build_jobs)"
ASAN_OPTIONS=detect_stack_use_after_return=1 run_ctest build-asan

fuzz_seconds=${PALS_FUZZ_SECONDS:-10}
step "fuzzing, $fuzz_seconds s a target"
mkdir -p build-fuzz
quietly build-fuzz/configure.log cmake --preset fuzz "${launcher[@]}"
mapfile -t fuzzers < <(find src -name '*_fuzz.cpp' -exec basename -s .cpp {} \; | sort)
quietly build-fuzz/build.log cmake --build build-fuzz --parallel "$(build_jobs)" --target "${fuzzers[@]}"

# What a target found before lies in tests/data/fuzz/TARGET and is run first; a new finding is put there.
fuzz_one() {
  local target=$1 seeds=tests/data/fuzz/$1 log=build-fuzz/$1.log
  mkdir -p "build-fuzz/corpus/$target"
  [ -d "$seeds" ] || seeds=''
  if ! "build-fuzz/$target" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$target." "build-fuzz/corpus/$target" ${seeds:+"$seeds"} >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    mkdir -p "tests/data/fuzz/$target"
    find build-fuzz -maxdepth 1 -name "$target.*-*" -exec sh -c 'cp "$1" "$2/${1##*.}"' _ {} "tests/data/fuzz/$target" \;
    echo "$target: a finding; its input was copied to tests/data/fuzz/$target" >&2
    return 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
}
export -f fuzz_one
export fuzz_seconds
printf '%s\n' "${fuzzers[@]}" | xargs -P "$(cores)" -I{} bash -c 'fuzz_one {}' || die "fuzzing found something (above)"

step "clang-tidy"
mkdir -p build-tidy
quietly build-tidy/configure.log cmake -S . -B build-tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON
python3 scripts/tidy.py build-tidy --budget "${PALS_TIDY_SECONDS:-240}" || die "clang-tidy has findings (above)"

step "all done"
echo "$passed passed, $failed failed"
