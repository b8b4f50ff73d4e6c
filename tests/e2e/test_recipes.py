"""bench/recipes.py, on small data."""

import json
import os
import subprocess
import sys
import unittest

import support
from support import PalsTest

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "recipes.py")


def read_config(folder):
    return support.read_json(folder, "run_config.json")


class Recipes(PalsTest):
    def command(self, action, *flags, pals=support.PALS):
        return [sys.executable, SCRIPT, action, "--pals", pals, "--model", self.model, "--data_dir", self.glue, "--output_dir",
                self.path("runs"), "--results", self.path("results.jsonl"), "--threads", "1", "--precision", "fp32", "--steps", "4",
                "--evaluations", "2", *flags]

    def script(self, action, *flags, code=0, pals=support.PALS):
        result = subprocess.run(self.command(action, *flags, pals=pals), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=support.environment(), check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def lines(self):
        with open(self.path("results.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def test_runs_are_made_once_and_compared(self):
        flags = ["--only", "alone/rte", "alone/cola", "sample/temperature", "recipe/polish", "--seeds", "1", "2"]
        self.script("run", *flags)
        lines = self.lines()
        self.assertEqual([(line["setting"], line["seed"]) for line in lines],
                         [(name, seed) for seed in (1, 2)
                          for name in ("alone/cola", "alone/rte", "sample/temperature", "recipe/polish")])
        for line in lines:
            results = support.read_json(line["folder"], "eval_results.json")
            self.assertEqual(line["best"]["tasks"], results["tasks"])
            self.assertEqual(line["last"], results["last"])
            self.assertGreater(line["seconds"], 0)
            self.assertEqual({name for name in os.listdir(line["folder"]) if name in ("best", "final", "checkpoints")}, set())
        self.assertEqual(self.script("run", *flags).stderr, "")
        self.assertEqual(self.lines(), lines)
        # The line that a killed process was writing is made again, and so is one of other steps.
        with open(self.path("results.jsonl"), encoding="utf-8") as stream:
            text = stream.read()
        support.write_text(self.path("results.jsonl"), text[:-20])
        self.script("run", *flags, "--keep_models")
        self.assertEqual(len(self.lines()), len(lines))
        self.assertEqual({**self.lines()[-1], "seconds": 0}, {**lines[-1], "seconds": 0})
        table = self.script("table", *flags).stdout.splitlines()
        cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table
                 if line and not line.startswith("|---")]
        self.assertEqual([row[0] for row in cells], ["setting", "alone", "sample/temperature", "recipe/polish",
                                                     "better than alone by", "sample/temperature", "recipe/polish"])
        rte = [sum(line["best"]["tasks"]["rte"]["accuracy"] for line in lines if line["setting"] == name) / 2
               for name in ("alone/rte", "sample/temperature")]
        self.assertTrue(cells[1][5].startswith("%.1f ± " % (100 * rte[0])), cells[1])
        self.assertTrue(cells[2][5].startswith("%.1f ± " % (100 * rte[1])), cells[2])
        self.assertTrue(cells[5][4].startswith("%+.1f (" % (100 * (rte[1] - rte[0]))), cells[5])
        self.assertEqual(self.script("table", *flags, "--steps", "5", code=1).stderr.count("\n"), 1)

    def test_passes_and_cut_rows(self):
        """A task alone sees its rows so often, the tasks together take as many steps as all alone; rows lie evenly."""
        flags = ["--passes", "2", "--max_rows", "40", "--max_dev_rows", "10"]
        self.script("run", "--only", "alone/*", "sample/prop", "--seeds", "1", *flags)
        lines = self.lines()
        alone = next(line for line in lines if line["setting"] == "alone/rte")
        self.assertEqual(alone["recipe"], {"passes": 2, "max_rows": 40, "max_dev_rows": 10, "evaluations": 2, "learning_rate": 1e-4,
                                           "precision": "fp32", "model": os.path.basename(self.model)})
        steps = {line["setting"]: int(line["flags"][line["flags"].index("--max_steps") + 1]) for line in lines}
        self.assertEqual(steps["alone/rte"], 4)  # 40 rows in batches of 32
        self.assertEqual(len(steps), 9)
        self.assertEqual(2 * steps["sample/prop"], sum(steps.values()))
        config = read_config(alone["folder"])
        self.assertEqual(os.path.basename(config["data_dir"]), "data-40-10")
        for task, name, titles in (("CoLA", "train.tsv", 0), ("CoLA", "dev.tsv", 0), ("RTE", "train.tsv", 1), ("MNLI", "dev_matched.tsv", 1)):
            with open(os.path.join(self.glue, task, name), encoding="utf-8", newline="\n") as stream:
                source = stream.read().split("\n")[:-1]
            with open(os.path.join(config["data_dir"], task, name), encoding="utf-8", newline="\n") as stream:
                cut = stream.read().split("\n")[:-1]
            most = 40 if name == "train.tsv" else 10
            self.assertEqual(len(cut), titles + min(most, len(source) - titles))
            self.assertEqual(cut[:titles], source[:titles])
            places = [source.index(line) for line in cut[titles:]]
            self.assertEqual(places, sorted(places))
            self.assertEqual(places[0], titles)
            if len(source) - titles > most:
                self.assertGreater(places[-1], 0.9 * (len(source) - titles) - 1)
        # Two at once, each with results of its own, cut the same files.
        both = [subprocess.Popen(self.command("run", "--only", "alone/rte", "--seeds", seed, "--output_dir", self.path("both"),
                                              "--results", self.path(f"{seed}.jsonl"),
                                              "--passes", "1", "--max_rows", "39", "--max_dev_rows", "9"),
                                 stderr=subprocess.PIPE, text=True, env=support.environment()) for seed in ("1", "2")]
        for process in both:
            message = process.communicate()[1]
            self.assertEqual(process.returncode, 0, message)
        # Lines of other cuts are other runs.
        self.assertEqual(self.script("table", "--passes", "2", "--max_rows", "41", code=1).stderr.count("\n"), 1)
        self.check_words(self.script("table", "--only", "alone/rte", "--seeds", "1", *flags).stdout, "alone")

    def test_teachers_are_the_tasks_alone(self):
        missing = self.script("run", "--only", "recipe/teacher", "--seeds", "1", code=1)
        self.check_words(missing.stderr, "recipe/teacher, seed 1: no ", "alone/cola", "1 runs failed")
        flags = ["--only", "alone/*", "recipe/teacher", "--seeds", "1", "--steps", "2"]
        self.check_words(self.script("run", *flags, "--budget_minutes", "0", code=1).stderr, "--budget_minutes", "alone/cola")
        self.script("run", *flags)
        lines = self.lines()
        self.assertEqual([line["setting"] for line in lines][-1], "recipe/teacher")
        taught = [flag for flag in lines[-1]["flags"] if "=" in flag]
        self.assertEqual([flag.split("=")[0] for flag in taught], [line["setting"].split("/")[1] for line in lines[:-1]])
        self.assertEqual(read_config(lines[-1]["folder"])["teacher"], taught)
        for line in lines:
            self.assertFalse(os.path.exists(os.path.join(line["folder"], "best")))
        self.assertEqual(self.script("run", *flags).stderr, "")
        self.assertIn("recipe/teacher", self.script("table", *flags).stdout)

    def test_tasks_alone_see_their_rows_no_more_often_than_told(self):
        self.script("run", "--only", "alone/rte", "--seeds", "1", "--steps", "50", "--alone_passes", "3")
        (line,) = self.lines()  # 40 rows in batches of 32
        self.assertEqual(line["flags"][line["flags"].index("--max_steps") + 1], "6")

    def test_what_fails_is_named_and_the_others_run(self):
        failed = self.script("run", "--only", "alone/rte", "sample/rr", "--seeds", "1", code=1, pals="/bin/false")
        self.check_words(failed.stderr, "alone/rte, seed 1: ended with 1", "sample/rr, seed 1: ended with 1", "2 runs failed")
        self.assertEqual(self.lines(), [])
        self.check_words(self.script("run", "--only", "no*", code=1).stderr, "--only no*")
        self.check_words(self.script("run", "--only", "sample/rr", code=1, pals="/nowhere").stderr, "sample/rr: ")


if __name__ == "__main__":
    unittest.main()
