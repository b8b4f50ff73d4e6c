"""Data as people have it: line ends, headers, blank lines, labels and compressed files, in training and prediction."""

import gzip
import json
import os
import shutil
import subprocess
import unittest

import support
from support import PalsTest, read_json

USAGE, RUN = 2, 1
ROWS = [("word1 dreadful soup", "0"), ("a splendid word2", "1"), ("dreadful word3", "0"), ("splendid word4", "1")]


def table(rows, separator="\t", end="\n", header=None):
    lines = [list(header)] if header else []
    return "".join(separator.join(row) + end for row in lines + [list(row) for row in rows])


def write_bytes(path, data):
    with open(path, "wb") as stream:
        stream.write(data)
    return path


class DataTest(PalsTest):
    def task_file(self, *tasks, **keys):
        """A task file of these tasks, or of one classification with these keys beside the usual ones."""
        usual = {"name": "t", "kind": "classification", "text_a": "text", "label": "label", "train": "train.csv",
                 "dev": "dev.csv"}
        tasks = tasks or [{key: value for key, value in dict(usual, **keys).items() if value is not None}]
        return support.write_json(self.path("tasks.json"), {"tasks": list(tasks)})

    def arguments(self, run="run", *flags):
        return ["train", "--task_file", self.path("tasks.json"), "--init_checkpoint", self.model, "--output_dir",
                self.path(run), "--max_seq_length", "24", "--train_batch_size", "4", "--num_train_epochs", "1",
                "--precision", "fp32", "--threads", "1", "--cache_dir", self.path("cache"), *flags]

    def run_task(self, *flags, **keys):
        """Trains on a task file with these keys: what it said."""
        self.task_file(**keys)
        shutil.rmtree(self.path("run"), ignore_errors=True)
        return self.pals(*self.arguments("run", *flags)).stderr

    def refuse(self, *words, code=RUN, **keys):
        self.task_file(**keys)
        shutil.rmtree(self.path("run"), ignore_errors=True)
        self.check_words(self.error(*self.arguments(), code=code), *words)

    def write(self, name, text):
        return support.write_text(self.path(name), text)

    def rows(self):
        """Training rows of the run's one epoch, and rows of the dev file."""
        with open(self.path("run", "dev_predictions", "t.jsonl"), encoding="utf-8") as stream:
            dev = sum(1 for _ in stream) - 1  # without the line that describes it
        return sum(step["rows"] for step in support.metrics(self.path("run"))[0]), dev

    def labels(self):
        return read_json(self.path("run"), "final", "tasks.json")["tasks"][0]["labels"]

    def predict(self, *flags, stdin="", code=0, task="t", run="run"):
        result = self.pals("predict", "--model", self.path(run, "final"), "--task", task, "--precision", "fp32",
                           "--threads", 1, *flags, stdin=stdin, code=code)
        return result.stdout.splitlines()

    def refuse_input(self, *words, flags=(), code=RUN, stdin="", task="t", run="run"):
        message = self.error("predict", "--model", self.path(run, "final"), "--task", task, "--threads", 1, *flags,
                             stdin=stdin, code=code)
        self.check_words(message, *words)


class Training(DataTest):
    def test_lines_that_end_in_a_carriage_return(self):
        for ending, separator, keys in (("tsv", "\t", {"text_a": 0, "label": 1, "header": False}), ("csv", ",", {})):
            header = None if ending == "tsv" else ("text", "label")
            for end in "\r", "\r\n", "\n":
                for split in "train", "dev":
                    self.write(split + "." + ending, table(ROWS, separator, end, header))
                self.run_task(labels=["0", "1"], train="train." + ending, dev="dev." + ending, **keys)
                self.assertEqual(self.rows(), (4, 4))
        expected = self.predict(stdin="".join(text + "\n" for text, _ in ROWS))
        self.assertEqual(len(expected), 4)
        self.assertEqual(self.predict(stdin="".join(text + "\r" for text, _ in ROWS)), expected)
        self.assertEqual(self.predict(stdin="\r".join(text for text, _ in ROWS) + "\r\n"), expected)

    def test_endings_and_compressed_files(self):
        csv = table(ROWS, ",", header=("text", "label"))
        jsonl = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)
        self.write("a.CSV", csv)
        self.write("b.NDJSON", jsonl)
        write_bytes(self.path("c.csv.gz"), gzip.compress(csv.encode()))
        write_bytes(self.path("d.jsonl.gz"), gzip.compress(jsonl.encode()))
        names = ["a.CSV", "b.NDJSON", "c.csv.gz", "d.jsonl.gz"]
        if shutil.which("zstd"):
            subprocess.run(["zstd", "-q", self.path("a.CSV"), "-o", self.path("e.CSV.ZST")], check=True)
            names.append("e.CSV.ZST")
        weights = set()
        for name in names:
            self.run_task(train=name, dev=name)
            self.assertEqual(self.rows(), (4, 4))
            with open(self.path("run", "final", "model.safetensors"), "rb") as stream:
                weights.add(stream.read())
        self.assertEqual(len(weights), 1)
        expected = self.predict(stdin="".join(text + "\n" for text, _ in ROWS))
        for name in names:
            self.assertEqual(self.predict("--input", self.path(name)), expected)
        write_bytes(self.path("bomb.csv.gz"), gzip.compress(csv.encode() + b"x,0\n" * (20 << 20)))
        self.refuse("bomb.csv.gz: unpacked it is more than 100 times its size", train="bomb.csv.gz")
        write_bytes(self.path("cut.csv.gz"), gzip.compress(csv.encode())[:-9])
        self.refuse("cut.csv.gz: ", train="cut.csv.gz")

    def test_a_header_is_not_an_example(self):
        self.write("train.tsv", table([(b, a) for a, b in ROWS], header=("label", "text")))
        keys = {"text_a": 1, "label": 0, "train": "train.tsv", "dev": "train.tsv"}
        self.refuse('train.tsv:1: is this row a header, with "label"', '"header": true or false', **keys)
        self.run_task(header=True, **keys)
        self.assertEqual((self.rows(), self.labels()), ((4, 4), ["0", "1"]))
        self.run_task(header=False, **keys)
        self.assertEqual((self.rows(), self.labels()), ((5, 5), ["0", "1", "label"]))
        self.refuse('train.tsv:1: unknown label "label"', "a header?", labels=["0", "1"], **keys)
        joined = table(ROWS, header=("text", "label")) * 2
        self.write("joined.tsv", joined)
        self.refuse("joined.tsv:6: the header once more", train="joined.tsv", dev="joined.tsv")

    def test_blank_lines(self):
        text = table(ROWS, ",", header=("text", "label"))
        lines = text.splitlines(keepends=True)
        self.write("train.csv", "\n" + "\n".join(lines[:3]) + "".join(lines[3:]) + "\n\n")
        self.write("dev.csv", text)
        said = self.run_task()
        self.assertEqual(self.rows(), (4, 4))
        self.check_words(said, "train.csv: 3 blank lines passed over")
        self.assertNotIn("dev.csv", said)
        self.check_words(self.run_task(), "train.csv: 3 blank lines passed over")  # out of the cache too

    def test_whole_numbers_with_decimals(self):
        odd = [(text, label + (".0" if number > 1 else "")) for number, (text, label) in enumerate(ROWS)]
        self.write("train.csv", table(odd, ",", header=("text", "label")))
        self.write("dev.csv", table(ROWS, ",", header=("text", "label")))
        self.run_task()
        self.assertEqual(self.labels(), ["0", "1"])
        self.write("train.jsonl", "".join('{"text": "%s", "label": %s}\n' % row for row in odd))
        self.run_task(train="train.jsonl", dev="train.jsonl")
        self.assertEqual(self.labels(), ["0", "1"])
        self.run_task(labels=["0", "0.0", "1", "1.0"], train="train.jsonl")
        self.assertEqual(self.labels(), ["0", "0.0", "1", "1.0"])

    def test_rows_without_a_label(self):
        rows = ROWS + [("word5", "-"), ("word6", "")]
        self.write("train.csv", table(rows, ",", header=("text", "label")))
        self.write("dev.csv", table(rows, ",", header=("text", "label")))
        for labels in None, ["0", "1"]:
            self.refuse("train.csv:6: ", '"-"', '"unlabelled": [...]', labels=labels)
            said = self.run_task(labels=labels, unlabelled=["-", ""])
            self.assertEqual((self.rows(), self.labels()), ((4, 4), ["0", "1"]))
            self.check_words(said, "train.csv: 2 rows without a label left out", "dev.csv: 2 rows without")
        self.assertEqual(read_json(self.path("run"), "final", "tasks.json")["tasks"][0]["dev"]["unlabelled"], ["-", ""])
        self.write("null.jsonl", '{"text": "a", "label": null}\n{"text": "b", "label": "0"}\n')
        self.refuse("null.jsonl:1: the label", "null", '"unlabelled"', labels=["0", "1"], train="null.jsonl")
        self.run_task(labels=["0", "1"], train="null.jsonl", unlabelled=[None, "-"])
        self.assertEqual(self.rows(), (1, 4))

    def test_odd_labels_and_values_are_warned_of(self):
        rows = [("word%d" % n, label) for n, label in enumerate(["Good"] + ["good", "bad"] * 3)]
        self.write("train.csv", table(rows, ",", header=("text", "label")))
        said = self.run_task(dev=None)
        self.check_words(said, '"Good" (1) and "good" (3)', '1 of 3 labels occurs once: "Good"')
        self.write("train.csv", "text,label\na,1\nb,9\nc,-8\n")
        said = self.run_task(kind="regression", label_scale=5, dev=None)
        self.check_words(said, '2 of 3 values are beyond "label_scale", which is 5; the largest is 9')
        self.assertNotIn("beyond", self.run_task(kind="regression", label_scale=9, dev=None))

    def test_all_training_files_are_trained_on(self):
        self.write("train.csv", table(ROWS[:3], ",", header=("text", "label")))
        self.write("more.jsonl", "".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in
                                         ROWS[3:] + [("word9", "2")]))
        self.write("dev.csv", table(ROWS, ",", header=("text", "label")))
        self.run_task(train_more="more.jsonl")
        self.assertEqual((self.rows(), self.labels()), ((5, 4), ["0", "1", "2"]))
        # The same rows in one file are the same training.
        with open(self.path("run", "final", "model.safetensors"), "rb") as stream:
            weights = stream.read()
        self.write("train.csv", table(ROWS + [("word9", "2")], ",", header=("text", "label")))
        self.run_task()
        with open(self.path("run", "final", "model.safetensors"), "rb") as stream:
            self.assertEqual(stream.read(), weights)
        self.refuse("none.csv: no such file", train_more="none.csv")

    def test_all_training_files_of_questions(self):
        names = [support.make_squad(self.path(name), count) for name, count in (("a.json", 6), ("b.json", 5))]
        task = {"name": "t", "kind": "span", "doc_stride": 8, "train": names[0], "dev": names[0]}
        self.task_file({**task, "train_b": names[1]})
        self.pals(*self.arguments("run"))
        rows = sum(step["rows"] for step in support.metrics(self.path("run"))[0])
        self.task_file(task)
        self.pals(*self.arguments("one"))
        self.assertGreater(rows, sum(step["rows"] for step in support.metrics(self.path("one"))[0]))

    def test_tasks_without_a_dev_file_are_named(self):
        self.write("train.csv", table(ROWS, ",", header=("text", "label")))
        task = {"kind": "classification", "text_a": "text", "label": "label", "train": "train.csv"}
        self.task_file({**task, "name": "one"}, {**task, "name": "two", "dev": "train.csv"}, {**task, "name": "three"})
        said = self.pals(*self.arguments()).stderr
        self.check_words(said, "no dev file, so no scores and no part in choosing the best model: one, three\n")

    def test_odd_files_are_refused(self):
        cases = {
            "ragged.tsv": ("word1\t0\nword2\tand word3\t1\n", {"text_a": 0, "label": -1}, ["ragged.tsv:2", "3 columns"]),
            "twice.csv": ("text,text,label\na,b,0\n", {}, ["twice.csv:1", "more than once"]),
            "open.csv": ('text,label\n"a,0\nb,1\n', {}, ["open.csv:2", "never closed"]),
            "trailing.csv": ("text,label\na,0,\nb,1,\n", {}, ["trailing.csv:2", "got 3 columns, want 2"]),
            "semicolon.csv": ("text;label\na;0\n", {}, ['no column "text"', "text;label"]),
            "list.jsonl": ('{"text": "a", "label": [0]}\n', {}, ["list.jsonl:1", '"label" is array']),
            "number.jsonl": ('["a", 0]\n', {}, ["number.jsonl:1", "want a JSON object"]),
        }
        for name, (text, keys, words) in cases.items():
            with self.subTest(name):
                self.write(name, text)
                self.refuse(*words, labels=["0", "1"], train=name, dev=None, **keys)
        for name, data in (("mark.csv", b"\xff\xfe"), ("plain.csv", b"")):
            write_bytes(self.path(name), data + "text,label\na,0\n".encode("utf-16-le"))
            self.refuse(name, "UTF-16", train=name, dev=None)
        self.write("mark.csv", "\ufeff" + table(ROWS, ",", header=("text", "label")))
        self.run_task(train="mark.csv", dev="mark.csv")
        self.assertEqual(self.rows(), (4, 4))

    def test_a_task_file_ends_with_its_last_value(self):
        self.write("train.csv", table(ROWS, ",", header=("text", "label")))
        self.task_file(dev=None)
        with open(self.path("tasks.json"), "ab") as stream:
            stream.write(b"\0{}")
        self.check_words(self.error(*self.arguments(), code=RUN), "tasks.json:1:", "zero byte")
        self.task_file(dev=None)
        for seed in "18446744073709551616", "1e30", "-1":
            self.check_words(self.error(*self.arguments("run", "--seed", seed), code=USAGE), "--seed", seed)
        config = support.write_text(self.path("config.json"), '{"seed": 18446744073709551616}')
        self.check_words(self.error(*self.arguments("run", "--config", config), code=USAGE), "seed")


class Asking(DataTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.asked = os.path.join(os.path.dirname(cls.model), "asked")
        if os.path.exists(cls.asked):
            return
        os.makedirs(cls.asked)
        test = cls("setUp")
        test.folder = cls.asked
        test.write("train.csv", "text,other,label\n" + "".join("%s,word%d,%s\n" % (a, n, b)
                                                            for n, (a, b) in enumerate(ROWS)))
        task = {"kind": "classification", "text_a": "text", "label": "label", "train": "train.csv", "dev": "train.csv"}
        test.task_file({**task, "name": "one"}, {**task, "name": "again"}, {**task, "name": "pair", "text_b": "other"},
                       {**task, "name": "else", "text_a": "other"})
        test.pals(*test.arguments())

    def setUp(self):
        super().setUp()
        os.symlink(os.path.join(self.asked, "run"), self.path("run"))

    def texts(self, pairs=False):
        return "".join(text + ("\tword%d" % number if pairs else "") + "\n" for number, (text, _) in enumerate(ROWS))

    def test_a_task_s_own_columns(self):
        for task in "one", "pair":
            expected = self.predict(stdin=self.texts(task == "pair"), task=task)
            self.assertEqual(len(expected), 4)
            rows = [(str(n), "word%d" % n, text) for n, (text, _) in enumerate(ROWS)]
            names = ("id", "other", "text")
            jsonl = "".join(json.dumps(dict(zip(names, row))) + "\n" for row in rows)
            inputs = {"a.tsv": table(rows, header=names), "b.csv": table(rows, ",", header=names), "c.jsonl": jsonl,
                      "d.TSV": table(rows, end="\r", header=names), "e.ndjson": jsonl, "f": jsonl,
                      "g.txt": table(rows, ",", header=names)}
            for name, text in inputs.items():
                with self.subTest(task=task, name=name):
                    self.write(name, text)
                    self.assertEqual(self.predict("--input", self.path(name), task=task), expected)
                    self.assertEqual(self.predict(stdin=text, task=task), expected)
            found = self.predict("--input", self.path("a.tsv"), "--id", "id", task=task)
            self.assertEqual(found, ["%d\t%s" % item for item in enumerate(expected)])

    def test_the_number_of_texts(self):
        pairs = self.texts(True)
        self.refuse_input("standard input:1: 2 texts", 'task "one" takes one', "--text_a", stdin=pairs, task="one")
        self.refuse_input("standard input:2: 1 text,", 'task "pair" takes two', stdin="a\tb\nc\n", task="pair")
        self.refuse_input("standard input:1: 3 texts", stdin="1\ta\tb\n", task="pair")
        self.refuse_input("--tasks: one takes one text, pair two", stdin=pairs, task="one,pair", code=USAGE)
        flags = ["--input_format", "tsv", "--text_a", "0"]
        self.refuse_input('"pair" takes two texts', "--text_b", stdin=pairs, task="pair", flags=flags, code=USAGE)
        self.refuse_input('"one" takes one text', stdin=pairs, task="one", flags=flags + ["--text_b", "1"], code=USAGE)

    def test_all_are_those_that_fit(self):
        def asked(*flags, stdin):
            result = self.pals("predict", "--model", self.path("run", "final"), "--tasks", "all", "--json",
                               "--precision", "fp32", "--threads", 1, *flags, stdin=stdin)
            warnings = [line for line in result.stderr.splitlines() if "left out" in line]
            return list(json.loads(result.stdout.splitlines()[0])), warnings

        names, warnings = asked(stdin=self.texts())
        self.assertEqual(names, ["one", "again", "else"])
        self.assertEqual(len(warnings), 1)
        self.check_words(warnings[0], "pair takes two texts")
        names, warnings = asked(stdin="\n" + self.texts(True))
        self.assertEqual((names, len(warnings)), (["label", "probabilities"], 1))  # one task alone
        self.check_words(warnings[0], "one takes one text", "again takes", "else takes")
        names, warnings = asked(stdin="text,more\na,b\n")
        self.assertEqual(names, ["one", "again"])
        self.check_words(warnings[0], 'pair was trained on the column "other"', 'else was trained on the column "other"')
        names, warnings = asked("--input_format", "tsv", "--text_a", "0", "--text_b", "1", stdin=self.texts(True))
        self.assertEqual((names, len(warnings)), (["label", "probabilities"], 1))
        self.refuse_input("none fits", stdin="a\tb\tc\n", task="all", code=USAGE)
        self.refuse_input("--text_a is missing", '"else" was trained on other columns than one', task="one,else",
                          stdin="text,other\na,b\n", code=USAGE)

    def test_blank_lines_get_answers_in_one_column(self):
        empty = self.predict(stdin="\n", task="one")
        expected = self.predict(stdin="word1\n\nword2\n\n", task="one")
        self.assertEqual((len(expected), expected[1], expected[3]), (4, empty[0], empty[0]))
        for name in "a.tsv", "b.csv":
            self.write(name, "text\nword1\n\nword2\n\n")
            self.assertEqual(self.predict("--input", self.path(name), task="one"), expected)
        self.write("c.csv", "text,n\nword1,1\n\nword2,2\n\n")
        result = self.pals("predict", "--model", self.path("run", "final"), "--task", "one", "--threads", 1,
                           "--precision", "fp32", "--input", self.path("c.csv"))
        self.assertEqual(result.stdout.splitlines(), [expected[0], expected[2]])
        self.check_words(result.stderr, "c.csv: 1 blank line passed over")
        result = self.pals("predict", "--model", self.path("run", "final"), "--task", "pair", "--threads", 1,
                           stdin="a\tb\n\nc\td\n")
        self.assertEqual(len(result.stdout.splitlines()), 2)
        self.check_words(result.stderr, "standard input: 1 blank line passed over")

    def test_headers(self):
        self.write("a.tsv", "sentence\nword1\n")
        flags = ["--input", self.path("a.tsv"), "--input_format", "tsv", "--text_a", "0"]
        self.refuse_input("a.tsv:1: is this row a header", "--header=false", flags=flags, task="one")
        self.assertEqual(len(self.predict(*flags, "--header", task="one")), 1)
        self.assertEqual(len(self.predict(*flags, "--header=false", task="one")), 2)
        self.refuse_input("a.tsv:1", 'no column "text"', flags=["--input", self.path("a.tsv")], task="one")

    def test_json_that_is_not_lines(self):
        for text in '[\n{"text": "a"}]\n', '{\n"text": "a"}\n':
            self.refuse_input("JSON over several lines", stdin=text, task="one", code=USAGE)
        self.write("a.json", '[{"text": "a"}]')
        self.refuse_input("a.json", "JSONL", flags=["--input", self.path("a.json")], task="one", code=USAGE)
        self.write("b.json", '{"text": "word1"}\n')
        self.assertEqual(len(self.predict("--input", self.path("b.json"), task="one")), 1)
        self.assertEqual(len(self.predict(stdin="{not json}\n", task="one")), 1)
        self.refuse_input("standard input:1: byte 2", "zero", stdin="a\0b\n", task="one")

    def test_another_task_file(self):
        shutil.copy(os.path.join(self.asked, "train.csv"), self.path("train.csv"))
        self.task_file(name="ones", dev="train.csv")
        message = self.error("eval", "--model", self.path("run", "final"), "--task_file", self.path("tasks.json"),
                             "--threads", 1, code=USAGE)
        self.check_words(message, 'the model has no task "ones"; did you mean "one"? Its tasks: one, again, pair, else')


if __name__ == "__main__":
    unittest.main()
