#!/usr/bin/env python3
"""Prints the demo's dev scores beside two yardsticks, from 0 to 1.

  demo_table.py DATA UNTRAINED TRAINED

DATA is the folder of make_demo_data.py; the other two are eval_results.json files. The majority
baseline gives every row the commonest label of the dev file, the best that a constant answer can do;
for a regression a constant correlates with nothing.
"""

import collections
import csv
import json
import pathlib
import sys


def labels_in(path, column):
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".tsv":
            return [row[column] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
        return [row[column] for row in csv.DictReader(file)]


def majority_scores(folder, task):
    if task["kind"] == "regression":
        return {"pearson": 0.0, "spearman": 0.0}
    dev = labels_in(folder / task["dev"], task["label"])
    common, count = collections.Counter(dev).most_common(1)[0]
    share = count / len(dev)
    # All rows positive: recall 1, precision the share. No row positive: 0.
    f1 = 2 * share / (1 + share) if common == task["labels"][-1] else 0.0
    return {"accuracy": share, "f1": f1}


def main():
    folder = pathlib.Path(sys.argv[1])
    untrained, trained = (json.loads(pathlib.Path(path).read_text(encoding="utf-8")) for path in sys.argv[2:4])
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    print(f"{'task':<12}{'metric':<10}{'majority':>10}{'untrained':>11}{'trained':>9}")
    baseline_scores = []
    for task in tasks:
        baseline = majority_scores(folder, task)
        metrics = [name for name in trained["tasks"][task["name"]] if name in baseline]
        baseline_scores.append(sum(baseline[name] for name in metrics) / len(metrics))
        for name in metrics:
            # A correlation can be undefined, which is written as null.
            row = [baseline[name]] + [run["tasks"][task["name"]][name] or 0.0 for run in (untrained, trained)]
            print(f"{task['name']:<12}{name:<10}{row[0]:>10.3f}{row[1]:>11.3f}{row[2]:>9.3f}")
    average = sum(baseline_scores) / len(baseline_scores)
    print(f"{'average':<22}{average:>10.3f}{untrained['average']:>11.3f}{trained['average']:>9.3f}")


if __name__ == "__main__":
    main()
