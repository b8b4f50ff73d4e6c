r"""Tasks of the kinds `tagging`, `multi_label` and `span` made of SQuAD, for one real run of them and GLUE's kinds.

bench/label_data.py TRAIN DEV OUT [--paragraphs N]: reads two files of SQuAD v1.1, writes OUT/tasks.json with

- `names`, a tagging: which words of a paragraph's sentence are written with a capital (NAME) or begin with a digit (NUMBER),
  runs of them being entities. The words are written in lower case, so that nothing but their sense tells; a sentence's first
  word is left out of it unless a capital follows.
- `asked`, multi-label: with which of seven words the questions about a paragraph ask: what, who, when, where, which, how, why.
- `squad`, questions: those of the same paragraphs.

SQuAD's train and dev articles are different ones. The run of docs/tasks.md is

    pals train --task_file OUT/tasks.json --tasks squad,names,asked,rte,sts,mrpc --data_dir GLUE \
        --init_checkpoint MINILM --adapter pals --sample anneal --max_seq_length 128 --train_batch_size 16 \
        --learning_rate 1e-4 --bias_correction --max_steps 700 --num_train_epochs 2 --seed 1 --output_dir RUN
"""

import argparse
import json
import os
import re

ASKED = ["how", "what", "when", "where", "which", "who", "why"]
WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")
MOST_WORDS = 80


def paragraphs(path, most):
    with open(path, encoding="utf-8") as stream:
        articles = json.load(stream)["data"]
    # One paragraph of each article after the other, so that a few are of many articles.
    rounds = max(len(article["paragraphs"]) for article in articles)
    found = [article["paragraphs"][number] for number in range(rounds) for article in articles
             if number < len(article["paragraphs"])]
    return found[:most]


def kind_of(word):
    if word[0].isdigit():
        return "NUMBER"
    return "NAME" if word[0].isupper() else None


def tagged(sentence):
    words = WORD.findall(sentence)[:MOST_WORDS]
    kinds = [kind_of(word) for word in words]
    if len(words) > 1 and kinds[0] == "NAME" and kinds[1] != "NAME":
        kinds[0] = None
    tags = []
    for place, kind in enumerate(kinds):
        before = kinds[place - 1] if place else None
        tags.append("O" if kind is None else ("I-" if kind == before else "B-") + kind)
    return words, tags


def write(path, text):
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def squad_of(chosen):
    """The paragraphs as a file of SQuAD."""
    return json.dumps({"version": "1.1", "data": [{"title": "chosen", "paragraphs": chosen}]})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in "train", "dev", "out":
        parser.add_argument(name)
    parser.add_argument("--paragraphs", type=int, default=2000, help="of the training file; a quarter as many of the other")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    for split, path, most in (("train", arguments.train, arguments.paragraphs),
                              ("dev", arguments.dev, arguments.paragraphs // 4)):
        names, asked, chosen = ["-DOCSTART- O\n"], [], paragraphs(path, most)
        for paragraph in chosen:
            sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph["context"])[0]
            words, tags = tagged(sentence)
            names.append("".join("%s\t%s\n" % (word.lower(), tag) for word, tag in zip(words, tags)))
            questions = " ".join(question["question"].lower() for question in paragraph["qas"]).split()
            labels = [word for word in ASKED if word in questions]
            asked.append(json.dumps({"text": paragraph["context"], "asked": labels}))
        write(os.path.join(arguments.out, "names-%s.conll" % split), "\n".join(names))
        write(os.path.join(arguments.out, "asked-%s.jsonl" % split), "\n".join(asked) + "\n")
        write(os.path.join(arguments.out, "squad-%s.json" % split), squad_of(chosen))
    tasks = [{"name": "names", "kind": "tagging", "format": "conll", "text": 0, "label": 1,
              "metrics": ["f1", "precision", "recall", "accuracy"],
              "train": "names-train.conll", "dev": "names-dev.conll"},
             {"name": "squad", "kind": "span", "train": "squad-train.json", "dev": "squad-dev.json"},
             {"name": "asked", "kind": "multi_label", "labels": ASKED, "text_a": "text", "label": "asked",
              "threshold": "tuned", "metrics": ["micro_f1", "macro_f1", "subset_accuracy", "map"],
              "train": "asked-train.jsonl", "dev": "asked-dev.jsonl"}]
    write(os.path.join(arguments.out, "tasks.json"), json.dumps({"tasks": tasks}, indent=2) + "\n")


if __name__ == "__main__":
    main()
