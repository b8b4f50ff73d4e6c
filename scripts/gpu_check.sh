#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: builds, runs the tests that use it, looks for faults of the kernels with
# compute-sanitizer, and times. All steps are tried; ends with a summary, and status 1 if any failed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"

all_steps='build tests golden sanitizer compare profile'

usage() {
  cat <<END
usage: scripts/gpu_check.sh [--build FOLDER] [--deps FOLDER] [--rounds N] [STEP...]
       scripts/gpu_check.sh [--build FOLDER] pack | pack_recipes FILE

  pack FILE       needs no GPU: an archive (.tar.zst) of the programs of a finished build (default: build), the libraries
                  they need but for LibTorch, golden sets and rows. Unpacked on a machine with a GPU, its
                  scripts/gpu_check.sh runs without building
  pack_recipes FILE  likewise, of what bench/recipes.py needs: the program, rows, and the model of PALS_MINILM_DIR in bf16.
                  There the step "recipes" runs its settings, each seed of PALS_RECIPES_SEEDS (1 2 3) by itself and
                  all at once, with the flags of PALS_RECIPES ("--only 'alone/*' --budget_minutes 8"), into
                  build-gpu/recipes, and goes on when it is called again
  --build FOLDER  a finished build, which is taken as it is; otherwise build-gpu/ is built
  --deps FOLDER   Debian packages unpacked by hand (docs/gpu.md), for a machine without them
  --rounds N      of bench/compare.py (default: 5)
  STEP            only these steps, out of: $all_steps

Needs an NVIDIA driver, nvcc 13, CMake, Ninja, g++ 12 and LibTorch with its part for GPUs: PALS_LIBTORCH, or that
of python3's torch. compare needs GLUE in PALS_GLUE_DIR, a vocabulary in PALS_MINILM_DIR, and transformers in
PALS_PEERS_PYTHON (default: python3); it leaves out peers that do not run.
END
}

build='' deps='' rounds=5 steps='' archive='' packer=''
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
    pack | pack_recipes)
      [ $# -eq 2 ] || die "$1 needs the name of a file, and comes last"
      packer=$1 archive=$2
      shift
      ;;
    *)
      if [[ " $all_steps recipes " != *" $1 "* ]]; then
        usage >&2
        die "unknown option or step $1"
      fi
      steps+=" $1"
      ;;
  esac
  shift
done
[ -n "$steps" ] || steps=$all_steps

on_gpu='*/cuda_fp32:*/cuda_bf16:*/cuda_fp16'  # the kernels' tests
programs=(pals kernels_test device_test golden_model_test golden_heads_test golden_minilm_test load_cuda_library contestant)

# place_of PROGRAM: in the build folder.
place_of() { if [ -x "$build/$1" ]; then echo "$build/$1"; else echo "$build/bench/$1"; fi; }

# What every Linux has, and what LibTorch brings.
not_packed='^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libutil|libtorch.*|libc10.*|libcud.*|libcupti.*)\.so'

# The machine is often lent for minutes: nothing is built or fetched there.
# stage PROGRAM...: programs, their libraries, rows and scripts in a folder to pack.
stage() {
  local program name path
  build=${build:-build}
  [ -f "$build/libpals_cuda.so" ] || die "there is no $build/libpals_cuda.so; build with -DPALS_CUDA=ON"
  [ -d "${PALS_GLUE_DIR:-}" ] || die "PALS_GLUE_DIR must name the folder of GLUE's rows, which are packed"
  staging=$(mktemp -d)
  trap 'rm -rf "$staging"' EXIT  # which outlives this function
  folder=$staging/gpu-check
  mkdir -p "$folder/build/bench" "$folder/lib" "$folder/scripts" "$folder/vocabulary"
  for program in "$@"; do
    path=$(place_of "$program")
    [ -x "$path" ] || die "there is no $program in $build/"
    strip -o "$folder/build/${path#"$build"/}" "$path"
  done
  strip -o "$folder/build/libpals_cuda.so" "$build/libpals_cuda.so"
  while read -r name path; do
    [[ $name =~ $not_packed ]] || cp -L "$path" "$folder/lib/$name"
  done < <(ldd "${@/#/"$build/"}" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u)
  cp scripts/gpu_check.sh scripts/common.sh "$folder/scripts/"
  cp -r bench configs "$folder/"
  cp -r "$PALS_GLUE_DIR" "$folder/glue"
  cp "$minilm"/*.txt "$minilm"/*.json "$folder/vocabulary/"
}

pack() {
  [ -d "${PALS_REFERENCE_DIR:-}" ] || die "PALS_REFERENCE_DIR must name the folder of the golden sets, which are packed"
  stage "${programs[@]}"
  cp -r "$PALS_REFERENCE_DIR" "$folder/reference"
  write_archive
}

pack_recipes() {
  stage pals
  python3 scripts/half_weights.py "$minilm/model.safetensors" "$folder/vocabulary/model.safetensors"
  write_archive
}

write_archive() {
  mkdir -p "$(dirname "$archive")"
  tar --create --directory "$staging" --owner=0 --group=0 gpu-check | zstd --quiet --force -19 -T0 -o "$archive.part"
  mv "$archive.part" "$archive"
  say "$archive: $(($(stat -c %s "$archive") / 1048576)) MiB; unpack it and run gpu-check/scripts/gpu_check.sh"
}

minilm=${PALS_MINILM_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pals/models/all-MiniLM-L6-v2}
if [ -n "$archive" ]; then
  "$packer"
  exit 0
fi
if [ -d "$repo/vocabulary" ] && [ ! -d "$repo/src" ]; then  # unpacked from such an archive
  build=${build:-build}
  export LD_LIBRARY_PATH=$repo/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export PALS_REFERENCE_DIR=$repo/reference PALS_GLUE_DIR=$repo/glue
  minilm=$repo/vocabulary
fi

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

# Programs that were built elsewhere look for LibTorch where it was there.
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$PALS_LIBTORCH/lib

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
  # Each under three minutes, so that one that a machine has no time for loses no other.
  local part rows
  for rows in 32 256; do
    for part in train predict; do
      check "compare $part $rows" env PALS_MINILM_DIR="$minilm" "$python" bench/compare.py gpu --part "$part" \
        --batch_size "$rows" --ready_seconds 60 --build "$build" --python "$python" --rounds "$rounds"
    done
  done
}

# A table of the kernels of one step, in their order, by their durations.
step_profile() {
  local kind
  if [ -z "${PALS_GLUE_DIR:-}" ] || ! command -v ncu >/dev/null; then
    left_out profile "it needs GLUE in PALS_GLUE_DIR, and ncu in PATH (it comes with CUDA)"
    return
  fi
  for kind in train predict; do
    check "profile $kind" "$python" bench/gpu_profile.py "$kind" --build "$build" --vocab_file "$minilm/vocab.txt" \
      --output "$logs/profile-$kind.csv"
  done
}

# Only where it is asked for by name: hours.
step_recipes() {
  local seed results=$repo/build-gpu/recipes
  mkdir -p "$results"
  eval "set -- ${PALS_RECIPES:-}"
  for seed in ${PALS_RECIPES_SEEDS:-1 2 3}; do
    "$python" bench/recipes.py run --data_dir "$PALS_GLUE_DIR" --model "$minilm" --pals "$build/pals" --threads 4 --seeds "$seed" \
      --output_dir "$results" --results "$results/seed-$seed.jsonl" "$@" >"$results/seed-$seed.log" 2>&1 &
  done
  wait
  tail -n 2 "$results"/seed-*.log
  summary+=("recipes: $(cat "$results"/seed-*.jsonl | wc -l) runs have ended; their lines are in ${results#"$repo/"}")
}

if [[ " $steps " == *' recipes '* ]]; then programs=(pals); fi
for step in $all_steps recipes; do
  if [[ " $steps " == *" $step "* ]]; then "step_$step"; fi
  if [ "$step" = build ]; then
    build=${build:-build-gpu}
    for program in "${programs[@]}"; do
      [ -x "$(place_of "$program")" ] || die "there is no $program in $build/ (output: ${logs#"$repo"/})"
    done
  fi
done

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
printf '%s\n' "${summary[@]}"
for log in "$logs"/compare-*.log "$logs"/profile-*.log; do
  if [ -s "$log" ]; then grep -v "^{\|: round \|^starting\|^==" "$log" || true; fi
done
[ -z "$failed" ] || die "some checks failed"
