"""The models that the servers are timed with, made once."""

import json
import pathlib
import shutil

from .servers import output_of, say

TRAINING_ROWS = 64


def sentences(arguments):
    """Sentences of SST-2's dev file, as many as are asked for."""
    lines = (pathlib.Path(arguments.data_dir) / "SST-2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts = [line.split("\t")[0] for line in lines]
    return [texts[number % len(texts)] for number in range(arguments.rows)]


def train(arguments, name, *flags):
    """A model folder, trained for a step."""
    run = pathlib.Path(arguments.work) / name
    if not (run / "final/config.json").exists():
        say("making", run)
        shutil.rmtree(run, ignore_errors=True)
        output_of([arguments.pals, "train", "--do_train", "--data_dir", arguments.data_dir, "--output_dir", run,
                   "--max_steps", "1", "--num_train_epochs", "1", *flags])
    return str(run / "final")


def task_file(arguments, count):
    """A task file of so many tasks, of a few rows of SST-2 each."""
    work = pathlib.Path(arguments.work)
    for split in "train", "dev":
        lines = (pathlib.Path(arguments.data_dir) / f"SST-2/{split}.tsv").read_text(encoding="utf-8").splitlines()
        (work / f"{split}.tsv").write_text("\n".join(lines[:TRAINING_ROWS + 1]) + "\n", encoding="utf-8")
    tasks = [{"name": f"task{number}", "kind": "classification", "text_a": "sentence", "label": "label", "header": True,
              "train": "train.tsv", "dev": "dev.tsv"} for number in range(count)]
    path = work / f"tasks-{count}.json"
    path.write_text(json.dumps({"tasks": tasks}), encoding="utf-8")
    return str(path)


def minilm(arguments, adapter="none"):
    """Eight tasks of single texts on MiniLM."""
    return train(arguments, "minilm-" + adapter, "--init_checkpoint", arguments.minilm, "--task_file",
                 task_file(arguments, 8), "--adapter", adapter)


def bert_base(arguments):
    """Eight tasks on BERT-base, of random weights."""
    return train(arguments, "bert-base", "--bert_config_file", arguments.base_config, "--vocab_file", arguments.minilm + "/vocab.txt",
                 "--do_lower_case", "--task_file", task_file(arguments, 8), "--adapter", "pals")


def many_lora_tasks(arguments):
    """As many tasks as are asked for, a LoRA adapter each, on MiniLM."""
    count = arguments.lora_tasks
    return train(arguments, f"lora-{count}", "--init_checkpoint", arguments.minilm, "--task_file",
                 task_file(arguments, count), "--adapter", "lora", "--freeze_all")


def transformers_classifier(arguments):
    """MiniLM with a head of random weights as transformers writes it."""
    folder = pathlib.Path(arguments.work) / "classifier"
    if not (folder / "config.json").exists():
        program = ("import sys, transformers as t; names = {0: 'negative', 1: 'positive'};"  # else infinity takes it for a reranker
                   "m = t.AutoModelForSequenceClassification.from_pretrained(sys.argv[1], id2label=names);"
                   "m.save_pretrained(sys.argv[2]); t.AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])")
        output_of([arguments.infinity_python, "-c", program, arguments.minilm, folder])
    return str(folder)
