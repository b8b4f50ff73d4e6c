# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: where things lie, and how to speak and stop.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pals
torch_version=2.11.0
libtorch=${PALS_LIBTORCH:-$cache/deps/torch-$torch_version}
minilm=$cache/models/all-MiniLM-L6-v2

say() { printf '%s\n' "==> $*"; }

die() {
  printf '%s\n' "${0##*/}: $*" >&2
  exit 1
}

# quietly LOG COMMAND...: runs a long command with its output in a file, shown only if it fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "failed: $* (whole output: $log)"
  fi
}

cores() { nproc 2>/dev/null || echo 2; }

# One job per core, but no more than one for each 2 GiB: a file that includes ATen takes about 1 GiB.
build_jobs() {
  local memory_gib jobs
  memory_gib=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || echo 4)
  jobs=$(cores)
  [ "$jobs" -le $((memory_gib / 2)) ] || jobs=$((memory_gib / 2))
  [ "$jobs" -ge 1 ] || jobs=1
  echo "$jobs"
}
