#!/usr/bin/env python3
"""Trains on real GLUE and prints the tables of the README.

  bench/real_runs.py single   RTE, MRPC, STS-B and CoLA alone, three seeds each
  bench/real_runs.py glue     all eight tasks together, once with each kind of adapter

Runs lie in --output_dir; what is finished there is not run again, and what was stopped goes on.
"""

import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import time

MODEL = os.path.expanduser(os.environ.get("PALS_MINILM_DIR", "~/.cache/pals/models/all-MiniLM-L6-v2"))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SINGLE = {"rte": ["accuracy"], "mrpc": ["accuracy", "f1"], "sts": ["pearson", "spearman"], "cola": ["matthews"]}
ADAPTERS = {"none": "none (shared)", "pals": "PALs", "low_rank": "low rank", "houlsby": "Houlsby"}
GLUE = [("CoLA", "cola", ["matthews"]), ("MRPC", "mrpc", ["accuracy", "f1"]),
        ("MNLI m/mm", "mnli", ["accuracy", "accuracy_mismatched"]), ("RTE", "rte", ["accuracy"]),
        ("STS-B", "sts", ["pearson", "spearman"]), ("SST-2", "sst", ["accuracy"]),
        ("QQP", "qqp", ["accuracy", "f1"]), ("QNLI", "qnli", ["accuracy"])]


def flags_of(arguments, tasks, *flags):
    return ["--tasks", tasks, "--data_dir", arguments.data_dir, "--init_checkpoint", arguments.model,
            "--bias_correction", "--precision", arguments.precision, "--threads", str(arguments.threads), *flags]


def run(arguments, name, flags):
    """The results of one run, and the seconds it took (None if it was there already)."""
    folder = os.path.join(arguments.output_dir, name)
    results, seconds = os.path.join(folder, "eval_results.json"), None
    if not os.path.exists(results):
        os.makedirs(folder, exist_ok=True)
        began = time.monotonic()
        with open(folder + ".log", "a", encoding="utf-8") as log:
            code = subprocess.call([arguments.pals, "train", *flags, "--output_dir", folder], stdout=log, stderr=log)
        if code:
            sys.exit(f"{name}: pals ended with {code}; its last words are in {folder}.log")
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.0f} s", file=sys.stderr)
    with open(results, encoding="utf-8") as stream:
        return json.load(stream), seconds


def run_all(arguments, jobs):
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        return list(pool.map(lambda job: run(arguments, *job), jobs))


def percent(values, metrics):
    return " / ".join(f"{100 * values[metric]:.1f}" for metric in metrics)


def mean_of(results, metrics):
    return {metric: statistics.mean(values[metric] for values in results) for metric in metrics}


def single(arguments):
    recipe = ["--num_train_epochs", "3", "--train_batch_size", "32", "--learning_rate", "5e-5"]
    jobs = [(f"single/{task}-{seed}", flags_of(arguments, task, *recipe, "--seed", str(seed)))
            for task in SINGLE for seed in arguments.seeds]
    results = iter(run_all(arguments, jobs))
    print("| task | metric | " + " | ".join(f"seed {seed}" for seed in arguments.seeds) + " | mean |")
    print("|---" * (len(arguments.seeds) + 3) + "|")
    for task, metrics in SINGLE.items():
        scores = [next(results)[0]["last"]["tasks"][task] for _ in arguments.seeds]
        cells = [percent(values, metrics) for values in scores + [mean_of(scores, metrics)]]
        print(f"| {task} | {' / '.join(metrics)} | " + " | ".join(cells) + " |")


def glue(arguments):
    recipe = ["--sample", "anneal", "--learning_rate", "1e-4", "--max_steps", str(arguments.steps),
              "--steps_per_epoch", str(arguments.steps // 2), "--seed", str(arguments.seeds[0])]
    jobs = [(f"glue/{adapter}", flags_of(arguments, "all", "--adapter", adapter, *recipe)) for adapter in ADAPTERS]
    print("| adapter | " + " | ".join(title for title, _, _ in GLUE) + " | average |")
    print("|---" * (len(GLUE) + 2) + "|")
    for adapter, (result, _) in zip(ADAPTERS, run_all(arguments, jobs)):
        scores = [percent(result["tasks"][task], metrics) for _, task, metrics in GLUE]
        print(f"| {ADAPTERS[adapter]} | " + " | ".join(scores) + f" | {100 * result['average']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["single", "glue"])
    parser.add_argument("--pals", default=os.path.join(REPOSITORY, "build", "pals"))
    parser.add_argument("--model", default=MODEL, help="the pretrained model")
    parser.add_argument("--data_dir", required=True, help="GLUE")
    parser.add_argument("--output_dir", default="runs/real")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=1600, help="of each run with all tasks")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    arguments = parser.parse_args()
    {"single": single, "glue": glue}[arguments.table](arguments)


if __name__ == "__main__":
    main()
