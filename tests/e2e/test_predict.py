"""`pals eval` and `pals predict` on a trained model."""

import json
import os
import resource
import shutil
import signal
import subprocess
import unittest

import support
from support import PalsTest, read_json


class Predict(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_folder = os.path.join(os.path.dirname(cls.model), "predict-run")
        if os.path.exists(cls.run_folder):
            return
        test = cls("setUp")
        test.folder = os.path.dirname(cls.model)
        test.train("predict-run", "--max_steps", "120", "--num_train_epochs", "3", "--adapter", "pals",
                   "--learning_rate", "1e-3", tasks="sst,rte,sts,mnli")

    def predict(self, task, stdin, *flags, folder="best"):
        result = self.pals("predict", "--model", os.path.join(self.run_folder, folder), "--task", task,
                           "--precision", "fp32", "--threads", 1, *flags, stdin=stdin)
        return result.stdout.splitlines()

    def dev(self, folder, columns):
        with open(os.path.join(self.glue, folder, "dev.tsv"), encoding="utf-8") as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream][1:]
        return ["\t".join(row[column] for column in columns) for row in rows], [row[-1] for row in rows]

    def evaluate(self, folder, *flags):
        result = self.pals("eval", "--model", os.path.join(self.run_folder, folder), "--data_dir", self.glue,
                           "--precision", "fp32", "--threads", 1, *flags)
        return result.stdout

    def check_close(self, one, two):
        """The same up to rounding: sums run in another order when rows share batches with others."""
        self.assertEqual(sorted(one), sorted(two))
        for task, scores in two.items():
            for name, value in scores.items():
                self.assertAlmostEqual(one[task][name], value, places=5)

    def test_eval_gives_the_run_s_numbers(self):
        results = read_json(self.run_folder, "eval_results.json")
        shown = json.loads(self.evaluate("best", "--json"))
        self.assertEqual(shown, {key: results[key] for key in ("average", "tasks")})
        self.assertEqual(list(shown["tasks"]), ["sst", "rte", "sts", "mnli"])
        for batch in 1, 7:
            other = json.loads(self.evaluate("best", "--json", "--eval_batch_size", batch))
            self.check_close(other["tasks"], shown["tasks"])
        # The score of a task is the mean of its metrics, the average that over tasks.
        tasks = shown["tasks"]
        means = [tasks["sst"]["accuracy"], tasks["rte"]["accuracy"],
                 (tasks["sts"]["pearson"] + tasks["sts"]["spearman"]) / 2,
                 (tasks["mnli"]["accuracy"] + tasks["mnli"]["accuracy_mismatched"]) / 2]
        self.assertAlmostEqual(shown["average"], sum(means) / 4, places=9)
        self.check_words(self.evaluate("best"), "sst", "accuracy", "spearman")

    def test_each_task_s_best_model(self):
        results = read_json(self.run_folder, "eval_results.json")
        for task in "sst", "rte", "sts", "mnli":
            shown = json.loads(self.evaluate("best_tasks/" + task, "--json"))
            self.check_close(shown["tasks"], {task: results["best_by_task"][task]["scores"]})

    def test_the_last_model_is_the_last_evaluation(self):
        shown = json.loads(self.evaluate("final", "--json"))
        self.assertEqual(shown, read_json(self.run_folder, "eval_results.json")["last"])
        self.assertEqual(shown, support.metrics(self.run_folder)[1][-1]["evaluation"])

    def test_accuracy_of_predictions_is_that_of_eval(self):
        scores = read_json(self.run_folder, "eval_results.json")["tasks"]
        for task, folder, columns in ("sst", "SST-2", [0]), ("rte", "RTE", [1, 2]):
            lines, gold = self.dev(folder, columns)
            labels = [line.split("\t")[0] for line in self.predict(task, "\n".join(lines) + "\n")]
            right = sum(a == b for a, b in zip(labels, gold, strict=True))
            self.assertAlmostEqual(right / len(gold), scores[task]["accuracy"], places=9)

    def test_order_and_batches(self):
        lines, _ = self.dev("SST-2", [0])
        lines = [" ".join([line] * (1 + number % 3)) for number, line in enumerate(lines)] * 10
        lines[3] = ""
        one, many = (self.predict("sst", "\n".join(lines) + "\n", "--batch_size", size) for size in (1, 32))
        self.assertEqual(len(one), len(lines))
        self.assertEqual([line.split("\t")[0] for line in one], [line.split("\t")[0] for line in many])
        for a, b in zip(one, many):
            self.assertAlmostEqual(float(a.split("\t")[1]), float(b.split("\t")[1]), delta=2e-4)
        self.assertEqual(many, self.predict("sst", "\r\n".join(lines)))  # CR LF, no line feed at the end
        self.assertEqual(self.predict("sst", ""), [])

    def test_json_and_values(self):
        lines, _ = self.dev("STS-B", [7, 8])
        values = [float(line) for line in self.predict("sts", "\n".join(lines))]
        objects = [json.loads(line) for line in self.predict("sts", "\n".join(lines), "--json")]
        for value, item in zip(values, objects, strict=True):
            self.assertAlmostEqual(value, item["value"], places=3)
        self.assertGreater(max(values), 1.5)  # in the units of the file, 0 to 5
        item = json.loads(self.predict("mnli", "word1 word2\tword3", "--json")[0])
        self.assertEqual(sorted(item["probabilities"]), ["contradiction", "entailment", "neutral"])
        self.assertAlmostEqual(sum(item["probabilities"].values()), 1.0, places=6)
        self.assertEqual(item["label"], max(item["probabilities"], key=item["probabilities"].get))

    def test_int8(self):
        known = json.loads(self.pals("info", "--json").stdout)["instruction_sets"]
        lines, _ = self.dev("STS-B", [7, 8])
        if "avx512_vnni" not in known:
            error = self.error("predict", "--model", self.run_folder + "/best", "--task", "sts", "--precision", "int8", code=2)
            self.assertIn("VNNI", error)
            return
        exact = [float(line) for line in self.predict("sts", "\n".join(lines))]
        result = self.pals("predict", "--model", self.run_folder + "/best", "--task", "sts", "--precision", "int8",
                           stdin="\n".join(lines))
        rounded = [float(line) for line in result.stdout.splitlines()]
        self.assertNotEqual(rounded, exact)
        for one, other in zip(rounded, exact, strict=True):
            self.assertAlmostEqual(one, other, delta=0.1)  # of 0 to 5

    def test_several_tasks(self):
        lines, _ = self.dev("RTE", [1, 2])
        stdin = "\n".join(lines) + "\n"
        objects = [json.loads(line) for line in self.predict("mnli,sts,rte", stdin, "--json")]
        self.assertEqual(list(objects[0]), ["mnli", "sts", "rte"])
        alone = {task: [json.loads(line) for line in self.predict(task, stdin, "--json")]
                 for task in ("mnli", "sts", "rte")}
        for number, item in enumerate(objects):
            self.assertAlmostEqual(item["sts"]["value"], alone["sts"][number]["value"], places=4)
            for task in "mnli", "rte":
                self.assertEqual(item[task]["label"], alone[task][number]["label"])
                for label, probability in item[task]["probabilities"].items():
                    self.assertAlmostEqual(probability, alone[task][number]["probabilities"][label], places=5)
        table = [line.split("\t") for line in self.predict("all", stdin)]
        self.assertEqual(table[0], ["rte.label", "rte.probability", "sts.value", "mnli.label", "mnli.probability"])
        self.assertEqual(len(table), len(lines) + 1)
        self.assertEqual([row[0] for row in table[1:]], [item["label"] for item in alone["rte"]])

    def test_inputs_and_outputs(self):
        texts = ["splendid word1, word2", "dreadful \"word3\"", "word4 splendid"]
        seconds = ["word5", "word6, word7", "splendid"]
        expected = self.predict("rte", "".join(map("{}\t{}\n".format, texts, seconds)))

        def quoted(text):
            return '"%s"' % text.replace('"', '""')

        csv = support.write_text(self.path("in.csv"), "id,first,second\r\n" + "".join(
            "%d,%s,%s\r\n" % (number, quoted(a), quoted(b)) for number, (a, b) in enumerate(zip(texts, seconds))))
        jsonl = support.write_text(self.path("in.jsonl"), "".join(
            json.dumps({"b": b, "a": a}) + "\n" for a, b in zip(texts, seconds)))
        tsv = support.write_text(self.path("in.tsv"), "".join(map("x\t{}\t{}\n".format, seconds, texts)))
        lines = support.write_text(self.path("in.txt"), "".join(map("{}\t{}\n".format, texts, seconds)))
        for flags in (["--input", csv, "--text_a", "first", "--text_b", "second"],
                      ["--input", csv, "--text_a", "1", "--text_b", "-1", "--header"],
                      ["--input", jsonl, "--text_a", "a", "--text_b", "b"],
                      ["--input", tsv, "--text_a", "-1", "--text_b", "1"],
                      ["--input", lines], ["--input", lines, "--input_format", "lines", "--batch_size", "1"]):
            with self.subTest(flags=flags):
                found = self.predict("rte", "", *flags)
                self.assertEqual([line.split("\t")[0] for line in found], [line.split("\t")[0] for line in expected])
                for one, two in zip(found, expected):
                    self.assertAlmostEqual(float(one.split("\t")[1]), float(two.split("\t")[1]), delta=2e-4)
        with open(csv, encoding="utf-8", newline="") as stream:
            piped = self.predict("rte", stream.read(), "--input_format", "csv", "--text_a", "first", "--text_b", "second")
        self.assertEqual(piped, expected)
        self.assertEqual(self.predict("rte", "", "--input", lines, "--output", self.path("out.tsv")), [])
        with open(self.path("out.tsv"), encoding="utf-8") as stream:
            self.assertEqual(stream.read().splitlines(), expected)

    def test_faulty_inputs(self):
        start = ["predict", "--model", self.run_folder + "/best", "--task", "sst", "--threads", "1"]
        faulty = support.write_text(self.path("in.csv"), 'text,n\n"fine",1\n"splendid",2\n"never closed,3\n')
        result = self.pals(*start, "--input", faulty, "--text_a", "text", code=1)
        self.assertEqual(len(result.stdout.splitlines()), 2)  # the rows before
        self.check_words(result.stderr, "in.csv:4", "quote")
        result = self.pals(*start, "--input", faulty, "--text_a", "text", "--output", self.path("out"), code=1)
        self.assertFalse(os.path.exists(self.path("out")))
        for flags, code, words in ((["--input", faulty], 2, ["--text_a"]),
                                   (["--input", faulty, "--text_a", "txt"], 1, ["in.csv:1", "text"]),
                                   (["--input", self.path("none")], 1, ["none", "No such file"]),
                                   (["--input_format", "xml", "--text_a", "a"], 2, ["--input_format", "xml"]),
                                   (["--text_b", "1"], 2, ["--text_b"]),
                                   (["--format", "xml"], 2, ["--format", "xml"]),
                                   (["--tasks", "sst,rt"], 2, ["rt", "sst, rte, sts, mnli"])):
            with self.subTest(flags=flags):
                self.check_words(self.error(*start, *flags, code=code, stdin="x\n"), *words)

    def test_a_line_in_gives_an_answer_out(self):
        arguments = ["predict", "--model", self.run_folder + "/best", "--task", "sst", "--threads", 1]
        process = support.start(arguments, stdin=subprocess.PIPE, bufsize=1)
        try:
            for text in "word1 splendid", "", "dreadful":
                process.stdin.write(text + "\n")
                process.stdin.flush()
                self.assertRegex(process.stdout.readline(), r"^[01]\t0\.\d{4}$|^[01]\t1\.0000$")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), 130)
        finally:
            process.kill()
            for stream in process.stdin, process.stdout, process.stderr:
                stream.close()

    def test_memory_stays_flat(self):
        """The reader is ahead by two windows, not by the file: shown on rows of much text and few tokens."""
        arguments = ["predict", "--model", self.run_folder + "/best", "--task", "sst", "--threads", 1]
        peaks = []
        for count in 2000, 40000:
            source = support.write_text(self.path("%d.txt" % count), ("word1" + " " * 1000 + "\n") * count)
            process = support.start([*arguments, "--input", source, "--output", self.path("out")])
            process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0)
            with open(self.path("out"), encoding="utf-8") as stream:
                self.assertEqual(sum(1 for _ in stream), count)
            peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        # Kilobytes, the largest child so far: 40 MB of text more, and much less memory.
        self.assertLess(peaks[1] - peaks[0], 20000)

    def test_the_folder_can_move(self):
        shutil.copytree(os.path.join(self.run_folder, "best"), self.path("moved"))
        result = self.pals("predict", "--model", self.path("moved"), "--task", "rte", "--precision", "fp32",
                           "--threads", 1, stdin="word1\tword2\n")
        self.assertEqual(result.stdout.splitlines(), self.predict("rte", "word1\tword2\n"))

    def test_long_and_odd_lines(self):
        text = " ".join(support.WORDS * 40)
        self.assertEqual(len(self.predict("sst", text + "\n\u00fc \u4e2d\u6587 \U0001f600 [SEP] a b c\n")), 2)
        message = self.error("predict", "--model", self.run_folder + "/best", "--task", "sst", code=1,
                             stdin="x" * (1 << 20) + "y\n")
        self.check_words(message, "standard input:1")

    def test_errors(self):
        message = self.error("predict", "--model", self.run_folder + "/best", "--task", "rt", code=2)
        self.check_words(message, "rt", "sst, rte, sts, mnli")
        message = self.error("predict", "--model", self.run_folder + "/best", code=2)
        self.check_words(message, "--task")
        message = self.error("eval", "--model", self.run_folder + "/best", "--data_dir", self.path("x"), code=1)
        self.check_words(message, self.path("x"))

    def test_foreign_adapter(self):
        shutil.copytree(os.path.join(self.run_folder, "best"), self.path("mixed"))
        weights = support.read_safetensors(self.path("mixed", "model.safetensors"))
        shapes = support.model_shapes()
        weights = {name: (shapes[name], support.floats(data)) for name, data in weights.items()}
        shape, values = weights["embeddings.word_embeddings.weight"]
        weights["embeddings.word_embeddings.weight"] = shape, (values[0] + 1.0,) + values[1:]
        support.write_safetensors(self.path("mixed", "model.safetensors"), weights)
        message = self.error("eval", "--model", self.path("mixed"), "--data_dir", self.glue, code=1)
        self.check_words(message, "other shared weights")


if __name__ == "__main__":
    unittest.main()
