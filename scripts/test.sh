#!/usr/bin/env bash
# Sets up, builds and runs every check and test. Stops at the first that fails.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

all_steps='setup format includes build ctest metrics transformers sanitize tsan fuzz tidy'
quick_steps='setup format includes build ctest'
full_steps='packages python'

usage() {
  cat <<END
usage: scripts/test.sh [--quick | --full] [STEP...]

  --quick   only: $quick_steps; and no tests labelled slow
  --full    fuzz each target with random inputs for ten minutes (PALS_FUZZ_SECONDS) instead of a
            fixed number of runs from a fixed seed; a fault at each operation on files instead of
            some; mutated files for an hour (PALS_MUTATION_SECONDS) instead of a fixed number; and the
            steps $full_steps
  STEP      only these steps, out of: $all_steps $full_steps

Golden vectors and GLUE are looked for in ../shared/reference and ../shared/glue unless
PALS_REFERENCE_DIR and PALS_GLUE_DIR say where they are; without them the committed subset is used.
END
}

quick='' full='' steps=''
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --full) full=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      if [[ " $all_steps $full_steps " != *" $argument "* ]]; then
        usage >&2
        die "unknown step $argument"
      fi
      steps+=" $argument"
      ;;
  esac
done
[ -n "$steps" ] || steps=${quick:+$quick_steps}
[ -n "$steps" ] || steps="$all_steps ${full:+$full_steps}"

for set in reference glue; do
  variable=PALS_${set^^}_DIR
  if [ -z "${!variable:-}" ] && [ -d "../shared/$set" ]; then
    export "$variable=$(cd "../shared/$set" && pwd)"
  fi
done
export PALS_MINILM_DIR=${PALS_MINILM_DIR:-$minilm}

[ -z "$full" ] || export PALS_FULL=1

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
# Sources that are built for a check alone are compiled several at once, in a third of the time.
unity=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=6)
# Tests run side by side, one more than cores, since some wait for servers: threads that wait must not spin.
export OMP_WAIT_POLICY=passive
passed=0 failed=0

# run_ctest BUILD ARGUMENTS...: runs tests, and adds to the totals of the closing line.
run_ctest() {
  local build=$1 log=$1/ctest.log status=0 bad=0 total=0
  shift
  ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(($(cores) + 1))" "$@" 2>&1 |
    tee "$log" || status=$?
  read -r bad total < <(sed -n 's/.* tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$log") || true
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  if [ "$status" != 0 ]; then
    echo "$passed passed, $failed failed"
    die "tests failed in $build/ (output: $log)"
  fi
}

step_setup() {
  local parts=(--build --weights --dev)
  if [[ " $steps " == *" transformers "* || " $steps " == *" python "* ]]; then parts+=(--transformers); fi
  if [[ " $steps " == *" metrics "* ]]; then parts+=(--metrics); fi
  scripts/setup.sh "${parts[@]}"
}

step_format() {
  find src tests bench examples python \( -name '*.h' -o -name '*.cpp' -o -name '*.inc' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
    xargs -0 clang-format-14 --dry-run -Werror || die "run clang-format-14 -i on the files above"
}

step_includes() {
  python3 scripts/check_includes.py --self-test
  python3 scripts/check_includes.py
}

# The kernels for GPUs take minutes for each sort of card: for one of them here.
step_build() { scripts/build.sh -DCMAKE_CUDA_ARCHITECTURES=90; }

step_ctest() { run_ctest build ${quick:+--label-exclude slow}; }

# Against scikit-learn and seqeval on the same data: of a fixed seed, with --full drawn anew each time. The same
# environment has clients of servers, and TensorBoard itself, which reads a run's events.
step_metrics() {
  local cases=build/metric_cases.json seed=1
  [ -z "$full" ] || seed=$RANDOM
  "$cache/venv-metrics/bin/python" tests/metric_cases.py "$cases" --seed "$seed" --rounds 5
  PALS_METRIC_CASES=$PWD/$cases build/eval_test --gtest_filter='MultiLabelMetrics.AgreeWith*:Entities.AgreeWith*'
  "$cache/venv-metrics/bin/python" tests/clients_check.py --pals build/pals
  (cd tests/e2e && PALS_BINARY=$repo/build/pals PALS_TENSORBOARD_PYTHON=$cache/venv-metrics/bin/python \
    python3 -B -m unittest -v test_reports.Reports.test_events)
}

step_transformers() {
  "$cache/venv-transformers/bin/python" tests/transformers_check.py --pals build/pals --model "$minilm"
  "$cache/venv-transformers/bin/python" tests/hub_check.py --pals build/pals
  "$cache/venv-transformers/bin/python" tests/convert_check.py --pals build/pals
  "$cache/venv-transformers/bin/python" tests/adapters_check.py --pals build/pals
  "$cache/venv-transformers/bin/python" tests/export_check.py --pals build/pals
  "$cache/venv-transformers/bin/python" tests/export_check.py --pals build/pals --before "$cache/venv-transformers/newest"
  "$cache/venv-transformers/bin/python" tests/tokenizer_lines.py build/tokenizer_lines.jsonl --lines 20000 --seed 2
  PALS_TOKENIZER_LINES=build/tokenizer_lines.jsonl build/text_test --gtest_filter='TransformersLines.*:TokenPlaces.ThoseOf*'
}

# The Python package, as pip builds it, in an environment of its own. Its torch is that of the transformers' one: a
# second copy would take 6 GB.
step_python() {
  local venv=build/venv-python python=build/venv-python/bin/python packages clusters=()
  [ -z "$full" ] || clusters=('ray[data]==2.*' 'pyspark==4.*' 'pyarrow')
  rm -rf "$venv"
  quietly build/venv-python.log "$cache/venv-transformers/bin/python" -m venv "$venv"
  packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  "$cache/venv-transformers/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' >"$packages/torch.pth"
  quietly build/pip-python.log "$python" -m pip install --disable-pip-version-check --no-input . 'scikit-learn==1.7.*' \
    'pandas==2.*' 'mypy==2.*' "${clusters[@]}"
  "$python" -m mypy --config-file pyproject.toml
  (cd build && "$repo/$python" -m mypy --config-file= --strict ../python/tests/typed_use.py) # of what is installed
  (cd python/tests && PALS_BINARY=$repo/build/pals "$repo/$python" -B -m unittest -v)
}

# The rooms that read outside data need no torch, which itself would not pass. One build has their tests and their
# fuzz targets.
build_sanitized() {
  mkdir -p build-fuzz
  quietly build-fuzz/configure.log cmake --preset fuzz "${launcher[@]}" "${unity[@]}"
  quietly build-fuzz/build.log cmake --build build-fuzz --parallel "$(build_jobs)"
}

step_sanitize() {
  build_sanitized
  ASAN_OPTIONS=detect_stack_use_after_return=1 run_ctest build-fuzz
}

# The tests of rooms without LibTorch whose files know threads: the others have no races to find.
threaded_tests() {
  local room
  for room in $(grep -rlE --include='*.cpp' --include='*.h' '^#include <(thread|mutex|atomic|condition_variable)>' src |
    cut -d/ -f2 | sort -u); do
    if [ -d "build-tsan/src/$room" ]; then echo "${room}_test"; fi
  done
}

# Encoding, decoding and rendering are to be called from any thread. (In a unit of several sources g++ takes unnamed
# namespaces for those of a header.)
step_tsan() {
  local tests
  mkdir -p build-tsan
  quietly build-tsan/configure.log cmake --preset tsan "${launcher[@]}" "${unity[@]}"
  mapfile -t tests < <(threaded_tests)
  quietly build-tsan/build.log cmake --build build-tsan --parallel "$(build_jobs)" --target "${tests[@]}"
  run_ctest build-tsan --tests-regex "^($(IFS='|' && echo "${tests[*]}"))\$"
}

# What a target found before lies in tests/data/fuzz/TARGET and is run first; a new finding goes there.
# Whether a change passes is not left to chance: the seed and the number of runs are fixed, and the inputs
# start from nothing. With --full they are random, and go on from those of the last time.
fuzz_one() {
  local target=$1 seeds=tests/data/fuzz/$1 log=build-fuzz/$1.log corpus finding limits
  if [ -n "$fuzz_seconds" ]; then
    corpus=build-fuzz/corpus/$target limits=(-max_total_time="$fuzz_seconds")
  else
    corpus=build-fuzz/fixed/$target limits=(-runs="$fuzz_runs" -seed=1)
    rm -rf "$corpus"
  fi
  mkdir -p "$corpus" "build-fuzz/found/$target"
  [ -d "$seeds" ] || seeds=''
  if ! "build-fuzz/$target" "${limits[@]}" -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/found/$target/" "$corpus" ${seeds:+"$seeds"} >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    for finding in "build-fuzz/found/$target"/*; do
      [ -e "$finding" ] || continue
      mkdir -p "tests/data/fuzz/$target"
      mv "$finding" "tests/data/fuzz/$target/"
    done
    echo "$target: a finding; its input is now in tests/data/fuzz/$target" >&2
    return 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
}

step_fuzz() {
  local fuzzers
  mapfile -t fuzzers < <(find src -name '*_fuzz.cpp' -exec basename -s .cpp {} \; | sort)
  build_sanitized
  export -f fuzz_one
  export fuzz_runs=8000 fuzz_seconds=${full:+${PALS_FUZZ_SECONDS:-600}}
  printf '%s\n' "${fuzzers[@]}" | xargs -P "$(cores)" -I{} bash -c 'fuzz_one {}' ||
    die "fuzzing found something (above)"
}

# clang cannot read g++'s precompiled headers, so it gets a configuration of its own.
step_tidy() {
  mkdir -p build-tidy
  quietly build-tidy/configure.log cmake -S . -B build-tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DPALS_CUDA=OFF
  python3 scripts/tidy.py build-tidy --budget "${PALS_TIDY_SECONDS:-120}" ||
    die "clang-tidy has findings (above)"
}

# The packages and the container's file, in bare Debian 12 folders where one can be made.
step_packages() {
  scripts/package.sh
  PALS_BINARY=$repo/build/pals python3 -B tests/packages_check.py
  PALS_BINARY=$repo/build/pals python3 -B tests/container_check.py
}

for step in $steps; do
  say "[$((SECONDS / 60)) min $((SECONDS % 60)) s] $step"
  "step_$step"
done
say "[$((SECONDS / 60)) min $((SECONDS % 60)) s] all steps done"
[ $((passed + failed)) = 0 ] || echo "$passed passed, $failed failed"
