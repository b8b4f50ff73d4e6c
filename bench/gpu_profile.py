#!/usr/bin/env python3
"""The kernels of one training step, or of one batch of prediction, on an NVIDIA GPU: how often each runs, and how long.

  bench/gpu_profile.py train             BERT-base + PALs(204) in bf16, 32 rows of GLUE
  bench/gpu_profile.py predict           BERT-base in bf16, sorted by length
  bench/gpu_profile.py table FILE.csv    the table of an earlier profile

Runs build/bench/contestant under Nsight Compute's `ncu` with one metric, the kernels' durations, so that no kernel is run
twice. The first batches record CUDA graphs; the table is of the last batch, which is found by what repeats. Kernels are
timed one at a time: work on a branch of a graph counts in full. `--in_order` prints the kernels as they came.
"""

import argparse
import collections
import csv
import json
import os
import re
import shutil
import subprocess
import sys

from sides import show_lines

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pals")
MINILM = os.environ.get("PALS_MINILM_DIR") or os.path.join(CACHE, "models", "all-MiniLM-L6-v2")
METRIC = "gpu__time_duration.sum"
MICROSECONDS = {"nsecond": 1e-3, "ns": 1e-3, "usecond": 1.0, "us": 1.0, "msecond": 1e3, "ms": 1e3, "second": 1e6, "s": 1e6}
BATCHES = 5  # the first is computed call by call, the second recorded
FLAGS = {"train": ["--adapter", "pals"], "predict": ["--order", "sorted"]}

Kernel = collections.namedtuple("Kernel", "name grid microseconds")


def short_name(name):
    """A kernel's name without namespaces, arguments, and all of its template's but a tile's shape."""
    name = re.sub(r"^(void|static) ", "", name)
    shape = re.search(r"\d+x\d+(x\d+|_\d+x\d+)?[A-Za-z0-9_]*", name)
    head = re.split(r"[<(]", name.replace("(anonymous namespace)::", ""), maxsplit=1)[0].split("::")[-1]
    return head if not shape or shape.group() in head else f"{head} {shape.group()}"


def read_kernels(lines, source):
    """The kernels of ncu's CSV in their order; ncu's own messages lie between the lines."""
    rows = [line for line in lines if line.startswith('"')]
    if not rows:
        sys.exit(f"{source}: no line of CSV; did ncu measure anything? (it may need permission: ERR_NVGPUCTRPERM)")
    kernels = []
    for row in csv.DictReader(rows):
        if row.get("Metric Name") != METRIC:
            continue
        unit = row["Metric Unit"]
        if unit not in MICROSECONDS:
            sys.exit(f"{source}: {METRIC} in {unit}; expected {', '.join(MICROSECONDS)}")
        microseconds = float(row["Metric Value"].replace(",", "")) * MICROSECONDS[unit]
        kernels.append(Kernel(short_name(row["Kernel Name"]), row["Grid Size"], microseconds))
    if not kernels:
        sys.exit(f"{source}: no {METRIC}; was it written by this script?")
    return kernels


def last_period(kernels):
    """The kernels of what came last twice in a row; all if nothing repeats."""
    names = [(kernel.name, kernel.grid) for kernel in kernels]
    for size in range(len(names) // 2, 0, -1):
        if names[-size:] == names[-2 * size:-size]:
            # Of several batches in a row, one.
            while size % 2 == 0 and names[-size:-size // 2] == names[-size // 2:]:
                size //= 2
            return kernels[-size:]
    return kernels


def show(kernels, in_order):
    total = sum(kernel.microseconds for kernel in kernels)
    if in_order:
        lines = [["kernel", "grid", "us"]] + [[kernel.name, kernel.grid, "%.1f" % kernel.microseconds] for kernel in kernels]
    else:
        groups = collections.defaultdict(list)
        for kernel in kernels:
            groups[kernel.name].append(kernel.microseconds)
        lines = [["kernel", "times", "us each", "us", "of all"]]
        for name, times in sorted(groups.items(), key=lambda group: -sum(group[1])):
            lines.append([name, str(len(times)), "%.1f" % (sum(times) / len(times)), "%.0f" % sum(times),
                          "%.1f %%" % (100 * sum(times) / total)])
    show_lines(lines)
    print(f"{len(kernels)} kernels, {total:.0f} us one after the other")


def profile(arguments):
    """What ncu prints of some batches, which it also leaves in --output."""
    ncu = shutil.which(arguments.ncu)
    if ncu is None:
        sys.exit(f"gpu_profile.py: there is no {arguments.ncu}; it comes with CUDA (Nsight Compute); --ncu names it")
    if not arguments.data_dir:
        sys.exit("gpu_profile.py: --data_dir is missing: GLUE's folder, or set PALS_GLUE_DIR")
    command = [ncu, "--csv", "--metrics", METRIC, "--print-units", "base", "--target-processes", "all",
               os.path.join(arguments.build, "bench", "contestant"), arguments.what, "--data_dir", arguments.data_dir,
               "--vocab_file", arguments.vocab_file, "--batches", "1", "--batch_size", str(arguments.batch_size),
               "--device", "cuda", "--precision", "bf16", *FLAGS[arguments.what]]
    result = subprocess.run(command, input="\n" * BATCHES, stdout=subprocess.PIPE, text=True, check=False)
    with open(arguments.output, "w", encoding="utf-8") as stream:
        stream.write(result.stdout)
    if result.returncode != 0:
        sys.exit(f"gpu_profile.py: ncu ended with {result.returncode}; what it printed is in {arguments.output}")
    return result.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "predict", "table"])
    parser.add_argument("file", nargs="?", help="of `table`")
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build"))
    parser.add_argument("--data_dir", default=os.environ.get("PALS_GLUE_DIR"), help="GLUE (default: PALS_GLUE_DIR)")
    parser.add_argument("--vocab_file", default=os.path.join(MINILM, "vocab.txt"), help="default: MiniLM's")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--output", default="gpu-profile.csv", help="where what ncu prints is left")
    parser.add_argument("--ncu", default="ncu")
    parser.add_argument("--in_order", action="store_true")
    arguments = parser.parse_args()
    if arguments.what == "table":
        if not arguments.file:
            parser.error("table needs a file of CSV")
        try:
            with open(arguments.file, encoding="utf-8") as stream:
                lines = stream.read().splitlines()
        except OSError as error:
            sys.exit(f"gpu_profile.py: {error}")
    else:
        lines = profile(arguments)
    kernels = last_period(read_kernels(lines, arguments.file or arguments.output))
    show(kernels, arguments.in_order)
    print(json.dumps({"profile": arguments.what, "kernels": len(kernels),
                      "microseconds": round(sum(kernel.microseconds for kernel in kernels), 1)}))


if __name__ == "__main__":
    main()
