"""`pals check` lists all that is wrong at once; `pals init` writes task files that it has no complaints about."""

import gzip
import json
import os
import time
import unittest

import support
from support import PalsTest, read_json

WORDS = ["film", "soup", "evening", "waste", "staff", "story", "ending", "actor"]


def rows(count, what, separator=",", labels=("good", "bad")):
    return "".join("%s of a %s %s number %d%s%s\n" % (what, WORDS[i % 8], WORDS[i // 8 % 8], i, separator,
                                                     labels[i % len(labels)]) for i in range(count))


class CheckTest(PalsTest):
    def write(self, name, text):
        return support.write_text(self.path(name), text)

    def check(self, *flags, code=0):
        result = self.pals("check", self.path("tasks.json"), "--json", *flags, code=code)
        problems = json.loads(result.stdout)
        for problem in problems:
            self.assertEqual(list(problem), ["severity", "file", "line", "task", "message"])
        return problems

    def found(self, problems, severity, name, line, *words):
        self.assertTrue(any(problem["severity"] == severity and problem["file"].endswith(name)
                            and problem["line"] == line and all(word in problem["message"] for word in words)
                            for problem in problems), "%s:%s %s\n%s" % (name, line, words, json.dumps(problems, indent=1)))

    def train(self, *flags, code=0):
        return self.pals("train", "--task_file", self.path("tasks.json"), "--init_checkpoint", self.model,
                         "--output_dir", self.path("run"), "--max_seq_length", 24, "--train_batch_size", 8,
                         "--max_steps", 2, "--precision", "fp32", "--threads", 1, *flags, code=code)

    def reviews(self, **keys):
        support.write_json(self.path("tasks.json"), {"tasks": [
            dict({"name": "reviews", "kind": "classification", "text_a": "text", "label": "label",
                  "train": "train.csv", "dev": "dev.csv"}, **keys)]})


class Check(CheckTest):
    def test_everything_at_once(self):
        self.write("train.csv", "text,label\n" + rows(30, "Train") + ",good\na,b,c\nTrain of a film film number 0,bad\n")
        self.write("dev.csv", "text,label\n" + rows(6, "Dev") + "One more,neutral\n")
        with open(self.path("latin.tsv"), "wb") as stream:
            stream.write("caf\xe9\t1\nb\tx\nc\t9\n".encode("latin-1"))
        support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": "reviews", "kind": "classification", "text_a": "text", "label": "label", "train": "train.csv",
             "dev": "dev.csv", "metric": "accuracy"},
            {"name": "values", "kind": "regression", "text_a": 0, "label": 1, "train": "latin.tsv", "label_scale": 5},
            {"name": "adapted", "kind": "regression", "text_a": 0, "label": 1, "train": "gone.tsv",
             "adapter": {"kind": "lorra"}}]})
        problems = self.check(code=1)
        self.assertTrue(any('unknown key "metric"' in problem["message"] for problem in problems))
        self.found(problems, "error", "train.csv", 32, "the text is empty")
        self.found(problems, "error", "train.csv", 33, "got 3 columns")
        self.found(problems, "error", "train.csv", 34, "line 2", "another label")
        self.found(problems, "error", "dev.csv", 8, 'unknown label "neutral"')
        self.found(problems, "error", "latin.tsv", 1, "not UTF-8")
        self.found(problems, "error", "latin.tsv", 2, "want a number")
        self.found(problems, "error", "gone.tsv", None, "no such file")
        self.assertTrue(any("lorra" in problem["message"] for problem in problems))
        self.found(problems, "warning", "latin.tsv", 3, "beyond")
        text = self.pals("check", self.path("tasks.json"), code=1).stdout
        self.assertEqual(len(text.splitlines()), len(problems) + 1)
        self.assertRegex(text.splitlines()[-1], r"^\d+ errors, \d+ warnings$")
        said = self.pals("check", self.path("tasks.json"), code=1).stderr
        self.check_words(said, "next: correct the errors, then pals check")

    def test_empty_lists_of_adapters(self):
        self.write("train.csv", "text,label\n" + rows(40, "Train"))
        self.write("dev.csv", "text,label\n" + rows(6, "Dev"))
        for key in "targets", "layers":
            self.reviews(adapter={"kind": "lora", "rank": 2, key: []})
            self.found(self.check(code=1), "error", "tasks.json", 1, '"%s" of the adapter is an empty list' % key)
            message = self.error("train", "--task_file", self.path("tasks.json"), "--init_checkpoint", self.model,
                                 "--output_dir", self.path("run"), code=2)
            self.check_words(message, "reviews", '"%s" of the adapter is an empty list' % key, "leave the key out")
            self.assertFalse(os.path.exists(self.path("run")))

    def test_quotes_in_a_cell(self):
        self.write("values.tsv", "fine\t1\nbad\t\"8\"\n")
        support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": "values", "kind": "regression", "text_a": 0, "label": 1, "train": "values.tsv"}]})
        self.found(self.check(code=1), "error", "values.tsv", 2, "got '\"8\"' as the value")

    def test_sound_data_and_lengths(self):
        self.write("train.csv", "text,label\n" + rows(40, "Train"))
        self.write("dev.csv", "text,label\n" + rows(6, "Dev"))
        self.reviews()
        self.assertEqual(self.check(), [])
        self.assertEqual(self.check("--init_checkpoint", self.model), [])
        said = self.pals("check", self.path("tasks.json"), "--init_checkpoint", self.model).stderr
        self.check_words(said, "next: pals plan --task_file", self.path("tasks.json"), "--init_checkpoint", self.model)
        problems = self.check("--vocab_file", os.path.join(self.model, "vocab.txt"), "--max_seq_length", 8)
        self.assertIn("--max_seq_length 8", json.dumps(problems))
        self.assertEqual({problem["severity"] for problem in problems}, {"warning"})

    def test_usage(self):
        self.check_words(self.error("check", code=2), "one task file")
        self.check_words(self.error("check", self.path("no.json"), code=1), "no.json")
        self.write("tasks.json", "{\"tasks\": [")
        self.check_words(self.error("check", self.path("tasks.json"), code=1), "tasks.json:1:")
        self.write("data.csv", "text,label\nfine,good\n")
        for command in (["check", self.path("data.csv")],
                        ["train", "--init_checkpoint", self.model, "--output_dir", self.path("run"), "--task_file",
                         self.path("data.csv")]):
            self.check_words(self.error(*command, code=1), "data.csv: it is a data file", "pals init")
        self.check_words(self.error("train", "tasks.json", code=2), "did you mean --task_file tasks.json?")
        self.write("tasks.json", "[]")
        self.found(self.check(code=1), "error", "tasks.json", None, "want an object")

    @unittest.skipUnless(os.environ.get("PALS_FULL"), "a million rows; with PALS_FULL")
    def test_a_million_rows(self):
        train = rows(1000000, "Train")
        self.write("train.csv", "text,label\n" + train)
        self.write("train.tsv", "text\tlabel\n" + train.replace(",", "\t"))
        self.write("train.jsonl", "".join('{"text": "\\"%s\\"", "label": "%s"}\n' % tuple(row.split(","))
                                          for row in train.splitlines()))
        self.write("dev.csv", "text,label\n" + rows(6, "Dev"))
        for name in "train.csv", "train.tsv", "train.jsonl":
            self.reviews(train=name)
            began = time.monotonic()
            self.check("--init_checkpoint", self.model)
            self.assertLess(time.monotonic() - began, 10, name)


class Init(CheckTest):
    def init(self, *names, output="tasks.json"):
        result = self.pals("init", *[self.path(name) for name in names], "--output", self.path(output))
        self.assertEqual(result.stdout, "")
        return result.stderr

    def test_files_of_all_formats_are_trained(self):
        self.write("reviews-train.csv", "text,label\n" + rows(24, "Train"))
        self.write("reviews-dev.csv", "text,label\n" + rows(8, "Dev"))
        with gzip.open(self.path("values-train.tsv.gz"), "wt") as stream:
            stream.write(rows(24, "Train", "\t", ("0.5", "4.5", "2")))
        self.write("values-validation.tsv", rows(8, "Dev", "\t", ("0.5", "4.5", "2")))
        for split in "train", "dev":
            self.write("topics-%s.jsonl" % split, "".join(
                json.dumps({"text": "%s of a %s" % (split, word), "topics": ["sport", "money"][:i % 3]}) + "\n"
                for i, word in enumerate(WORDS)))
            self.write("names-%s.conll" % split, "".join("%s B-%s\nsleeps O\n\n" % (word, "AB"[i % 2])
                                                        for i, word in enumerate(WORDS)))
            support.make_squad(self.path("squad-%s.json" % split), 12, 1)
            support.make_swag(self.path("swag-%s.csv" % split), 12)
        names = sorted(os.listdir(self.folder))
        said = self.init(*names)
        tasks = {task["name"]: task for task in read_json(self.path("tasks.json"))["tasks"]}
        self.assertEqual({name: task["kind"] for name, task in tasks.items()},
                         {"reviews": "classification", "values": "regression", "topics": "multi_label",
                          "names": "tagging", "squad": "span", "swag": "multiple_choice"})
        self.assertEqual(tasks["values"]["dev"], "values-validation.tsv")
        self.assertIn("0 errors", said)
        self.assertFalse([problem for problem in self.check() if problem["severity"] == "error"])
        self.train()

    def test_nothing_is_overwritten(self):
        self.write("train.csv", "text,label\n" + rows(8, "Train"))
        self.write("tasks.json", "mine")
        self.check_words(self.error("init", self.path("train.csv"), "--output", self.path("tasks.json"), code=2),
                         "tasks.json", "--overwrite")
        with open(self.path("tasks.json"), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "mine")
        said = self.pals("init", self.path("train.csv"), "--output", self.path("tasks.json"), "--overwrite").stderr
        self.assertIn("unsure:", said)
        self.assertIn("no dev file", said)
        self.assertEqual(read_json(self.path("tasks.json"))["tasks"][0]["train"], "train.csv")
        shown = json.loads(self.pals("init", self.path("train.csv"), "--output", "-").stdout)
        self.assertEqual(shown["tasks"][0]["kind"], "classification")

    def test_inputs_are_looked_at_first(self):
        self.write("tasks.json", "mine")
        for files, code, words in ((), 2, "no files"), (["none.csv"], 1, "No such file"), (["."], 1, "it is a folder"):
            said = self.error("init", *[self.path(name) for name in files], code=code, cwd=self.folder)
            self.check_words(said, words)

    def test_faults_are_sought_in_the_whole_file(self):
        self.write("reviews.csv", "text,label\n" + rows(40, "Train") + ",good\n")
        arguments = ["init", self.path("reviews.csv"), "--output", self.path("tasks.json"), "--overwrite"]
        self.check_words(self.pals(*arguments, "--dev_fraction", 0.1).stderr, "1 error",
                         "next: for the lines of your own files, pals init", "without --dev_fraction")
        self.assertIn("next: pals check", self.pals(*arguments).stderr)

    def test_a_dev_file_is_split_off(self):
        whole = "text,label\n" + rows(40, "Train")
        self.write("reviews.csv", whole)
        said = self.pals("init", self.path("reviews.csv"), "--output", self.path("tasks.json"),
                         "--dev_fraction", 0.1).stderr
        self.check_words(said, "36 are in reviews.train.csv", "4 in reviews.dev.csv", "0 errors", "next: pals check")
        task = read_json(self.path("tasks.json"))["tasks"][0]
        self.assertEqual((task["train"], task["dev"]), ("reviews.train.csv", "reviews.dev.csv"))
        train, dev = self.read("reviews.train.csv"), self.read("reviews.dev.csv")
        self.assertEqual(sorted(train[1:] + dev[1:]), sorted(whole.splitlines()[1:]))
        self.assertEqual({line.split(",")[1] for line in dev[1:]}, {"good", "bad"})
        self.train()
        # Nothing of the user's is replaced, and the same seed gives the same files.
        again = ["init", self.path("reviews.csv"), "--output", self.path("tasks.json"), "--dev_fraction", 0.1]
        os.remove(self.path("tasks.json"))
        self.check_words(self.error(*again, code=2), "reviews.train.csv", "--overwrite")
        self.pals(*again, "--overwrite")
        self.assertEqual(self.read("reviews.dev.csv"), dev)
        self.pals(*again, "--overwrite", "--seed", 5)
        self.assertNotEqual(self.read("reviews.dev.csv"), dev)
        self.check_words(self.error("init", self.path("reviews.csv"), "--output", "-", "--dev_fraction", 0.1, code=2),
                         "--output")
        self.check_words(self.error("init", self.path("reviews.train.csv"), "--output", self.path("tasks.json"),
                                    "--overwrite", "--dev_fraction", 0.1, code=2), "one of the data files")
        self.assertEqual(self.read("reviews.csv"), whole.splitlines())

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as stream:
            return stream.read().splitlines()

    def test_refusals(self):
        self.write("dev.csv", "text,label\na b,c\n")
        self.check_words(self.error("init", self.path("dev.csv"), "--output", self.path("t.json"), code=1),
                         "no training file")
        self.check_words(self.error("init", code=2, cwd=self.folder), "no files")
        self.assertFalse(os.path.exists(self.path("t.json")))


if __name__ == "__main__":
    unittest.main()
