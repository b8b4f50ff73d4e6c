"""`pals features`: token vectors in the reference's format, vectors of texts, and the golden file."""

import json
import os
import struct
import subprocess
import unittest

import support
from support import PalsTest

TEXTS = ["word1 word2 word3", "splendid", "", "word7 ||| dreadful word9", "  \u00fc unknown, word5 . ",
         "word1 " * 200]


def read_npy(path):
    """Rows of a two-dimensional float32 file."""
    with open(path, "rb") as stream:
        data = stream.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    size = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + size], {"__builtins__": {}})  # a Python dictionary, as NumPy reads it
    assert header["descr"] == "<f4" and not header["fortran_order"]
    rows, width = header["shape"]
    values = support.floats(data[10 + size:])
    assert len(values) == rows * width
    return [list(values[row * width:(row + 1) * width]) for row in range(rows)]


class Features(PalsTest):
    def features(self, *flags, stdin="\n".join(TEXTS) + "\n"):
        return self.pals("features", "--model", self.model, "--threads", 1, *flags, stdin=stdin).stdout

    def check_close(self, one, two, delta=2e-6):
        self.assertEqual(len(one), len(two))
        for a, b in zip(one, two):
            self.assertAlmostEqual(a, b, delta=delta)

    def tokens(self, *flags, **options):
        return [json.loads(line) for line in self.features(*flags, **options).splitlines()]

    def vectors(self, *flags, **options):
        lines = self.tokens(*flags, **options)
        self.assertEqual([line["index"] for line in lines], list(range(len(lines))))
        return [line["vector"] for line in lines]

    def test_tokens_as_the_reference_writes_them(self):
        text = self.features("--layers", "-1,-2", "--max_seq_length", 32)
        self.assertTrue(text.isascii())
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual([line["linex_index"] for line in lines], list(range(len(TEXTS))))
        tokens = [[feature["token"] for feature in line["features"]] for line in lines]
        self.assertEqual(tokens[:4], [["[CLS]", "word1", "word2", "word3", "[SEP]"], ["[CLS]", "splendid", "[SEP]"],
                                      ["[CLS]", "[SEP]"],
                                      ["[CLS]", "word7", "[SEP]", "dreadful", "word9", "[SEP]"]])
        self.assertEqual(tokens[4], ["[CLS]", "[UNK]", "[UNK]", ",", "word5", ".", "[SEP]"])
        self.assertEqual(len(tokens[5]), 32)
        for line in lines:
            for feature in line["features"]:
                self.assertEqual([layer["index"] for layer in feature["layers"]], [-1, -2])
                for layer in feature["layers"]:
                    self.assertEqual(len(layer["values"]), support.HIDDEN)
        last_four = json.loads(self.features(stdin="word1").splitlines()[0])  # of two layers
        self.assertEqual([layer["index"] for layer in last_four["features"][0]["layers"]], [-1, -2])
        # Exactly as Python's json has it.
        self.assertEqual(text, "".join(json.dumps(line) + "\n" for line in lines))

    def test_the_reference_s_flags(self):
        weights = os.path.join(self.model, "model.safetensors")
        source = support.write_text(self.path("in.txt"), "\n".join(TEXTS))
        self.pals("extract", "--input_file", source, "--output_file", self.path("out.jsonl"),
                  "--vocab_file", os.path.join(self.model, "vocab.txt"),
                  "--bert_config_file", os.path.join(self.model, "config.json"), "--init_checkpoint", weights,
                  "--layers=-1", "--max_seq_length", 16, "--batch_size", 2, "--do_lower_case", "--local_rank", -1)
        with open(self.path("out.jsonl"), encoding="ascii") as stream:
            lines = [json.loads(line) for line in stream]
        others = self.tokens("--layers=1", "--max_seq_length", 16)
        for line, other in zip(lines, others, strict=True):
            for feature, second in zip(line["features"], other["features"], strict=True):
                self.assertEqual(feature["token"], second["token"])
                self.check_close(feature["layers"][0]["values"], second["layers"][0]["values"])

    def test_pooling(self):
        tokens = self.tokens("--layers=-1")
        last = [[feature["layers"][0]["values"] for feature in line["features"]] for line in tokens]
        for rows, cls, mean, largest in zip(last, self.vectors("--pooling", "cls"), self.vectors("--pooling", "mean"),
                                            self.vectors("--pooling", "max"), strict=True):
            self.check_close(cls, rows[0])
            self.check_close(mean, [sum(column) / len(column) for column in zip(*rows)])
            self.check_close(largest, [max(column) for column in zip(*rows)])
        for vector in self.vectors("--pooling", "pooled"):
            self.assertLessEqual(max(map(abs, vector)), 1.0)
        for vector in self.vectors("--pooling", "mean", "--normalize"):
            self.assertAlmostEqual(sum(value * value for value in vector), 1.0, places=5)

    def test_formats_hold_the_same(self):
        vectors = self.vectors("--pooling", "mean")
        self.assertEqual(self.features("--pooling", "mean", "--output", self.path("v.npy")), "")
        self.features("--pooling", "mean", "--output", self.path("v.safetensors"))
        self.features("--pooling", "mean", "--output", self.path("v.bin"), "--format", "npy")
        rows = read_npy(self.path("v.npy"))
        tensor = support.floats(support.read_safetensors(self.path("v.safetensors"))["vectors"])
        flat = [value for vector in vectors for value in vector]
        self.check_close([value for row in rows for value in row], flat)
        self.check_close(tensor, flat)
        self.assertEqual(rows, read_npy(self.path("v.bin")))
        self.features("--pooling", "mean", "--output", self.path("none.npy"), stdin="")
        self.assertEqual(read_npy(self.path("none.npy")), [])

    def test_order_windows_and_tables(self):
        texts = [" ".join(support.WORDS[number % 200:number % 200 + 1 + number % 7]) for number in range(300)]
        stdin = "\n".join(texts) + "\n"
        many = self.vectors("--pooling", "cls", stdin=stdin)
        self.assertEqual(len(many), 300)
        few = self.vectors("--pooling", "cls", "--batch_size", 1, stdin=stdin)  # windows of 64
        for one, two in zip(many, few):
            self.check_close(one, two, delta=1e-5)
        table = "id,t\n" + "".join('%d,"%s"\n' % (number, text) for number, text in enumerate(texts))
        source = support.write_text(self.path("t.csv"), table)
        for one, two in zip(many, self.vectors("--pooling", "cls", "--input", source, "--text_a", "t"), strict=True):
            self.check_close(one, two, delta=1e-5)

    def test_a_task_s_adapter(self):
        run = self.train("run", "--max_steps", "12", "--adapter", "pals", "--learning_rate", "1e-2")
        best = os.path.join(run, "best")

        def vector(*flags):
            return json.loads(self.pals("features", "--model", best, "--pooling", "mean", "--threads", 1, *flags,
                                        stdin="word1 splendid\n").stdout)["vector"]

        shared, rte, sst = vector(), vector("--task", "rte"), vector("--task", "sst")
        self.assertGreater(max(abs(a - b) for a, b in zip(rte, sst)), 1e-4)
        self.assertGreater(max(abs(a - b) for a, b in zip(shared, sst)), 1e-4)
        message = self.error("features", "--model", best, "--task", "cola", code=2)
        self.check_words(message, "--task", "cola", "rte, sst")
        message = self.error("features", "--model", self.model, "--task", "rte", code=1)
        self.check_words(message, "pals train")

    def test_an_answer_comes_when_the_input_pauses(self):
        process = support.start(["features", "--model", self.model, "--pooling", "cls", "--threads", 1],
                                stdin=subprocess.PIPE, bufsize=1)
        try:
            for number in range(3):
                process.stdin.write("word%d\n" % number)
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["index"], number)
            process.stdin.close()
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()

    def test_errors(self):
        model = ["features", "--model", self.model]
        for flags, words in ((["features"], ["--model"]),
                             (model + ["--layers", "-3"], ["--layers", "-2 to 1"]),
                             (model + ["--pooling", "avg"], ["--pooling", "mean"]),
                             (model + ["--normalize"], ["--normalize", "--pooling"]),
                             (model + ["--output", self.path("x.npy")], ["--pooling"]),
                             (model + ["--pooling", "cls", "--format", "npy"], ["--output"]),
                             (model + ["--max_seq_length", "1000"], ["--max_seq_length", str(support.POSITIONS)]),
                             (model + ["--text_b", "x"], ["--text_b"]),
                             (model + ["--init_checkpoint", "x"], ["--model", "--init_checkpoint"])):
            with self.subTest(flags=flags[1:]):
                self.check_words(self.error(*flags, code=2), *words)
        message = self.error(*model, "--input", self.path("no.txt"), code=1)
        self.check_words(message, "no.txt", "No such file")
        source = os.path.join(self.folder, "bad.txt")
        with open(source, "wb") as stream:
            stream.write(b"fine\nbad \xff\n")
        message = self.error(*model, "--input", source, "--output", self.path("out.jsonl"), code=1)
        self.check_words(message, "bad.txt:2", "UTF-8")
        self.assertFalse(os.path.exists(self.path("out.jsonl")))
        weights = support.random_weights()
        del weights["pooler.dense.weight"], weights["pooler.dense.bias"]
        headless = support.make_model(self.path("headless"), weights)
        message = self.error("features", "--model", headless, "--pooling", "pooled", code=1)
        self.check_words(message, "pooler", "mean")
        self.pals("features", "--model", headless, "--pooling", "mean", stdin="word1\n")


class Golden(PalsTest):
    """Against what the reference's own program wrote for a real model (PALS_REFERENCE_DIR, PALS_MINILM_DIR)."""

    def setUp(self):
        super().setUp()
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.minilm = os.environ.get("PALS_MINILM_DIR") or os.path.join(cache, "pals/models/all-MiniLM-L6-v2")
        self.vectors = os.path.join(os.environ.get("PALS_REFERENCE_DIR", "/nowhere"), "minilm")
        for folder in (self.minilm, self.vectors):
            if not os.path.isdir(folder):
                self.skipTest(folder + " is not there")

    def test_the_reference_s_output(self):
        self.pals("features", "--model", self.minilm, "--input_file", os.path.join(self.vectors, "input_single.txt"),
                  "--output_file", self.path("out.jsonl"), "--layers=-1,-2", "--max_seq_length", 32)
        with open(self.path("out.jsonl"), encoding="ascii") as ours:
            lines = [json.loads(line) for line in ours]
        with open(os.path.join(self.vectors, "original_output.jsonl"), encoding="ascii") as theirs:
            expected = [json.loads(line) for line in theirs]
        same = count = 0
        for line, wanted in zip(lines, expected, strict=True):
            self.assertEqual(line["linex_index"], wanted["linex_index"])
            for feature, other in zip(line["features"], wanted["features"], strict=True):
                self.assertEqual(feature["token"], other["token"])
                for layer, values in zip(feature["layers"], other["layers"], strict=True):
                    self.assertEqual(layer["index"], values["index"])
                    for a, b in zip(layer["values"], values["values"], strict=True):
                        # The reference's own fp32 is up to 4e-6 away from float64's values.
                        self.assertLess(abs(a - b), 5.5e-6)
                        same += abs(a - b) < 1.5e-6
                        count += 1
        self.assertGreater(same / count, 0.99)  # at most the last digit's rounding differs


if __name__ == "__main__":
    unittest.main()
