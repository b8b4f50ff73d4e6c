"""`pals transfer`: tasks alone against the same tasks together, within a budget."""

import json
import os
import shutil
import signal
import time
import unittest

import support
from support import PalsTest, read_json
from test_reports import Page

BUDGET = ["--budget_minutes", "10"]


class TransferTest(PalsTest):
    def arguments(self, *flags, tasks="rte,sst"):
        return ["transfer", "--data_dir", self.glue, "--init_checkpoint", self.model, "--tasks", tasks,
                "--output_dir", self.path("all"), "--max_seq_length", "32", "--train_batch_size", "8", "--max_steps", "12",
                "--num_train_epochs", "2", "--learning_rate", "1e-3", "--precision", "fp32", "--threads", "1", *flags]

    def refused(self, *flags, words, code=2, **options):
        message = self.error(*self.arguments(*flags, **options), code=code)
        self.assertLessEqual(len(message), 300)
        self.check_words(message, *words)


class Transfer(TransferTest):
    def test_a_seed_and_then_another(self):
        first = self.pals(*self.arguments(*BUDGET, "--max_seeds", "1", "--adapter", "pals"))
        self.check_words(first.stdout, "rte", "accuracy", "1 seed (42): no spread and no interval", "at the end", "cosine",
                         "--max_seeds 1")
        self.assertNotIn("Student", first.stdout)
        self.assertEqual(sorted(os.listdir(self.path("all"))),
                         ["alone-rte-42", "alone-sst-42", "gradients-42.json", "joint-42", "transfer.html", "transfer.json",
                          "transfer_config.json"])
        together, _ = support.metrics(self.path("all", "joint-42"))
        self.assertEqual(len(together), 12)
        for task in "rte", "sst":
            alone, evaluations = support.metrics(self.path("all", "alone-%s-42" % task))
            own = [step for step in together if step["task"] == task]
            self.assertEqual([step["rows"] for step in alone], [step["rows"] for step in own])
            self.assertEqual(len(evaluations), 2)
        self.check_scores(read_json(self.path("all", "transfer.json")), [42])

        log = self.path("all", "joint-42", "metrics.jsonl")
        before = os.path.getmtime(log)
        more = self.pals(*self.arguments(*BUDGET, "--max_seeds", "2", "--adapter", "pals", "--json"))
        self.assertEqual(os.path.getmtime(log), before)
        self.assertIn("joint-42: finished before", more.stderr)
        self.assertNotIn("timing", more.stderr)
        shown = json.loads(more.stdout)
        self.assertEqual(shown, read_json(self.path("all", "transfer.json")))
        self.check_scores(shown, [42, 43])
        self.assertEqual(shown["gradients"]["seeds"], [42, 43])
        page = Page(self.path("all", "transfer.html"))
        self.check_words(page.text, "What 2 tasks gain or lose together", "Alone and together", "2 seeds (42, 43)", "Student",
                         "Each task alone and together", "Cosines of the tasks' gradients", "alone-sst-43")
        self.assertEqual(page.links, set())
        self.assertNotRegex(page.source, "https?:")

        # Of a finished seed nothing is left to do; another one does not fit.
        last = self.pals(*self.arguments("--budget_minutes", "0.0001", "--max_seeds", "3", "--adapter", "pals"))
        self.check_words(last.stdout, "2 seeds (42, 43)", "Another seed takes about", "--budget_minutes 0.0001")
        self.assertFalse(os.path.exists(self.path("all", "joint-44")))
        self.refused(*BUDGET, "--adapter", "low_rank", words=["adapter", "--output_dir"])
        self.refused(*BUDGET, "--adapter", "pals", "--seed", "1", words=["seed", "--output_dir"])

    def check_scores(self, shown, seeds):
        """They are those of the runs' own files."""
        self.assertEqual(shown["seeds"], seeds)
        self.assertEqual(shown["notes"], [])
        self.assertEqual([(row["task"], row["metric"]) for row in shown["rows"]], [("rte", "accuracy"), ("sst", "accuracy")])
        for row in shown["rows"]:
            own = []
            for seed in seeds:
                alone = read_json(self.path("all", "alone-%s-%d" % (row["task"], seed), "eval_results.json"))
                joint = read_json(self.path("all", "joint-%d" % seed, "eval_results.json"))
                own.append({"seed": seed, "alone": alone["tasks"][row["task"]]["accuracy"],
                            "joint": joint["tasks"][row["task"]]["accuracy"]})
            self.assertEqual(row["seeds"], own)
            differences = [pair["joint"] - pair["alone"] for pair in own]
            self.assertAlmostEqual(row["difference"]["mean"], sum(differences) / len(seeds))
            self.assertEqual(row["difference"]["interval"] is None, len(seeds) == 1)
            self.assertEqual(row["difference"]["deviation"] is None, len(seeds) == 1)
            low, high = row["dev_rows"]["interval"]
            self.assertTrue(low - 1e-9 <= row["difference"]["mean"] <= high + 1e-9, row)

    def test_cosines(self):
        flags = BUDGET + ["--max_seeds", "1"]
        self.pals(*self.arguments(*flags, tasks="rte,sst,sts"))
        path = self.path("all", "gradients-42.json")
        found = read_json(path)
        self.assertEqual(found["tasks"], ["rte", "sst", "sts"])
        self.assertEqual(found["batches"], 8)
        self.assertEqual(found["step"], read_json(self.path("all", "joint-42", "eval_results.json"))["step"])
        with open(self.path("all", "joint-42", "metrics.jsonl"), encoding="utf-8") as stream:
            start = next(line for line in map(json.loads, stream) if "from_step" in line)
        self.assertEqual(found["parameters"], sum(start["shared"].values()))
        for i in range(3):
            self.assertAlmostEqual(found["cosines"][i][i], 1)
            self.assertGreater(found["norms"][i], 0)
            self.assertTrue(-1 <= found["halves"][i] <= 1)
            for j in range(3):
                self.assertEqual(found["cosines"][i][j], found["cosines"][j][i])
                self.assertTrue(-1 <= found["cosines"][i][j] <= 1)
        again = self.pals(*self.arguments(*flags, "--gradient_batches", "2", tasks="rte,sst,sts"))
        self.assertIn("gradients of 2 batches", again.stderr)
        fewer = read_json(path)
        self.assertEqual(fewer["batches"], 2)
        self.assertNotEqual(fewer["cosines"], found["cosines"])
        support.write_text(path, "{")
        again = self.pals(*self.arguments(*flags, tasks="rte,sst,sts"))
        self.check_words(again.stderr, "gradients-42.json", "it is made again")
        self.assertEqual(read_json(path), found)
        os.remove(path)
        none = self.pals(*self.arguments(*flags, "--gradient_batches", "0", tasks="rte,sst,sts"))
        self.assertNotIn("cosine", none.stdout)
        self.assertFalse(os.path.exists(path))

    def test_own_tasks_with_adapters_of_their_own(self):
        rows = ["splendid word%d\t%s\t%.1f" % (n, "yes" if n % 3 else "no", n % 5) for n in range(40)]
        support.write_text(self.path("rows.tsv"), "text_a\tlabel\tvalue\n" + "\n".join(rows) + "\n")
        files = {"train": "rows.tsv", "dev": "rows.tsv", "header": True, "text_a": "text_a"}
        support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": "kinds", "kind": "classification", "labels": ["no", "yes"], "metrics": ["macro_f1"],
             "label": "label", "adapter": {"kind": "lora", "rank": 2}, **files},
            {"name": "values", "kind": "regression", "label_scale": 5, "metrics": ["mae"], "label": "value", **files}]})
        result = self.pals("transfer", *BUDGET, "--max_seeds", "1", "--task_file", self.path("tasks.json"),
                           "--init_checkpoint", self.model, "--max_steps", "6", "--max_seq_length", "32", "--threads", "1",
                           "--task_pooler", "--adapter", "low_rank", "--adapter_size", "12", "--output_dir", self.path("all"))
        self.assertNotIn("no gradients", result.stderr)
        shown = read_json(self.path("all", "transfer.json"))
        self.assertEqual([(row["task"], row["metric"]) for row in shown["rows"]], [("kinds", "macro_f1"), ("values", "mae")])
        self.assertEqual(shown["gradients"]["tasks"], ["kinds", "values"])
        self.assertIn("measured by an error", Page(self.path("all", "transfer.html")).text)
        config = read_json(self.path("all", "alone-values-42", "run_config.json"))
        self.assertEqual(config["tasks"], "values")

    def test_other_data_is_not_compared(self):
        arguments = self.arguments(*BUDGET, "--max_seeds", "1", "--gradient_batches", "0")
        self.pals(*arguments)
        shutil.rmtree(self.path("all", "alone-sst-42"))
        glue = shutil.copytree(self.glue, self.path("data"))
        path = os.path.join(glue, "SST-2", "dev.tsv")
        with open(path, encoding="utf-8") as stream:
            rows = stream.read().split("\n")
        support.write_text(path, "\n".join(rows[:-3]) + "\n")
        changed = [glue if argument == self.glue else argument for argument in arguments]
        self.check_words(self.error(*changed, code=1), "alone-sst-42", "sst's dev file")

    def test_what_was_stopped_goes_on(self):
        arguments = self.arguments(*BUDGET, "--max_seeds", "1", "--max_steps", "600", "--num_train_epochs", "40")
        process = support.start(arguments)
        log = self.path("all", "alone-rte-42", "metrics.jsonl")
        while process.poll() is None and not os.path.exists(log):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, errors)
        self.check_words(read_json(self.path("all", "transfer.json"))["notes"][0], "seed 42")
        self.assertIn("Not all runs of seed 42", Page(self.path("all", "transfer.html")).text)
        result = self.pals(*arguments)
        self.check_words(result.stderr, "joint-42: finished before", "going on at step")
        self.assertEqual(read_json(self.path("all", "transfer.json"))["notes"], [])
        self.assertEqual(len(support.metrics(self.path("all", "alone-rte-42"))[0]), 300)


class Refusals(TransferTest):
    def test_a_budget_that_is_too_small(self):
        self.refused("--budget_minutes", "0.01", "--max_steps", "1000000", words=["--budget_minutes 0.01", "seed 42", "minutes here"])
        self.assertFalse(os.path.exists(self.path("all")))

    def test_flags(self):
        self.refused(words=["--budget_minutes is missing"])
        self.refused("--budget_minutes", "0", words=["--budget_minutes is 0", "above 0"])
        self.refused("--budget_minutes", "soon", words=["--budget_minutes", '"soon"'])
        self.refused(*BUDGET, "--max_seeds", "0", words=["--max_seeds"])
        self.refused(*BUDGET, "--output_dir", "", words=["--output_dir is missing"])
        self.refused(*BUDGET, tasks="rte", words=["two or more", "1"])
        self.refused(*BUDGET, "--freeze_all", words=["--freeze_all"])
        self.refused(*BUDGET, "--do_train", words=["--do_train", "--do_eval"])
        self.refused(*BUDGET, "--adapter", "pal", words=['"pal"', '"pals"'])
        self.refused(*BUDGET, "--nproc", "2", words=["--nproc"])
        self.refused(*BUDGET, "--max_steps", "1", words=["sst", "no step"])
        self.refused(*BUDGET, tasks="rte,sts,nothing", words=["nothing"])
        self.assertFalse(os.path.exists(self.path("all")))

    def test_folders(self):
        support.write_text(self.path("all"), "a file")
        self.refused(*BUDGET, "--max_seeds", "1", code=1, words=["all"])


if __name__ == "__main__":
    unittest.main()
