#!/usr/bin/env python3
"""Has `pals compare` train on real GLUE and prints the tables of the README.

  bench/real_runs.py single   RTE, MRPC, STS-B and CoLA alone, three seeds each: scores after the last epoch
  bench/real_runs.py glue     all eight tasks together, with each kind of adapter: the best model by average

Runs lie in folders below --output_dir, each with its comparison.html; what is finished there is not run again,
and what was stopped goes on.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

MODEL = os.path.expanduser(os.environ.get("PALS_MINILM_DIR", "~/.cache/pals/models/all-MiniLM-L6-v2"))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SINGLE = {"rte": ["accuracy"], "mrpc": ["accuracy", "f1"], "sts": ["pearson", "spearman"], "cola": ["matthews"]}
ADAPTERS = {"none": "none (shared)", "pals": "PALs", "low_rank": "low rank", "houlsby": "Houlsby"}
GLUE = [("CoLA", "cola", ["matthews"]), ("MRPC", "mrpc", ["accuracy", "f1"]),
        ("MNLI m/mm", "mnli", ["accuracy", "accuracy_mismatched"]), ("RTE", "rte", ["accuracy"]),
        ("STS-B", "sts", ["pearson", "spearman"]), ("SST-2", "sst", ["accuracy"]),
        ("QQP", "qqp", ["accuracy", "f1"]), ("QNLI", "qnli", ["accuracy"])]


def compare(arguments, name, seeds, *flags):
    """The settings that `pals compare` has trained in the folder `name`, as its JSON has them."""
    command = [arguments.pals, "compare", "--json", "--output_dir", os.path.join(arguments.output_dir, name),
               "--seeds", ",".join(map(str, seeds)), "--data_dir", arguments.data_dir, "--init_checkpoint", arguments.model,
               "--bias_correction", "--precision", arguments.precision, "--threads", str(arguments.threads), *flags]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        sys.exit(f"{name}: {arguments.pals}: {error.strerror}")
    if result.returncode:
        sys.exit(f"{name}: pals compare ended with {result.returncode}")
    return json.loads(result.stdout)["settings"]


def last_scores(folder, task, metrics):
    with open(os.path.join(folder, "eval_results.json"), encoding="utf-8") as stream:
        scores = json.load(stream)["last"]["tasks"][task]
    return [scores[metric] or 0.0 for metric in metrics]  # an undefined correlation counts as 0


def percent(values):
    return " / ".join(f"{100 * value:.1f}" for value in values)


def row(cells):
    print("| " + " | ".join(cells) + " |")


def header(cells):
    row(cells)
    print("|---" * len(cells) + "|")


def single(arguments):
    seeds = arguments.seeds or [1, 2, 3]
    recipe = ["--num_train_epochs", "3", "--train_batch_size", "32", "--learning_rate", "5e-5"]
    header(["task", "metric"] + [f"seed {seed}" for seed in seeds] + ["mean"])
    for task, metrics in SINGLE.items():
        (setting,) = compare(arguments, f"single/{task}", seeds, "--tasks", task, *recipe)
        scores = [last_scores(folder, task, metrics) for folder in setting["runs"]]
        means = [statistics.mean(values) for values in zip(*scores)]
        row([task, " / ".join(metrics)] + [percent(values) for values in scores + [means]])


def glue(arguments):
    recipe = ["--sample", "anneal", "--learning_rate", "1e-4", "--max_steps", str(arguments.steps),
              "--steps_per_epoch", str(arguments.steps // 2)]
    settings = compare(arguments, "glue", arguments.seeds or [1], "--tasks", "all", "--adapters", ",".join(ADAPTERS), *recipe)
    header(["adapter"] + [title for title, _, _ in GLUE] + ["average"])
    for title, setting in zip(ADAPTERS.values(), settings):
        means = {name: spread["mean"] for name, spread in setting["scores"].items()}
        scores = [percent(means.get(f"{task} {metric}", 0.0) for metric in metrics) for _, task, metrics in GLUE]
        row([title, *scores, percent([means["average"]])])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["single", "glue"])
    parser.add_argument("--pals", default=os.path.join(REPOSITORY, "build", "pals"))
    parser.add_argument("--model", default=MODEL, help="the pretrained model")
    parser.add_argument("--data_dir", required=True, help="GLUE")
    parser.add_argument("--output_dir", default="runs/real")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 1 2 3, of glue 1; glue shows their mean")
    parser.add_argument("--steps", type=int, default=1600, help="of each run with all tasks")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of a run; 0: one on each core")
    arguments = parser.parse_args()
    {"single": single, "glue": glue}[arguments.table](arguments)


if __name__ == "__main__":
    main()
