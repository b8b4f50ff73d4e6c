#!/usr/bin/env python3
"""Times a model in Python beside the program on the same texts.

  python_overhead.py --model RUN/best --task sst --texts texts.txt [--threads 2] [--rounds 5] [--pals build/pals]

A line of --texts is a text, or a pair with a tab between. Run by a Python that has the package. Both predict all texts: the
program with --json into a file, so that each text gets its probabilities. What each takes to start and to load the model is taken
off: the program's by a run over a single text, Python's by not timing it. The rounds take turns, and the medians count.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import pals

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pals", default=str(REPOSITORY / "build/pals"))
    parser.add_argument("--no_keep", action="store_true", help="without pals.keep_tensor_memory()")
    return parser.parse_args()


def seconds_of(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main():
    options = parse()
    lines = pathlib.Path(options.texts).read_text(encoding="utf-8").splitlines()
    texts = [tuple(line.split("\t", 1)) if "\t" in line else line for line in lines]
    if not options.no_keep:
        pals.keep_tensor_memory()
    model = pals.load(options.model, precision=options.precision, threads=options.threads, device="cpu")
    with tempfile.TemporaryDirectory(prefix="pals-bench-") as folder:
        one = pathlib.Path(folder, "one.txt")
        one.write_text(lines[0] + "\n", encoding="utf-8")

        def program(source):
            subprocess.run([options.pals, "predict", "--model", options.model, "--task", options.task, "--precision",
                            options.precision, "--threads", str(options.threads), "--device", "cpu", "--json", "--input",
                            str(source), "--output", str(pathlib.Path(folder, "out"))], check=True)

        model.predict(texts[:200], task=options.task)
        taken = {"program": [], "start": [], "python": []}
        for _ in range(options.rounds):
            taken["program"].append(seconds_of(lambda: program(options.texts)))
            taken["start"].append(seconds_of(lambda: program(one)))
            taken["python"].append(seconds_of(lambda: model.predict(texts, task=options.task)))
        single = statistics.median(seconds_of(lambda: model.predict(texts[:1], task=options.task)) for _ in range(200))
    program_seconds = statistics.median(a - b for a, b in zip(taken["program"], taken["start"]))
    python_seconds = statistics.median(taken["python"])
    print(f"{len(texts)} texts, {options.threads} threads, {options.precision}, median of {options.rounds} rounds")
    print(f"program  {program_seconds:.3f} s  {len(texts) / program_seconds:.0f} texts/s")
    print(f"python   {python_seconds:.3f} s  {len(texts) / python_seconds:.0f} texts/s")
    print(f"overhead {100.0 * (python_seconds / program_seconds - 1.0):+.1f} %")
    print(f"a call with one text: {1e3 * single:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
