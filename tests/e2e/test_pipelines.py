"""`pals predict` in pipelines: rows that cannot be read, texts of flags, labels by threshold, CSV, parts of an input."""

import csv
import gzip
import io
import json
import os
import random
import signal
import time
import unittest

import support
from ranks import ManyRanks, mpirun
from support import BAD, GOOD, PALS, PalsTest

LABELS = ["good", "bad", "odd, or so"]


class Pipelines(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(os.path.dirname(cls.model), "pipelines")
        cls.best = os.path.join(cls.root, "run", "best")
        if os.path.exists(cls.root):
            return
        generator = random.Random(3)
        rows = "".join(json.dumps({"text": support.sentence(generator, GOOD if i % 2 else BAD),
                                   "is": [LABELS[i % 2]] + LABELS[2:] * (i % 3 == 0)}) + "\n" for i in range(80))
        data = support.write_text(os.path.join(cls.root, "labels.jsonl"), rows)
        squad = support.make_squad(os.path.join(cls.root, "squad", "dev.json"), 40)
        tasks = support.write_json(os.path.join(cls.root, "tasks.json"), {"tasks": [
            {"name": "labels", "kind": "multi_label", "text_a": "text", "label": "is", "labels": LABELS, "train": data,
             "dev": data},
            {"name": "where", "kind": "span", "doc_stride": 8, "train": squad, "dev": squad}]})
        cls("setUp").pals("train", "--data_dir", cls.glue, "--task_file", tasks, "--tasks", "sst,rte,mnli,labels,where",
                          "--init_checkpoint", cls.model, "--output_dir", os.path.join(cls.root, "run"),
                          "--max_seq_length", "32", "--train_batch_size", "8", "--precision", "fp32", "--threads", "1",
                          "--adapter", "pals", "--max_steps", "100", "--num_train_epochs", "1", "--learning_rate", "1e-3",
                          "--sample", "rr")

    def arguments(self, task, *flags):
        return ["predict", "--model", self.best, "--task", task, "--precision", "fp32", "--threads", 1, *flags]

    def predict(self, task, *flags, stdin="", code=0):
        return self.pals(*self.arguments(task, *flags), stdin=stdin, code=code)

    def objects(self, task, *flags, **options):
        return [json.loads(line) for line in self.predict(task, "--json", *flags, **options).stdout.splitlines()]

    def write(self, name, content):
        with open(self.path(name), "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as stream:
            return stream.read()

    # -- Rows that cannot be read --------------------------------------------------------------------

    def faulty(self):
        """Name, content, flags, the lines of faulty rows, and words of the first one's error; two rows are sound."""
        wide = b"x" * (1 << 20) + b"y"
        for name, row, words in (("utf8", b"\xff", "UTF-8"), ("zero", b"a\0b", "zero"), ("wide", wide, "longer than"),
                                 ("tab", b"a\tb", "2 texts")):
            yield name + ".txt", b"splendid\n" + row + b"\ndreadful\n", [], [2], words
        start = b"id,text\n1,splendid\n"
        for name, row, lines, words in (("open", b'2,"never\n', [3], "quote"), ("after", b'2,"a" b\n', [3], "closing quote"),
                                        ("few", b"2\n", [3], "column"), ("many", b"2,3,4\n5,6,7\n", [3, 4], "columns"),
                                        ("latin", b"2,\xe9t\xe9\n", [3], "UTF-8"), ("again", b"id,text\n", [3], "header")):
            yield name + ".csv", start + row + b"3,dreadful\n", ["--text_a", "text", "--id", "id"], lines, words
        yield "few.tsv", b"id\ttext\n1\tsplendid\n2\n3\tdreadful\n", ["--text_a", "text"], [3], "column"
        start, end = b'{"text": "splendid"}\n', b'{"text": "dreadful"}\n'
        for name, row, words in (("cut", b'{"text": \n', ""), ("list", b"[1]\n", "object"), ("key", b'{"txt": 1}\n', "key"),
                                 ("null", b'{"text": null}\n', "null"), ("byte", b'{"text": "\xff"}\n', "UTF-8"),
                                 ("deep", b'{"text": ' + b"[" * 100 + b"\n", "")):
            yield name + ".jsonl", start + row + end, ["--text_a", "text"], [2], words

    def test_every_kind_of_faulty_row(self):
        sound = self.objects("sst", "--text", "splendid", "--text", "dreadful")
        for name, content, flags, lines, words in self.faulty():
            with self.subTest(name):
                flags = ["--input", self.write(name, content), *flags]
                result = self.predict("sst", "--json", "--on_error", "emit", *flags)
                found = [json.loads(line) for line in result.stdout.splitlines()]
                bad = [item for item in found if "error" in item]
                self.assertEqual([sorted(item) for item in bad], [["error", "line"]] * len(lines))
                self.assertEqual([item["line"] for item in bad], lines)
                self.assertEqual([number for number, item in enumerate(found) if "error" in item],
                                 list(range(1, 1 + len(lines))), "in the place of the rows")
                self.assertIn(words, bad[0]["error"])
                self.assertLessEqual(len(bad[0]["error"]), 300)
                self.assertEqual([item["label"] for item in found if "error" not in item],
                                 [item["label"] for item in sound])
                self.check_words(result.stderr, "warning: %d of %d rows could not be read" % (len(lines), len(found)),
                                 "error in the place of each", "%s:%d" % (name, lines[0]))
                result = self.predict("sst", "--json", "--on_error", "skip", *flags)
                self.assertEqual([json.loads(line)["label"] for line in result.stdout.splitlines()],
                                 [item["label"] for item in sound])
                self.assertIn("left out", result.stderr)
                result = self.predict("sst", *flags, code=1)
                self.assertIn("%s:%d" % (name, lines[0]), result.stderr)

    def test_errors_in_columns(self):
        source = self.write("in.csv", b'id,text\n1,splendid\n2,"a",b\n3,dreadful\n')
        flags = ["--input", source, "--text_a", "text", "--id", "id", "--on_error", "emit"]
        table = [line.split("\t") for line in self.predict("sst", *flags).stdout.splitlines()]
        self.assertEqual([len(row) for row in table], [4, 4, 4])
        self.assertEqual([row[0] for row in table], ["1", "", "3"])
        self.assertEqual(table[0][3], "")
        self.assertEqual(table[1][1:3], ["", ""])
        self.assertIn("in.csv:3", table[1][3])
        rows = list(csv.reader(io.StringIO(self.predict("sst", "--format", "csv", *flags).stdout)))
        self.assertEqual(rows[0], ["id", "label", "probability", "error"])
        self.assertEqual(rows[1:], table)
        several = self.predict("sst,labels", *flags).stdout.splitlines()
        self.assertEqual(several[0].split("\t")[-1], "error")
        self.assertEqual({len(line.split("\t")) for line in several}, {6})

    def test_faults_of_the_whole_input_stop(self):
        for name, content, flags in (("utf16.txt", "text\n".encode("utf-16"), []),
                                     ("cut.txt.gz", gzip.compress(os.urandom(5000).hex().encode())[:-200], []),
                                     ("none.csv", b"id,txt\n1,a\n", ["--text_a", "text"])):
            for policy in "emit", "skip":
                with self.subTest(name=name, policy=policy):
                    self.error(*self.arguments("sst", "--input", self.write(name, content), "--on_error", policy,
                                               "--output", self.path("out"), *flags), code=1)
                    self.assertFalse(os.path.exists(self.path("out")))
        squad = self.write("bad.json", b'{"data": 1}')
        self.error(*self.arguments("where", "--input", squad, "--on_error", "skip"), code=1)

    def test_nothing_but_faulty_rows(self):
        found = self.objects("sst", "--on_error", "emit", "--text_a", "t", "--input_format", "jsonl", stdin="x\n" * 500)
        self.assertEqual([item["line"] for item in found], list(range(1, 501)))
        self.assertEqual(self.objects("sst", "--on_error", "skip", "--text_a", "t", "--input_format", "jsonl",
                                      stdin="x\n" * 500), [])

    def test_a_line_in_gives_an_error_out(self):
        process = support.start(self.arguments("sst", "--on_error", "emit", "--json"), stdin=-1, bufsize=1)
        try:
            for line, key in ("splendid", "label"), ("a\tb", "error"), ("dreadful", "label"):
                process.stdin.write(line + "\n")
                process.stdin.flush()
                self.assertIn(key, json.loads(process.stdout.readline()))
            process.stdin.close()
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()
            for stream in process.stdin, process.stdout, process.stderr:
                stream.close()

    # -- Texts, labels, columns ----------------------------------------------------------------------

    def test_texts_of_flags(self):
        lines = self.predict("sst", stdin="splendid word1\n\ndreadful\n").stdout
        self.assertEqual(self.predict("sst", "--text", "splendid word1", "--text", "", "--text=dreadful").stdout, lines)
        pair = self.predict("rte", stdin="word1\tword2\n").stdout
        self.assertEqual(self.predict("rte", "--text", "word1", "--text_pair", "word2").stdout, pair)
        answer = self.objects("where", stdin="word1 ?\tword2 word3 splendid\n")
        self.assertEqual(self.objects("where", "--text", "word1 ?", "--text_pair", "word2 word3 splendid"), answer)
        source = self.write("in.txt", "a\n")
        for task, flags, code, words in (
                ("sst", ["--text", "a", "--input", source], 2, ["--text", "--input"]),
                ("sst", ["--text", "a", "--text_a", "x"], 2, ["--text", "--text_a"]),
                ("sst", ["--text", "a", "--text", "b", "--text_pair", "c"], 2, ["--text_pair is given 1 time", "--text 2"]),
                ("sst", ["--text_pair", "c"], 2, ["--text_pair is given 1 time"]),
                ("rte", ["--text", "a"], 2, ["two texts", "--text_pair"]),
                ("sst", ["--text", "a", "--text_pair", "b"], 2, ["takes one text"]),
                ("sst", ["--text", "a", "--shard", "1/2"], 2, ["--text", "--shard"])):
            with self.subTest(flags=flags):
                self.check_words(self.error(*self.arguments(task, *flags), code=code), *words)

    def test_top_k(self):
        texts = ["--text", "word1", "--text_pair", "word2"]
        whole = self.objects("mnli", *texts)[0]
        order = sorted(whole["probabilities"], key=whole["probabilities"].get, reverse=True)
        for count in 1, 2, 3, 9:
            item = self.objects("mnli", *texts, "--top_k", count)[0]
            self.assertEqual(list(item["probabilities"].items()), [(label, whole["probabilities"][label])
                                                                   for label in order[:count]])
            self.assertEqual(item["label"], order[0])
            fields = self.predict("mnli", *texts, "--top_k", count).stdout.rstrip("\n").split("\t")
            self.assertEqual(fields[::2], order[:count])
        header = self.predict("mnli", *texts, "--top_k", 2, "--format", "csv").stdout.splitlines()[0]
        self.assertEqual(header, "label,probability,label_2,probability_2")
        some = self.objects("labels", "--text", "splendid", "--top_k", 1, "--threshold", 0)[0]
        self.assertEqual(some["labels"], list(some["probabilities"]))
        self.assertEqual(len(some["labels"]), 1)
        for flags in ["--top_k", "0"], ["--top_k", "x"]:
            self.check_words(self.error(*self.arguments("sst", "--text", "a", *flags), code=2), "--top_k")
        self.check_words(self.error(*self.arguments("where", *texts, "--top_k", 2), code=2), "--top_k", "where", "span")

    def test_thresholds(self):
        texts = ["--text", "splendid", "--text", "dreadful"]
        for item in self.objects("labels", *texts, "--threshold", 0.3):
            self.assertEqual(item["labels"], [label for label in LABELS if item["probabilities"][label] > 0.3])
        for item in self.objects("labels", *texts, "--threshold", 1):
            self.assertEqual(item["labels"], [])
        plain = self.objects("sst", *texts)
        second = list(plain[0]["probabilities"])[1]
        for threshold in 0.01, 0.5, 0.99:
            for item, usual in zip(self.objects("sst", *texts, "--threshold", threshold), plain):
                self.assertEqual(item["label"] == second, usual["probabilities"][second] > threshold)
        self.check_words(self.error(*self.arguments("mnli", "--text", "a", "--text_pair", "b", "--threshold", 0.5), code=2),
                         "--threshold", "3 labels")
        self.check_words(self.error(*self.arguments("where", "--text", "a", "--text_pair", "b", "--threshold", 0.5), code=2),
                         "--threshold", "span")
        self.check_words(self.error(*self.arguments("sst", "--text", "a", "--threshold", 2), code=2), "--threshold")

    def test_csv(self):
        ids = ['plain', 'a, b', 'say "hi"', 'two\nlines', '']
        source = io.StringIO()
        csv.writer(source).writerows([["n", "t"]] + [[name, "splendid"] for name in ids])
        path = self.write("in.csv", source.getvalue())
        flags = ["--input", path, "--text_a", "t", "--id", "n", "--threshold", "0"]
        text = self.predict("labels", *flags, "--output_format", "csv").stdout
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual(rows[0], ["id", "labels", "probabilities"])
        self.assertEqual([row[0] for row in rows[1:]], ids)
        # One of the labels holds the comma that would part them.
        self.assertEqual([json.loads(row[1]) for row in rows[1:]], [LABELS] * (len(rows) - 1))
        self.check_words(self.error(*self.arguments("sst", "--text", "a", "--json", "--format", "csv"), code=2), "--json")

    # -- Shards --------------------------------------------------------------------------------------

    def inputs(self):
        """Name, content, task and flags; some 300 rows in five windows of 64."""
        generator = random.Random(8)
        texts = [support.sentence(generator) + " word1" * (i % 40) for i in range(300)]
        lines = "".join(text + "\n" for text in texts)
        yield "in.txt", lines, "sst", []
        yield "in.txt.gz", gzip.compress(lines.encode()), "sst", ["--json"]
        table = io.StringIO()
        csv.writer(table).writerows([["n", "t"]] + [["%d\nx" % i, text] for i, text in enumerate(texts)])
        faulty = table.getvalue().splitlines(keepends=True)
        for place in 501, 333, 101:  # each row is two lines
            faulty.insert(place, '"open\n')
        flags = ["--text_a", "t", "--id", "n"]
        yield "in.csv", table.getvalue(), "sst,labels", ["--format", "csv", *flags]
        yield "faulty.csv", "".join(faulty), "sst", ["--on_error", "emit", *flags]
        objects = [json.dumps({"t": text}) + "\n" for text in texts]
        objects[70:70] = ["{\n"] * 80
        yield "in.jsonl", "".join(objects), "labels", ["--text_a", "t", "--on_error", "skip", "--json"]
        squad = support.make_squad(self.path("squad", "dev.json"), 200)
        with open(squad, "rb") as stream:
            yield "in.json", stream.read(), "where", ["--json"]

    def test_shards_make_the_whole(self):
        for name, content, task, flags in self.inputs():
            with self.subTest(name):
                flags = ["--input", self.write(name, content), "--batch_size", 1, *flags]
                self.predict(task, *flags, "--output", self.path("whole"))
                self.assertGreater(len(self.read("whole").splitlines()), 150)
                for count in 1, 3, 8:
                    parts = []
                    for number in range(count, 0, -1):
                        out = self.path("out.%d" % number)
                        self.predict(task, *flags, "--shard", "%d/%d" % (number, count), "--output", out)
                        parts.insert(0, self.read("out.%d" % number))
                    self.assertEqual(b"".join(parts), self.read("whole"))
                    if count == 3:
                        self.assertTrue(all(parts))
                        self.assertLess(max(map(len, parts)), 0.7 * len(self.read("whole")))

    def test_a_killed_shard(self):
        source = self.write("in.txt", "".join(" ".join(support.WORDS[:i % 50]) + "\n" for i in range(6000)))
        flags = ["--input", source, "--batch_size", 1]
        self.predict("sst", *flags, "--output", self.path("whole"))
        arguments = self.arguments("sst", *flags, "--shard", "2/2", "--output", self.path("out.2"))
        process = support.start(arguments)
        deadline = time.monotonic() + 60
        while not any(name.startswith("out.2.tmp.") for name in os.listdir(self.folder)):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertFalse(os.path.exists(self.path("out.2")))
        self.pals(*arguments)
        self.pals(*arguments)  # and once more
        self.predict("sst", *flags, "--shard", "1/2", "--output", self.path("out.1"))
        self.assertEqual(self.read("out.1") + self.read("out.2"), self.read("whole"))

    def test_shards_of_features(self):
        source = self.write("in.txt", "".join(" ".join(support.WORDS[:i % 30]) + "\n" for i in range(200)))
        start = ["features", "--model", self.best, "--threads", 1, "--batch_size", 1, "--input", source]
        for flags in ["--pooling", "mean"], ["--layers=-1"]:
            self.pals(*start, *flags, "--output", self.path("whole"))
            parts = b""
            for number in 1, 2, 3:
                self.pals(*start, *flags, "--shard", "%d/3" % number, "--output", self.path("part"))
                parts += self.read("part")
            self.assertEqual(parts, self.read("whole"))

    def test_what_cannot_be_shared(self):
        source = self.write("in.txt", "a\n" * 10)
        os.mkfifo(self.path("pipe"))
        for flags, words in ((["--shard", "1/2"], ["--input is missing", "--shard"]),
                             (["--input", self.path("pipe"), "--shard", "1/2"], ["no regular file"]),
                             (["--input", source, "--shard", "3/2"], ["--shard", "3/2"]),
                             (["--input", source, "--shard", "0/2"], ["--shard", "0/2"]),
                             (["--input", source, "--shard", "1/2", "--shards"], ["--shards", "--shard"]),
                             (["--input", source, "--shards"], ["--output is missing"])):
            with self.subTest(flags=flags):
                self.check_words(self.error(*self.arguments("sst", *flags), code=2), *words)
        self.error("eval", "--model", self.best, "--shard", "1/2", code=2)
        self.assertEqual(self.predict("sst", "--input", source, "--shard", "2/2").stdout, "", "one window")


class Ranks(ManyRanks, Pipelines):
    """The same among ranks of mpirun."""

    def run_ranks_of(self, ranks, *arguments, code=0):
        return self.finish(self.start(mpirun((ranks, PALS, *arguments))), code)

    def test_ranks_make_the_whole(self):
        for name, content, task, flags in self.inputs():
            with self.subTest(name):
                flags = self.arguments(task, "--input", self.write(name, content), "--batch_size", 1, *flags)
                self.pals(*flags, "--output", self.path("whole"))
                self.run_ranks_of(3, *flags, "--output", self.path("joined"))
                self.assertEqual(self.read("joined"), self.read("whole"))
                self.assertEqual([entry for entry in os.listdir(self.folder) if entry.startswith("joined.")], [])
        self.run_ranks_of(2, *flags, "--shards", "--output", self.path("parts"))
        self.assertFalse(os.path.exists(self.path("parts")))
        self.assertEqual(self.read("parts.1-of-2") + self.read("parts.2-of-2"), self.read("whole"))

    def test_ranks_make_features(self):
        source = self.write("in.txt", "".join(" ".join(support.WORDS[:i % 30]) + "\n" for i in range(200)))
        start = ["features", "--model", self.best, "--threads", 1, "--batch_size", 1, "--input", source, "--pooling", "mean"]
        for ending in "jsonl", "npy", "safetensors":
            self.pals(*start, "--output", self.path("whole." + ending))
            self.run_ranks_of(2, *start, "--output", self.path("joined." + ending))
            self.assertEqual(self.read("joined." + ending), self.read("whole." + ending))

    def test_a_fault_of_one_rank(self):
        lines = ["word1\n"] * 300
        lines[290] = "a\tb\n"
        source = self.write("in.txt", "".join(lines))
        arguments = self.arguments("sst", "--input", source, "--batch_size", 1, "--output", self.path("out"))
        process = self.start(mpirun((3, PALS, *arguments)))
        _, errors = process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("in.txt:291", errors)
        self.assertFalse(os.path.exists(self.path("out")))
        process = self.start(mpirun((2, PALS, *self.arguments("sst", "--input", source))))
        _, errors = process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("--output is missing", errors)


def load_tests(loader, _standard, _pattern):
    """Of Ranks its own tests alone."""
    suite = loader.loadTestsFromTestCase(Pipelines)
    for name in sorted(set(dir(Ranks)) - set(dir(Pipelines))):
        if name.startswith("test_"):
            suite.addTest(Ranks(name))
    return suite


if __name__ == "__main__":
    unittest.main()
