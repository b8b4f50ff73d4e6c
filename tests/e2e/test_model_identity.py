"""A model folder is used as what its tasks were trained with: what differs is mapped by name or refused."""

import json
import os
import shutil
import unittest

import support
from support import PalsTest, floats, read_json, read_safetensors
from test_identity import reviews

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "012c666")
TEXTS = "text,other\nword1 %s word2,1.0\nword3 %s,2.0\n" % (support.GOOD, support.BAD)


class ModelIdentity(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("setUp")
        test.folder = cls.place = os.path.join(os.path.dirname(cls.model), "model-identity")
        for split in "train", "dev":
            reviews(test.path(split + ".tsv"), seed=split)
        test.pals(*test.training("run", "--learning_rate", "1e-3", "--max_steps", 200))

    def setUp(self):
        super().setUp()
        for name in "train.tsv", "dev.tsv":
            shutil.copy(os.path.join(self.place, name), self.path(name))
        shutil.copytree(os.path.join(self.place, "run", "final"), self.path("model"))
        support.write_text(self.path("texts.csv"), TEXTS)

    def write_tasks(self, name="tasks.json", first=None, second=None):
        files = {"train": "train.tsv", "dev": "dev.tsv", "format": "tsv", "header": True}
        classes = dict(files, name="reviews", kind="classification", labels=["bad", "good"], text_a="text",
                       text_b="value", label="label")
        scores = dict(files, name="stars", kind="regression", label_scale=5, text_a="text", label="value")
        classes.update(first or {})
        scores.update(second or {})
        return support.write_json(self.path(name), {"tasks": [classes, scores]})

    def training(self, run, *flags, model=None, **tasks):
        return ["train", "--task_file", self.write_tasks(**tasks), "--init_checkpoint", model or self.model,
                "--output_dir", self.path(run), "--max_seq_length", 32, "--train_batch_size", 8, "--precision", "fp32",
                "--threads", 1, "--num_train_epochs", 1, "--adapter", "pals", "--adapter_size", 12,
                "--cache_dir", os.path.join(self.place, "cache"), *flags]

    def warm(self, *flags, **tasks):
        """A warm start that changes next to nothing."""
        return self.training("warm", "--max_steps", 1, "--learning_rate", "1e-12", *flags,
                             model=self.path("model"), **tasks)

    def evaluation(self, **tasks):
        return ["eval", "--model", self.path("model"), "--task_file", self.write_tasks(**tasks), "--json",
                "--threads", 1, "--precision", "fp32", "--cache_dir", os.path.join(self.place, "cache")]

    def answers(self, model):
        lines = self.pals("predict", "--model", model, "--task", "reviews", "--input", self.path("texts.csv"),
                          "--text_a", "text", "--text_b", "other", "--json", "--threads", 1, "--precision",
                          "fp32").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def users(self):
        """Whatever opens a model folder."""
        model, texts = self.path("model"), self.path("texts.csv")
        support.write_text(self.path("plain.txt"), "word1 word2\n")
        os.makedirs(self.path("data"), exist_ok=True)
        return {
            "predict": ["predict", "--model", model, "--task", "reviews", "--input", texts, "--text_a", "text",
                        "--text_b", "other"],
            "eval": ["eval", "--model", model, "--threads", 1],
            "features": ["features", "--model", model, "--input", self.path("plain.txt"), "--pooling", "cls"],
            "features of a task": ["features", "--model", model, "--input", self.path("plain.txt"), "--pooling", "cls",
                                   "--task", "reviews"],
            "submit": ["submit", "--model", model, "--data_dir", self.path("data"), "--output", self.path("x.zip")],
            "convert": ["convert", model, self.path("out.safetensors")],
            "convert to a folder": ["convert", model, self.path("out")],
            "train": self.warm(),
            "bench": ["bench", "--model", model, "--quick", "--data_dir", self.glue, "--tasks", "rte", "--batches", 1,
                      "--batch_size", 1, "--threads", 1],
        }

    def refused_by_all(self, *words, but=()):
        for name, command in self.users().items():
            if name in but:
                continue
            with self.subTest(name):
                message = self.error(*command, code=1)
                self.check_words(message, *words)
                self.assertLessEqual(len(message), 300)
        self.assertFalse(os.path.exists(self.path("warm")))

    def edit(self, name, change):
        path = self.path("model", name)
        content = read_json(path)
        change(content)
        support.write_json(path, content)

    # What a folder says of itself

    def test_another_activation(self):
        self.edit("config.json", lambda config: config.update(hidden_act="relu"))
        self.refused_by_all('hidden_act was "gelu", now "relu"', "put it back", "--accept_changes")

    def test_other_heads(self):
        heads = read_json(self.path("model"), "config.json")["num_attention_heads"]
        self.edit("config.json", lambda config: config.update(num_attention_heads=heads // 2))
        self.refused_by_all('num_attention_heads was "%d", now "%d"' % (heads, heads // 2))

    def test_lines_of_the_vocabulary_exchanged(self):
        support.exchange_last_words(self.path("model", "vocab.txt"))
        self.refused_by_all("content of the vocabulary was")

    def test_another_tokenizer(self):
        self.edit("tokenizer_config.json", lambda config: config.update(strip_accents=False))
        self.refused_by_all('tokenizer settings, strip_accents was nothing, now "false"')

    def test_labels_renamed_or_reordered(self):
        self.edit("tasks.json", lambda tasks: tasks["tasks"][0].update(labels=["good", "bad"]))
        self.refused_by_all('task reviews, labels was "bad, good", now "good, bad"')

    def test_another_scale(self):
        self.edit("tasks.json", lambda tasks: tasks["tasks"][1].update(label_scale=100))
        self.refused_by_all('task stars, label_scale was "5.0", now "100.0"')

    def test_columns_exchanged(self):
        self.edit("tasks.json", lambda tasks: tasks["tasks"][0]["dev"].update(text_a="value", text_b="text"))
        self.refused_by_all('task reviews, dev, text_a was "text", now "value"')

    def test_folders_of_tasks_exchanged(self):
        adapters = self.path("model", "adapters")
        os.rename(os.path.join(adapters, "reviews"), os.path.join(adapters, "x"))
        os.rename(os.path.join(adapters, "stars"), os.path.join(adapters, "reviews"))
        os.rename(os.path.join(adapters, "x"), os.path.join(adapters, "stars"))
        self.refused_by_all('the files of task "stars", expected those of "reviews"')

    def test_a_damaged_adapter(self):
        with open(self.path("model", "adapters", "reviews", "pals_adapter.safetensors"), "r+b") as stream:
            stream.seek(-4, os.SEEK_END)
            stream.write(b"\0\0\x80\x3f")
        # Those that do not read it need not look at it.
        self.refused_by_all("reviews/pals_adapter.safetensors", "not the weights that task reviews was trained to",
                            but=("features", "bench"))

    def test_other_shared_weights(self):
        with open(self.path("model", "model.safetensors"), "r+b") as stream:
            stream.seek(-4, os.SEEK_END)
            stream.write(b"\0\0\x80\x3f")
        self.refused_by_all("adapters/reviews", "trained with other shared weights", but=("bench",))

    def test_what_makes_no_difference(self):
        expected = self.answers(self.path("model"))
        os.rename(self.path("model"), self.path("renamed"))
        shutil.copytree(self.path("renamed"), self.path("model"))
        support.write_text(self.path("model", "README.md"), "mine")
        support.write_text(self.path("model", "adapters", "reviews", "notes.txt"), "mine")
        self.edit("config.json", lambda config: config.update(transformers_version="4.57.0"))
        self.edit("tasks.json", lambda tasks: tasks["tasks"][0]["dev"].update(path=self.path("moved.tsv")))
        os.rename(self.path("dev.tsv"), self.path("moved.tsv"))
        self.assertEqual(self.answers(self.path("model")), expected)
        self.assertEqual(self.answers(self.path("renamed")), expected)
        self.pals("eval", "--model", self.path("model"), "--threads", 1)

    def test_changes_that_are_meant(self):
        before = self.answers(self.path("model"))
        self.edit("tasks.json", lambda tasks: tasks["tasks"][0].update(labels=["awful", "splendid"]))
        self.error("predict", "--model", self.path("model"), code=1)
        result = self.pals("convert", self.path("model"), self.path("renamed"), "--accept_changes")
        self.check_words(result.stderr, "warning: ", 'labels was "bad, good", now "awful, splendid"', ": accepted")
        names = {"bad": "awful", "good": "splendid"}
        for old, new in zip(before, self.answers(self.path("renamed"))):
            self.assertEqual(new["label"], names[old["label"]])
            self.assertEqual(list(new["probabilities"].values()), list(old["probabilities"].values()))

    def test_earlier_versions_say_what_cannot_be_checked(self):
        model = os.path.join(KEPT, "model")
        for arguments in (["predict", "--model", model, "--task", "reviews"], ["convert", model, self.path("new")],
                          ["features", "--model", model, "--pooling", "cls", "--max_seq_length", 32]):
            lines = self.pals(*arguments, stdin="word\n").stderr.splitlines()
            lines = [line for line in lines if "earlier version" in line]
            self.assertEqual(len(lines), 1)
            self.check_words(lines[0], "warning: ", "tasks", "configuration", "vocabulary", "adapters",
                             "cannot be checked", "pals convert")
            self.assertLessEqual(len(lines[0]), 300)
        self.assertNotIn("earlier version",
                         self.pals("predict", "--model", self.path("new"), "--task", "reviews", stdin="word\n").stderr)

    # Other descriptions of a task

    def test_labels_in_another_order_at_a_warm_start(self):
        before = self.answers(self.path("model"))
        self.assertEqual([answer["label"] for answer in before], ["good", "bad"])
        self.pals(*self.warm())
        accuracy = read_json(self.path("warm"), "eval_results.json")["last"]["tasks"]["reviews"]["accuracy"]
        shutil.rmtree(self.path("warm"))
        self.pals(*self.warm(first={"labels": ["good", "bad"]}))
        self.assertEqual(read_json(self.path("warm", "final"), "tasks.json")["tasks"][0]["labels"], ["good", "bad"])
        results = read_json(self.path("warm"), "eval_results.json")["last"]["tasks"]["reviews"]
        self.assertEqual(results["accuracy"], 1.0)
        self.assertEqual(accuracy, 1.0)
        for old, new in zip(before, self.answers(self.path("warm", "final"))):
            self.assertEqual(new["label"], old["label"])
            for label, probability in old["probabilities"].items():
                self.assertAlmostEqual(new["probabilities"][label], probability, places=3)

    def test_labels_in_another_order_at_an_evaluation(self):
        expected = json.loads(self.pals(*self.evaluation()).stdout)
        found = json.loads(self.pals(*self.evaluation(first={"labels": ["good", "bad"]})).stdout)
        self.assertEqual(found, expected)
        self.assertEqual(expected["tasks"]["reviews"]["accuracy"], 1.0)
        # The second label is the positive one, in the order of the task file.
        f1 = [json.loads(self.pals(*self.evaluation(first={"labels": labels, "metrics": ["f1", "accuracy"]})).stdout)
              for labels in (["bad", "good"], ["good", "bad"])]
        self.assertEqual([scores["tasks"]["reviews"]["f1"] for scores in f1], [1.0, 1.0])

    def test_what_cannot_be_mapped(self):
        other = {
            "labels": ({"labels": ["bad", "great"]}, {}, 'labels was "bad, good", now "bad, great"'),
            "scale": ({}, {"label_scale": 100}, 'label_scale was "5.0", now "100.0"'),
            "texts": ({"text_a": "value", "text_b": "text"}, {}, 'text_a was "text", now "value"'),
            "a single text": ({"text_b": None}, {}, 'what it reads was "pairs of texts", now "single texts"'),
        }
        for name, (first, second, words) in other.items():
            for command in self.warm(first=first, second=second), self.evaluation(first=first, second=second):
                with self.subTest(name, command=command[0]):
                    self.write_tasks(first=first, second=second)
                    message = self.error(*command, code=1)
                    self.check_words(message, "is not the one that was trained", words)
                    self.assertLessEqual(len(message), 300)
        self.assertIn("--multi", self.error(*self.warm(second={"label_scale": 100}), code=1))
        self.pals(*self.warm("--multi", second={"label_scale": 100}))

    def test_another_kind(self):
        message = self.error(*self.evaluation(second={"kind": "classification", "labels": ["0.0", "5.0"],
                                                      "label_scale": None}), code=2)
        self.assertIn("label_scale", message)
        tasks = self.write_tasks()
        content = read_json(tasks)
        content["tasks"][1].update(kind="classification", labels=["0.0", "5.0"])
        del content["tasks"][1]["label_scale"]
        support.write_json(tasks, content)
        message = self.error("eval", "--model", self.path("model"), "--task_file", tasks, code=1)
        self.check_words(message, 'kind was "regression", now "classification"')

    def test_columns_of_another_file_are_said(self):
        with open(self.path("dev.tsv"), encoding="utf-8") as stream:
            support.write_text(self.path("new.tsv"), stream.read().replace("text\t", "comment\t", 1))
        result = self.pals(*self.evaluation(first={"text_a": "comment", "dev": "new.tsv"}))
        self.check_words(result.stderr, "other than in training", 'text_a was "text", now "comment"')

    # A classifier of another tool

    def test_a_foreign_head_goes_by_its_labels(self):
        weights = support.random_weights()
        size = weights["pooler.dense.bias"][0][0]
        weights = {"bert." + name: value for name, value in weights.items()}
        weights["classifier.weight"] = (2, size), [0.5] * size + [-0.5] * size
        weights["classifier.bias"] = (2,), [1.0, -1.0]
        model = support.make_model(self.path("foreign"), weights)
        config = read_json(model, "config.json")

        def bias(*names, flags=(), code=0):
            if names:
                config["id2label"] = {str(number): name for number, name in enumerate(names)}
            support.write_json(os.path.join(model, "config.json"), config)
            shutil.rmtree(self.path("warm"), ignore_errors=True)
            tasks = self.write_tasks()
            content = read_json(tasks)
            del content["tasks"][1]
            support.write_json(tasks, content)
            result = self.pals("train", "--task_file", tasks, "--init_checkpoint", model, "--output_dir",
                               self.path("warm"), "--max_seq_length", 32, "--max_steps", 1, "--learning_rate", "1e-12",
                               "--threads", 1, "--precision", "fp32", *flags, code=code)
            if code:
                return result.stderr
            tensors = read_safetensors(self.path("warm", "final", "adapters", "reviews", "pals_adapter.safetensors"))
            return [round(value, 3) for value in floats(tensors["classifier.bias"])]

        self.assertEqual(bias(), [1.0, -1.0])
        self.assertEqual(bias("LABEL_0", "LABEL_1"), [1.0, -1.0])
        self.assertEqual(bias("bad", "good"), [1.0, -1.0])
        self.assertEqual(bias("Good", "Bad"), [-1.0, 1.0])
        self.check_words(bias("yes", "no", code=2), "id2label", '"yes", "no"', '"bad", "good"', "--multi")
        self.assertNotIn(1.0, bias("yes", "no", flags=["--multi"]))


if __name__ == "__main__":
    unittest.main()
