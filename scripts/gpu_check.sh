#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: builds, runs the tests that use it, looks for faults of the kernels with
# compute-sanitizer, and times. All steps are tried; ends with a summary, and status 1 if any failed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

all_steps='build tests golden sanitizer compare'

usage() {
  cat <<END
usage: scripts/gpu_check.sh [--build FOLDER] [--deps FOLDER] [--rounds N] [STEP...]

  --build FOLDER  a finished build, which is taken as it is; otherwise build-gpu/ is built
  --deps FOLDER   Debian packages unpacked by hand (docs/gpu.md), for a machine without them
  --rounds N      of bench/compare.py (default: 5)
  STEP            only these steps, out of: $all_steps

Needs an NVIDIA driver, nvcc 13, CMake, Ninja, g++ 12 and LibTorch with its part for GPUs: PALS_LIBTORCH, or that
of python3's torch. compare needs GLUE in PALS_GLUE_DIR, a vocabulary in PALS_MINILM_DIR, and transformers in
PALS_PEERS_PYTHON (default: python3); it leaves out peers that do not run.
END
}

build='' deps='' rounds=5 steps=''
while [ $# -gt 0 ]; do
  case $1 in
    --build | --deps | --rounds)
      [ $# -gt 1 ] || die "$1 needs a value"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      if [[ " $all_steps " != *" $1 "* ]]; then
        usage >&2
        die "unknown option or step $1"
      fi
      steps+=" $1"
      ;;
  esac
  shift
done
[ -n "$steps" ] || steps=$all_steps

[[ "$(nvidia-smi -L 2>/dev/null || true)" == GPU* ]] || die "there is no NVIDIA GPU here (nvidia-smi -L names none)"

python=${PALS_PEERS_PYTHON:-python3}
if [ -z "${PALS_LIBTORCH:-}" ] && [ ! -e "$libtorch/torch/lib/libtorch_cuda.so" ]; then
  PALS_LIBTORCH=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') ||
    die "no LibTorch: neither $libtorch nor in $python; PALS_LIBTORCH names another place"
fi
export PALS_LIBTORCH=${PALS_LIBTORCH:-$libtorch}
if [ -n "$deps" ]; then
  deps=$(cd "$deps" && pwd)
  export CMAKE_PREFIX_PATH=$deps/usr CMAKE_LIBRARY_PATH=$deps/usr/lib/x86_64-linux-gnu
  export LD_LIBRARY_PATH=$deps/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

logs=$repo/build-gpu/checks
mkdir -p "$logs"
summary=() failed=''

# check NAME COMMAND...: runs it with its output in a log, and keeps what became of it.
check() {
  local name=$1 log=$logs/${1// /-}.log began=$SECONDS verdict=passed
  shift
  say "$name"
  "$@" >"$log" 2>&1 || verdict=FAILED
  if [ "$verdict" = FAILED ]; then
    failed=1
    tail -n 20 "$log" >&2
  fi
  summary+=("$(printf '%-24s %-8s %5d s  %s' "$name" "$verdict" $((SECONDS - began)) "${log#"$repo"/}")")
}

# gpu_tests PROGRAM FILTER: tests of which at least one must run.
gpu_tests() { "$1" --gtest_filter="$2" | tee >(cat >&2) | grep '^\[  PASSED  \] [1-9]' >/dev/null; }

left_out() { summary+=("$(printf '%-24s left out: %s' "$1" "$2")"); }

on_gpu='*/cuda_fp32:*/cuda_bf16:*/cuda_fp16'  # the kernels' tests
programs=(pals kernels_test device_test golden_model_test golden_heads_test golden_minilm_test load_cuda_library contestant)

# The machine may have a compiler that warns of more than ours.
make_build() {
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPALS_CUDA=ON -DPALS_WERROR=OFF &&
    cmake --build "$build" --parallel "$(build_jobs)" --target "${programs[@]}" pals_cuda
}

step_build() {
  if [ -n "$build" ]; then
    left_out build "$build is taken as it is"
  else
    build='build-gpu'
    check build make_build
  fi
}

step_tests() {
  check library "$build/load_cuda_library" "$build/libpals_cuda.so"
  check kernels gpu_tests "$build/kernels_test" "$on_gpu"
  check devices gpu_tests "$build/device_test" '*_gpu:*/gpu:Devices.*:SimulatedDevice.*:DeviceRun.*'
  check ranks gpu_tests "$build/device_test" 'DeviceRanks.*'
}

step_golden() {
  local test
  for test in golden_model_test golden_heads_test golden_minilm_test; do
    check "$test" env PALS_TEST_DEVICE=cuda "$build/$test"
  done
}

# LibTorch's allocator hands out parts of large pieces, so that what lies outside a tensor would look right.
step_sanitizer() {
  local tool
  if ! command -v compute-sanitizer >/dev/null; then
    left_out sanitizer "there is no compute-sanitizer in PATH (it comes with CUDA)"
    return
  fi
  for tool in memcheck racecheck initcheck synccheck; do
    check "$tool" env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --error-exitcode 1 \
      --target-processes all "$build/kernels_test" --gtest_filter="$on_gpu"
  done
}

step_compare() {
  if [ -z "${PALS_GLUE_DIR:-}" ] || ! "$python" -c 'import torch, transformers' 2>/dev/null; then
    left_out compare "it needs GLUE in PALS_GLUE_DIR, and torch and transformers in $python"
    return
  fi
  check compare "$python" bench/compare.py gpu --build "$build" --python "$python" --rounds "$rounds"
}

for step in $all_steps; do
  if [[ " $steps " == *" $step "* ]]; then "step_$step"; fi
  if [ "$step" = build ]; then
    build=${build:-build-gpu}
    for program in "${programs[@]}"; do
      [ -x "$build/$program" ] || [ -x "$build/bench/$program" ] || die "there is no $program in $build/ (output: ${logs#"$repo"/})"
    done
  fi
done

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
printf '%s\n' "${summary[@]}"
[ ! -s "$logs/compare.log" ] || grep -v '^{\|: round \|^starting' "$logs/compare.log"
[ -z "$failed" ] || die "some checks failed"
