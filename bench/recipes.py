#!/usr/bin/env python3
"""Trains GLUE's tasks alone and together by several recipes, one run after the other, and compares them.

  bench/recipes.py run --data_dir GLUE      runs what --results has no line for, and adds a line as each run ends
  bench/recipes.py table                    tables of what --results has
  bench/recipes.py list                     the settings, with their flags

All runs share learning rate, batch, optimizer, number of evaluations and the rule by which the best model is chosen. A
task alone takes as many steps as the tasks together, but no more than --alone_passes over its rows; with --passes N it
takes N passes over its rows, and the tasks together take the sum of these steps. A run that was stopped goes on when
`run` is given again; of runs that have ended only predictions and logs stay, unless --keep_models. Settings with
teachers take the tasks' models alone of the same seed, which stay until no such run is left.
"""

import argparse
import contextlib
import fcntl
import fnmatch
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.expanduser(os.environ.get("PALS_MINILM_DIR", "~/.cache/pals/models/all-MiniLM-L6-v2"))
TASKS = ["cola", "mrpc", "mnli", "rte", "sts", "sst", "qqp", "qnli"]
TITLES = ["CoLA", "MRPC", "MNLI", "RTE", "STS-B", "SST-2", "QQP", "QNLI"]
SAMPLINGS = {"rr": [], "prop": [], "sqrt": [], "anneal": [], "temperature": ["--sample_alpha", "0.5", "--sample_cap", "100000"],
             "auto": []}
ADAPTERS = ["none", "houlsby", "low_rank", "lora"]  # beside PALs
RECIPES = {
    "min_share": ["--min_share", "0.05"],
    "adapter_lr": ["--adapter_lr", "5e-4"],
    "head_lr": ["--head_lr", "5e-4"],
    "layer_decay": ["--layer_decay", "0.9"],
    "ema": ["--ema", "0.999"],
    "polish": ["--polish_epochs", "1"],
    "teacher": [],
}
TAUGHT = ["recipe/teacher", "recipe/best_teacher"]  # by the models of the tasks alone
MODELS = ["best", "best_tasks", "final", "checkpoints"]  # what a run's folder has beside figures


def settings():
    """Name -> flags, in the order in which they run."""
    found = {f"alone/{task}": ["--tasks", task, "--adapter", "none"] for task in TASKS}
    for sampling, flags in SAMPLINGS.items():
        found[f"sample/{sampling}"] = ["--tasks", "all", "--adapter", "pals", "--sample", sampling, *flags]
    for adapter in ADAPTERS:
        found[f"adapter/{adapter}"] = ["--tasks", "all", "--adapter", adapter, "--sample", "anneal"]
    for recipe, flags in RECIPES.items():
        found[f"recipe/{recipe}"] = ["--tasks", "all", "--adapter", "pals", "--sample", "anneal", *flags]
    for name in "best", "best_teacher":
        found[f"recipe/{name}"] = ["--tasks", "all", "--adapter", "pals", "--recipe", "best"]
    return found


def chosen(arguments):
    names = [name for name in settings() if any(fnmatch.fnmatch(name, pattern) for pattern in arguments.only)]
    if not names:
        sys.exit(f"--only {' '.join(arguments.only)}: no such setting; `bench/recipes.py list` names them")
    return names


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            lines.append(json.loads(line))
        except ValueError:
            sys.exit(f"{path}:{number}: no line of JSON; remove it, and its run is read again")
    return lines


def recipe_of(arguments):
    """What all runs share, by which lines of other calls are told apart."""
    length = {"passes": arguments.passes} if arguments.passes else {"steps": arguments.steps, "alone_passes": arguments.alone_passes}
    cut = {key: value for key in ("max_rows", "max_dev_rows") if (value := getattr(arguments, key))}
    return {**length, **cut, "evaluations": arguments.evaluations, "learning_rate": arguments.learning_rate,
            "precision": arguments.precision, "model": os.path.basename(arguments.model)}


def is_of(line, name, seed, recipe):
    flags = settings()[name]
    return (line["setting"], line["seed"], line["recipe"], line["flags"][:len(flags)]) == (name, seed, recipe, flags)


def call(command):
    """What a command of `pals` prints; raises CalledProcessError. Who stops this script stops it, once, and it saves its state."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, lambda *_: process.terminate())
        output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


def cut_file(source, target, most):
    """The rows of a file of GLUE that lie evenly over it, `most` at most, in their order; CoLA's alone has no row of titles."""
    with open(source, encoding="utf-8", newline="\n") as stream:
        lines = stream.read().split("\n")
    lines = lines[:-1] if not lines[-1] else lines
    titles = [] if "CoLA" in source else lines[:1]
    rows = lines[len(titles):]
    kept = rows if len(rows) <= most else [rows[i * len(rows) // most] for i in range(most)]
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8", newline="\n") as stream:
        stream.write("".join(line + "\n" for line in titles + kept))


def data_of(arguments):
    """The folder of the rows that the runs read: GLUE's, or its copy with --max_rows and --max_dev_rows rows a file."""
    if not arguments.max_rows and not arguments.max_dev_rows:
        return arguments.data_dir
    folder = os.path.join(arguments.output_dir, f"data-{arguments.max_rows or 'all'}-{arguments.max_dev_rows or 'all'}")
    for task in TITLES:
        for name in sorted(os.listdir(os.path.join(arguments.data_dir, task))):
            most = {"train": arguments.max_rows, "dev": arguments.max_dev_rows}.get(name.split(".")[0].split("_")[0])
            target = os.path.join(folder, task, name)
            if name.endswith(".tsv") and most is not None and not os.path.exists(target):
                own = f"{target}.{os.getpid()}.part"  # another process may make the same file
                cut_file(os.path.join(arguments.data_dir, task, name), own, most or sys.maxsize)
                os.replace(own, target)
    return folder


def steps_of(arguments, name):
    """The steps of a run; raises CalledProcessError."""
    if not name.startswith("alone/"):
        return sum(steps_of(arguments, f"alone/{task}") for task in TASKS) if arguments.passes else arguments.steps
    task = name.split("/")[1]
    plan = call([arguments.pals, "plan", "--json", "--tasks", task, "--data_dir", arguments.data_dir, "--init_checkpoint",
                 arguments.model, "--max_steps", "1", "--do_train"])
    steps_a_pass = round(1 / json.loads(plan)["passes"][task])
    return arguments.passes * steps_a_pass if arguments.passes else min(arguments.steps, arguments.alone_passes * steps_a_pass)


def seconds_of(folder):
    """What the processes that trained in a folder took."""
    total, last = 0.0, 0.0
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as stream:
        for line in map(json.loads, stream):
            if "from_step" in line:
                total, last = total + last, 0.0
            last = line.get("wall_seconds", last)
    return total + last


def folder_of(arguments, name, seed):
    return os.path.join(arguments.output_dir, name.replace("/", "-"), f"seed-{seed}")


def teachers(arguments, name, seed):
    """Flags that name the tasks' models alone; raises OSError where one is missing."""
    flags = []
    for task in TASKS if name in TAUGHT else []:
        best = os.path.join(folder_of(arguments, f"alone/{task}", seed), "best")
        if not os.path.isdir(best):
            raise FileNotFoundError(f"no {best}; run alone/{task} in the same call, its line of --results removed if it has one")
        flags += ["--teacher", f"{task}={best}"]
    return flags


def train(arguments, name, seed):
    """The line of a run that it takes to its end; raises CalledProcessError."""
    folder = folder_of(arguments, name, seed)
    flags = [*settings()[name], "--max_steps", str(steps_of(arguments, name)), "--num_train_epochs", str(arguments.evaluations),
             "--learning_rate", str(arguments.learning_rate), "--bias_correction", "--precision", arguments.precision,
             "--seed", str(seed), *teachers(arguments, name, seed)]
    call([arguments.pals, "train", *flags, "--data_dir", arguments.data_dir, "--init_checkpoint", arguments.model,
          "--output_dir", folder, "--threads", str(arguments.threads), "--save_best_tasks", "0", "--keep_checkpoints", "1"])
    with open(os.path.join(folder, "eval_results.json"), encoding="utf-8") as stream:
        results = json.load(stream)
    with open(os.path.join(folder, "run_config.json"), encoding="utf-8") as stream:
        config = json.load(stream)
    return {"setting": name, "seed": seed, "recipe": recipe_of(arguments), "flags": flags, "folder": folder,
            "precision": config["precision"], "best": {key: results[key] for key in ("step", "average", "tasks")},
            "last": results["last"], "seconds": round(seconds_of(folder), 3)}


def cut_half_line(path):
    """What a killed process left of a line; its run has ended and is read again."""
    with open(path, "rb+") as stream:
        whole = stream.read().rfind(b"\n") + 1
        stream.truncate(whole)


def append(stream, line):
    stream.write(json.dumps(line) + "\n")
    stream.flush()
    os.fsync(stream.fileno())


def remove_models(folder, kept=()):
    for name in MODELS:
        if name not in kept:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def clean(arguments, line, names, done):
    """Removes what nobody needs any more, now that a run has ended."""
    if arguments.keep_models:
        return
    seed = line["seed"]
    taught = [name for name in names if name in TAUGHT]
    waits = any(not any(is_of(other, name, seed, recipe_of(arguments)) for other in done) for name in taught)
    remove_models(line["folder"], ["best"] if waits and line["setting"].startswith("alone/") else [])
    if line["setting"] in TAUGHT and not waits:
        for task in TASKS:
            remove_models(folder_of(arguments, f"alone/{task}", seed))


def run(arguments):
    began = time.monotonic()
    if not arguments.data_dir:
        sys.exit("run needs --data_dir, the folder of GLUE's tasks")
    names, recipe, failed = chosen(arguments), recipe_of(arguments), []
    arguments.data_dir = data_of(arguments)
    os.makedirs(os.path.dirname(os.path.abspath(arguments.results)), exist_ok=True)
    with open(arguments.results, "a", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"{arguments.results}: another process runs for this file")
        cut_half_line(arguments.results)
        done = read_lines(arguments.results)
        for seed in arguments.seeds:
            for name in names:
                if any(is_of(line, name, seed, recipe) for line in done):
                    continue
                if arguments.budget_minutes is not None and time.monotonic() - began >= 60 * arguments.budget_minutes:
                    sys.exit(f"--budget_minutes are over before {name}, seed {seed}; the same command goes on")
                print(f"{name}, seed {seed}", file=sys.stderr)
                try:
                    line = train(arguments, name, seed)
                except FileNotFoundError as error:
                    if name not in TAUGHT:
                        sys.exit(f"{name}: {error}")
                    failed.append(f"{name}, seed {seed}: {error}")
                    print(failed[-1], file=sys.stderr)
                    continue
                except OSError as error:
                    sys.exit(f"{name}: {error}")
                except subprocess.CalledProcessError as error:
                    if error.returncode in (130, 143, -2, -15):
                        sys.exit(f"{name}, seed {seed}: stopped; the same command goes on")
                    failed.append(f"{name}, seed {seed}: ended with {error.returncode}")
                    print(failed[-1], file=sys.stderr)
                    continue
                append(stream, line)
                done.append(line)
                clean(arguments, line, names, done)
    if failed:
        sys.exit(f"{len(failed)} runs failed; the same command tries them again")


def percent(values):
    text = f"{100 * statistics.mean(values):.1f}"
    return text if len(values) == 1 else f"{text} ± {100 * statistics.stdev(values):.1f}"


def row(cells):
    print("| " + " | ".join(cells) + " |")


def score(scores, task):
    """As `pals` makes it of a task's metrics; an undefined correlation counts as 0."""
    return statistics.mean(value or 0.0 for name, value in scores["tasks"][task].items() if name != "loss")


def scores_table(lines, names, which):
    row(["setting", "seeds", *TITLES, "average", "hours"])
    print("|---" * (len(TITLES) + 4) + "|")
    alone = {}
    for name in names:
        runs = [line for line in lines if line["setting"] == name]
        if not runs:
            continue
        cells = {task: [score(line[which], task) for line in runs if task in line[which]["tasks"]] for task in TASKS}
        if name.startswith("alone/"):
            alone[name.split("/")[1]] = (cells[name.split("/")[1]], runs)
            continue
        if alone:
            alone_row(alone)
            alone = {}
        row([name, str(len(runs)), *[percent(cells[task]) if cells[task] else "" for task in TASKS],
             percent([line[which]["average"] for line in runs]), f"{statistics.mean(line['seconds'] for line in runs) / 3600:.2f}"])
    if alone:
        alone_row(alone)


def alone_row(alone):
    """One line for all tasks alone: the average is that of their means, the hours are those of all."""
    means = [statistics.mean(values) for values, _ in alone.values()]
    seeds = sorted({len(values) for values, _ in alone.values()})
    hours = sum(statistics.mean(line["seconds"] for line in runs) for _, runs in alone.values()) / 3600
    row(["alone", "–".join(str(seeds[i]) for i in sorted({0, len(seeds) - 1})),
         *[percent(alone[task][0]) if task in alone else "" for task in TASKS],
         percent([statistics.mean(means)]) if len(alone) == len(TASKS) else "", f"{hours:.2f}"])


def difference(arguments, first, other):
    """`pals report`'s comparison of the runs of two settings, row by row of the development sets: {} if there is none."""
    folders = [line["folder"] for line in first + other if os.path.isdir(line["folder"])]
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([arguments.pals, "report", "--json", *folders, "--output", os.path.join(folder, "page.html")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    paired = json.loads(result.stdout)["paired"] if result.returncode == 0 else []
    return paired[0] if paired else {}


def differences_table(arguments, lines, names):
    """How much better than alone, of each task's first metric."""
    print()
    row(["better than alone by", *TITLES])
    print("|---" * (len(TITLES) + 1) + "|")
    for name in names:
        runs = [line for line in lines if line["setting"] == name]
        if not runs or name.startswith("alone/"):
            continue
        cells = []
        for task in TASKS:
            first = [line for line in lines if line["setting"] == f"alone/{task}"]
            found = difference(arguments, first, runs) if first else {}
            low, high = found.get("interval") or (None, None)
            cells.append("" if not found else f"{100 * found['difference']:+.1f}" +
                         ("" if low is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"))
        row([name, *cells])


def table(arguments):
    recipe = recipe_of(arguments)
    names = chosen(arguments)
    lines = [line for line in read_lines(arguments.results)
             if line["setting"] in names and line["seed"] in arguments.seeds and is_of(line, line["setting"], line["seed"], recipe)]
    if not lines:
        sys.exit(f"{arguments.results}: no run of these settings, steps, rates and seeds")
    scores_table(lines, names, "last" if arguments.last else "best")
    if not arguments.last:
        differences_table(arguments, lines, names)


def show_settings(arguments):
    for name in chosen(arguments):
        print(name, *settings()[name])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "table", "list"])
    parser.add_argument("--results", default="runs/recipes/results.jsonl", help="a line of JSON for each run that has ended")
    parser.add_argument("--output_dir", default="runs/recipes", help="where the runs' folders lie")
    parser.add_argument("--only", nargs="+", default=["*"], help="names or patterns of settings, such as 'alone/*' sample/anneal")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--passes", type=int, default=0, help="in place of --steps: a task alone sees its rows so often, the tasks "
                        "together take the sum of these steps")
    parser.add_argument("--max_rows", type=int, default=0, help="of a training set, evenly over it; 0: all")
    parser.add_argument("--max_dev_rows", type=int, default=0, help="of a development set; 0: all")
    parser.add_argument("--alone_passes", type=int, default=10, help="the most that a task alone sees its rows")
    parser.add_argument("--evaluations", type=int, default=6, help="of each run, evenly over its steps")
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of a run; 0: one on each core")
    parser.add_argument("--budget_minutes", type=float, help="after which no further run begins; default: all run")
    parser.add_argument("--data_dir", help="GLUE")
    parser.add_argument("--model", default=MODEL, help="the pretrained model")
    parser.add_argument("--pals", default=os.path.join(REPOSITORY, "build", "pals"))
    parser.add_argument("--keep_models", action="store_true", help="leave models and checkpoints of runs that have ended")
    parser.add_argument("--last", action="store_true", help="table: the last models' scores in place of the best ones'")
    arguments = parser.parse_args()
    with contextlib.suppress(BrokenPipeError):
        {"run": run, "table": table, "list": show_settings}[arguments.action](arguments)


if __name__ == "__main__":
    main()
