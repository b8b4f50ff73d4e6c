"""`pals eval` and `pals predict` on a trained model."""

import json
import os
import shutil
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

    def test_the_folder_can_move(self):
        shutil.copytree(os.path.join(self.run_folder, "best"), self.path("moved"))
        result = self.pals("predict", "--model", self.path("moved"), "--task", "rte", "--precision", "fp32",
                           "--threads", 1, stdin="word1\tword2\n")
        self.assertEqual(result.stdout.splitlines(), self.predict("rte", "word1\tword2\n"))

    def test_long_and_odd_lines(self):
        text = " ".join(support.WORDS * 40)
        self.assertEqual(len(self.predict("sst", text + "\n\u00fc \u4e2d\u6587 \U0001f600 [SEP] a\tb\tc\n")), 2)
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
