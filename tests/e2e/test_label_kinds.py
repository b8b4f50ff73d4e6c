"""Multi-label tasks and taggings: alone, beside a pair task with every adapter, resumed, in eval and predict; the
examples of docs/tasks.md; weights of losses."""

import json
import os
import pathlib
import random
import re
import unittest

import support
from made_data import NAMES, PLACES
from support import BAD, GOOD, WORDS, PalsTest, metrics, read_json, write_json, write_text

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/tasks.md"
LABELS = {"good": GOOD, "bad": BAD, "odd": WORDS[3]}


def labelled_texts(count, seed):
    """Texts with the labels whose words they have."""
    generator = random.Random(seed)
    for _ in range(count):
        words = [generator.choice(WORDS[10:]) for _ in range(generator.randint(2, 6))]
        labels = [label for label in LABELS if generator.random() < 0.4]
        for label in labels:
            words.insert(generator.randrange(len(words) + 1), LABELS[label])
        yield " ".join(words), labels


def tagged_sentences(count, seed):
    """Words of which names and places are entities of one or two words; others begin an entity than go on."""
    generator = random.Random(seed)
    for _ in range(count):
        words, tags = [], []
        for _ in range(generator.randint(2, 8)):
            kind, source = generator.choice([("PER", NAMES), ("LOC", PLACES), (None, WORDS[90:])])
            for place in range(generator.randint(1, 2)):
                words.append(generator.choice(source[place * 4:place * 4 + 4]) if kind else generator.choice(source))
                tags.append(("I-" if place else "B-") + kind if kind else "O")
        yield words, tags


def entities(tags):
    """Of well-formed tags of the scheme BIO."""
    found, first = [], None
    for place, tag in enumerate(tags + ["O"]):
        if first is not None and not tag.startswith("I-"):
            found.append((tags[first][2:], first, place))
            first = None
        if tag.startswith("B-"):
            first = place
    return found


class LabelKinds(PalsTest):
    def files(self, name, make):
        """Paths of train and dev files with the lines that `make` gives for a number of examples and a seed."""
        return {split: write_text(self.path(split + name), make(count, seed))
                for split, count, seed in (("train", 120, 1), ("dev", 30, 2))}

    def labels_jsonl(self):
        return self.files(".jsonl", lambda count, seed: "".join(
            json.dumps({"text": text, "is": labels}) + "\n" for text, labels in labelled_texts(count, seed)))

    def conll(self):
        return self.files(".conll", lambda count, seed: "-DOCSTART- O\n\n" + "\n".join(
            "".join("%s\t%s\n" % pair for pair in zip(*sentence)) for sentence in tagged_sentences(count, seed)))

    def labels_task(self, **more):
        return {"name": "labels", "kind": "multi_label", "text_a": "text", "label": "is",
                "metrics": ["micro_f1", "macro_f1", "subset_accuracy", "map"], **self.labels_jsonl(), **more}

    def tags_task(self, **more):
        return {"name": "tags", "kind": "tagging", "format": "conll", "text": 0, "label": 1,
                "metrics": ["f1", "precision", "recall", "accuracy"], **self.conll(), **more}

    def train_tasks(self, run, tasks, *flags, code=0):
        task_file = write_json(self.path("tasks.json"), {"tasks": tasks})
        return self.pals("train", "--task_file", task_file, "--init_checkpoint", self.model, "--data_dir", self.glue,
                         "--output_dir", self.path(run), "--max_seq_length", "24", "--train_batch_size", "8",
                         "--precision", "fp32", "--threads", "1", "--learning_rate", "2e-3", *flags, code=code)

    def scores(self, run, task):
        return read_json(self.path(run), "eval_results.json")["tasks"][task]

    def test_multi_label(self):
        tasks = [self.labels_task(threshold="tuned", class_weights="balanced", label_smoothing=0.02)]
        self.train_tasks("run", tasks, "--num_train_epochs", "8")
        scores = self.scores("run", "labels")
        self.assertGreater(scores["micro_f1"], 0.8)
        self.assertGreater(scores["map"], 0.8)
        task = read_json(self.path("run"), "best", "tasks.json")["tasks"][0]
        self.assertEqual(sorted(task["threshold"]), sorted(LABELS))
        self.assertEqual(len(task["class_weights"]), 3)
        self.assertEqual(task["label_smoothing"], 0.02)
        shown = json.loads(self.pals("eval", "--model", self.path("run/best"), "--precision", "fp32", "--threads", 1,
                                     "--json").stdout)["tasks"]["labels"]
        self.assertEqual(shown, scores, "the saved thresholds give the scores of training")
        # Scores by hand, of what the run keeps of each row.
        with open(self.path("run/dev_predictions/labels.jsonl"), encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream][1:]
        self.assertEqual([row["gold"] for row in rows],
                         [sorted(labels) for _, labels in labelled_texts(30, 2)])
        both = sum(len(set(row["gold"]) & set(row["prediction"])) for row in rows)
        each = sum(len(row["gold"]) + len(row["prediction"]) for row in rows)
        self.assertAlmostEqual(scores["micro_f1"], 2 * both / each, places=12)
        exact = sum(row["gold"] == row["prediction"] for row in rows) / len(rows)
        self.assertAlmostEqual(scores["subset_accuracy"], exact, places=12)
        # Predict says the same, as JSON and as TSV.
        texts = [text for text, _ in labelled_texts(30, 2)]
        predict = ["predict", "--model", self.path("run/best"), "--precision", "fp32", "--threads", 1]
        answers = [json.loads(line) for line in self.pals(*predict, "--json", stdin="\n".join(texts)).stdout.splitlines()]
        self.assertEqual([answer["labels"] for answer in answers], [row["prediction"] for row in rows])
        for answer in answers:
            above = [label for label in task["labels"] if answer["probabilities"][label] > task["threshold"][label]]
            self.assertEqual(answer["labels"], above)
        lines = self.pals(*predict, stdin="\n".join(texts)).stdout.splitlines()
        for line, answer in zip(lines, answers):
            labels, probabilities = line.split("\t")
            self.assertEqual(labels, ",".join(answer["labels"]))
            self.assertEqual(len(probabilities.split(",")), 3)

    def test_labels_stand_in_three_ways(self):
        """The same data in three layouts gives the same run."""
        forms = {
            "list": self.labels_task(),
            "one": {"text_a": 0, "label": 1, "label_separator": "; ", **self.files(".tsv", lambda count, seed: "".join(
                text + "\t" + "; ".join(labels) + "\n" for text, labels in labelled_texts(count, seed)))},
            "columns": {"text_a": "text", "label_columns": ["odd", "good", "bad"],
                        **self.files(".csv", lambda count, seed: "text,bad,good,odd\n" + "".join(
                            text + "," + ",".join(str(int(label in labels)) for label in ("bad", "good", "odd")) + "\n"
                            for text, labels in labelled_texts(count, seed)))}}
        found = []
        for run, form in forms.items():
            task = dict(form, name="labels", kind="multi_label", metrics=["micro_f1", "map"])
            self.train_tasks(run, [task], "--max_steps", "3")
            found.append(self.scores(run, "labels"))
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])

    def test_tagging(self):
        result = self.train_tasks("run", [self.tags_task()], "--num_train_epochs", "12")
        self.assertRegex(result.stderr, r"of 30 sequences of tags \d+ predicted and 0 given ones are not well-formed "
                                        r"bio; entities are found in seqeval's mode default")
        scores = self.scores("run", "tags")
        self.assertGreater(scores["f1"], 0.8)
        best = self.path("run/best")
        shown = json.loads(self.pals("eval", "--model", best, "--precision", "fp32", "--threads", 1, "--json").stdout)
        self.assertEqual(shown["tasks"]["tags"], scores)
        with open(self.path("run/dev_predictions/tags.jsonl"), encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream][1:]
        self.assertEqual([row["gold"] for row in rows], [tags for _, tags in tagged_sentences(30, 2)])
        pairs = [pair for row in rows for pair in zip(row["gold"], row["prediction"])]
        self.assertAlmostEqual(scores["accuracy"], sum(a == b for a, b in pairs) / len(pairs), places=12)
        # In plain text words stand between blanks, and places are counted in characters.
        texts = ["  ".join(words) for words, _ in tagged_sentences(30, 2)] + ["", "\u00fc\u00fc " + NAMES[0]]
        answers = [json.loads(line) for line in self.pals(
            "predict", "--model", best, "--precision", "fp32", "--threads", 1, "--json",
            stdin="\n".join(texts) + "\n").stdout.splitlines()]
        self.assertEqual([[word["tag"] for word in answer["words"]] for answer in answers[:30]],
                         [row["prediction"] for row in rows])
        for text, answer in zip(texts, answers):
            for part in answer["words"] + answer["spans"]:
                self.assertEqual(text[part["start"]:part["end"]], part.get("word", part.get("text")))
        well_formed = [answer for answer, row in zip(answers, rows) if row["prediction"] == row["gold"]]
        self.assertTrue(well_formed)
        for answer in well_formed:
            tags = [word["tag"] for word in answer["words"]]
            self.assertEqual([(span["label"], span["start"]) for span in answer["spans"]],
                             [(kind, answer["words"][first]["start"]) for kind, first, _ in entities(tags)])
        line = self.pals("predict", "--model", best, "--precision", "fp32", "--threads", 1, stdin=texts[0]).stdout
        self.assertEqual(line.split("\t")[0], " ".join(word["word"] + "/" + word["tag"] for word in answers[0]["words"]))

    def test_long_sentences_are_read_in_windows(self):
        """A row of 24 tokens sees a part of each text; every word still gets one tag."""
        groups = zip(*[iter(tagged_sentences(120, 5))] * 12)
        text = "\n".join("".join("%s %s\n" % pair for sentence in group for pair in zip(*sentence)) for group in groups)
        path = write_text(self.path("long.conll"), text)
        task = self.tags_task(dev=path, doc_stride=8)
        self.train_tasks("run", [task], "--max_steps", "2")
        with open(self.path("run/dev_predictions/tags.jsonl"), encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream][1:]
        self.assertEqual(len(rows), 10)
        for row in rows:
            self.assertEqual(len(row["prediction"]), len(row["gold"]))
            self.assertGreater(len(row["gold"]), 40)

    def test_eval_does_not_choose_by_what_it_scores(self):
        self.train_tasks("run", [self.labels_task(threshold="tuned")], "--num_train_epochs", "2")
        saved = read_json(self.path("run"), "best", "tasks.json")["tasks"][0]["threshold"]
        other = write_text(self.path("other.jsonl"), "".join(
            json.dumps({"text": text, "is": sorted(LABELS)}) + "\n" for text, _ in labelled_texts(30, 3)))

        def scores(threshold):
            task = self.labels_task(threshold=threshold, labels=sorted(LABELS, reverse=True), dev=other)
            path = write_json(self.path("other.json"), {"tasks": [task]})
            return json.loads(self.pals("eval", "--model", self.path("run/best"), "--task_file", path, "--precision", "fp32",
                                        "--threads", 1, "--json").stdout)
        self.assertEqual(scores("tuned"), scores(saved))
        self.assertLess(scores("tuned")["tasks"]["labels"]["micro_f1"], 1.0)  # which the lowest thresholds would give

    def mixed(self):
        return [self.labels_task(threshold="tuned"), self.tags_task()]

    def test_with_a_pair_task_and_every_adapter(self):
        for number, adapter in enumerate(("none", "pals", "houlsby", "low_rank", "lora", "top_attention", "pals_lhuc")):
            run = "run%d" % number
            self.train_tasks(run, self.mixed(), "--tasks", "rte,labels,tags", "--adapter", adapter, "--max_steps", "6",
                             *(["--precision", "bf16"] if number % 2 else []))
            scores = read_json(self.path(run), "eval_results.json")["tasks"]
            self.assertEqual(sorted(scores), ["labels", "rte", "tags"])
            shown = json.loads(self.pals("eval", "--model", self.path(run, "final"), "--data_dir", self.glue,
                                         "--precision", "bf16" if number % 2 else "fp32", "--threads", 1,
                                         "--json").stdout)
            self.assertEqual(sorted(shown["tasks"]), ["labels", "rte", "tags"])

    def test_resumed_runs_end_alike(self):
        flags = ["--tasks", "rte,labels,tags", "--steps_per_epoch", "4", "--num_train_epochs", "3"]
        self.train_tasks("whole", self.mixed(), *flags)
        self.train_tasks("parts", self.mixed(), *flags, "--keep_checkpoints", "9")
        folder = self.path("parts/checkpoints")
        os.remove(os.path.join(folder, sorted(os.listdir(folder))[-1]))
        support.shutil.rmtree(self.path("parts/final"))
        self.train_tasks("parts", self.mixed(), *flags, "--keep_checkpoints", "9")
        self.assertEqual(read_json(self.path("parts/eval_results.json")), read_json(self.path("whole/eval_results.json")))
        for name in ("model.safetensors", "tasks.json", "adapters/labels/pals_adapter.safetensors",
                     "adapters/tags/pals_adapter.safetensors"):
            first, second = (pathlib.Path(self.path(run, "final", name)).read_bytes() for run in ("whole", "parts"))
            self.assertEqual(first, second, name)

    def test_another_threshold_or_scheme_is_another_run(self):
        self.train_tasks("run", self.mixed(), "--max_steps", "2")
        for tasks, change in (([self.labels_task(threshold=0.25), self.tags_task()], "threshold was \"tuned\", now \"0.25\""),
                              ([self.labels_task(threshold="tuned"), self.tags_task(entities="strict")],
                               "entities was \"default\", now \"strict\"")):
            self.assertIn(change, self.train_tasks("run", tasks, "--max_steps", "2", code=1).stderr)

    def test_weights_change_losses(self):
        """A weight of 2 doubles the first loss; one of 0 is refused."""
        losses = {}
        for name, more in (("plain", {}), ("double", {"loss_weight": 2.0}), ("classes", {"class_weights": [2, 2, 2]})):
            self.train_tasks(name, [self.labels_task(labels=["bad", "good", "odd"], **more)], "--max_steps", "1",
                             "--dropout", "0")
            losses[name] = metrics(self.path(name))[0][0]["loss"]
        self.assertAlmostEqual(losses["double"], 2 * losses["plain"], places=5)
        self.assertAlmostEqual(losses["classes"], 2 * losses["plain"], places=5)
        refused = self.train_tasks("none", [self.labels_task(labels=["bad", "good", "odd"], loss_weight=0.0)], code=2)
        self.assertIn("\"loss_weight\" is 0", refused.stderr)

    def test_class_weights_for_all(self):
        tags = self.tags_task(labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], class_weights=[1, 1, 1, 1, 3])
        self.train_tasks("run", [self.labels_task(), tags], "--tasks", "rte,labels,tags,sts", "--class_weights", "balanced",
                         "--max_steps", "2")
        tasks = {task["name"]: task for task in read_json(self.path("run/final/tasks.json"))["tasks"]}
        count = [0, 0]
        with open(os.path.join(self.glue, "RTE/train.tsv"), encoding="utf-8") as stream:
            for line in list(stream)[1:]:
                count["not_entailment" not in line] += 1
        # The labels of RTE: not_entailment, entailment.
        for weight, own in zip(tasks["rte"]["class_weights"], count):
            self.assertAlmostEqual(weight, sum(count) / (2 * own), places=12)
        self.assertEqual(tasks["tags"]["class_weights"], [1, 1, 1, 1, 3])
        self.assertEqual(len(tasks["labels"]["class_weights"]), 3)
        self.assertNotIn("class_weights", tasks["sts"])

    def test_mistakes(self):
        def check(task, *words, code=2):
            path = write_json(self.path("wrong.json"), {"tasks": [task]})
            message = self.error("train", "--task_file", path, "--init_checkpoint", self.model, "--output_dir",
                                 self.path("wrong"), code=code)
            self.check_words(message, *words)

        check(self.labels_task(threshold=2), "threshold", "from 0 to 1")
        check(self.labels_task(threshold="best"), "threshold", "tuned")
        check(self.labels_task(labels=["good", "bad", "odd"], threshold={"good": 0.5}), "threshold", "bad")
        alone = self.labels_task(threshold="tuned")
        del alone["dev"]
        check(alone, "tuned", "dev")
        check(self.labels_task(label=None), "label")
        check(dict(self.labels_task(), label_columns=["a", "b"]), "label_columns")
        check(self.labels_task(metrics=["accuracy"]), "accuracy", "micro_f1")
        check(self.labels_task(class_weights=[1]), "class_weights")
        check(self.labels_task(label_smoothing=2), "label_smoothing")
        check(self.labels_task(label_smoothing=1), "label_smoothing", "below 1")
        check(self.labels_task(loss_weight=0), "loss_weight", "above 0")
        check(self.labels_task(loss_weight="0.5"), "loss_weight", "without quotes")
        check(self.labels_task(class_weights={"good": 2}), "class_weights", '"labels"')
        check(self.labels_task(adapter={"rank": 4}), "adapter", '"kind"')
        check(self.labels_task(labels=["good", "bad"]), "unknown label", "odd", code=1)
        check(self.labels_task(labels=["good", "bad", "odd"], text_a=0, label=1, format="tsv"), "label_separator")
        check(self.tags_task(scheme="bioess"), "bioess", "did you mean", "bioes")
        check(self.tags_task(format="csv"), "csv", "conll")
        check(self.tags_task(text="word"), "number")
        check(self.tags_task(entities="lenient"), "default", "strict")
        check(self.tags_task(labels=["O", "X"]), "X", "scheme")
        check(self.tags_task(scheme="plain", metrics=["f1"]), "plain", "accuracy")
        check(self.tags_task(labels=["O", "B-PER", "I-PER"]), "unknown tag", "LOC", code=1)
        check(self.tags_task(words="punctuation", labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), "punctuation",
              code=1)

    def test_examples_of_the_page(self):
        """A block of data followed by a task is a task that trains."""
        blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
        tried = []
        for (language, data), (following, text) in zip(blocks, blocks[1:]):
            if language or following != "json":
                continue
            task = json.loads(text)
            for split in ("train", "dev"):
                write_text(self.path("page", task[split]), data)
            path = write_json(self.path("page", "tasks.json"), {"tasks": [task]})
            self.pals("train", "--task_file", path, "--init_checkpoint", self.model, "--output_dir",
                      self.path("page", task["name"]), "--max_seq_length", "32", "--max_steps", "2", "--precision",
                      "fp32", "--threads", "1")
            tried.append(task["kind"])
        self.assertGreaterEqual({"classification", "regression", "multi_label", "tagging"} & set(tried),
                                {"multi_label", "tagging"})


if __name__ == "__main__":
    unittest.main()
