"""Pages of runs and comparisons, figures by class, wrong rows, events for TensorBoard."""

import html.parser
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import unittest

import support
from support import PalsTest, read_json

VOID = {"meta", "link"}
OWN_TASKS = "tasks.json"


class Page(html.parser.HTMLParser):
    """Holds a page to well-formed nesting; keeps its text, ids and links."""

    def __init__(self, path):
        super().__init__()
        self.open, self.ids, self.links, self.shown = [], set(), set(), []
        with open(path, encoding="utf-8") as stream:
            self.source = stream.read()
        self.feed(self.source)
        assert not self.open, self.open
        self.text = " ".join(" ".join(self.shown).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        assert tag != "script"
        assert not any(name.startswith("on") or name == "src" for name in attributes), attrs
        if "id" in attributes:
            assert attributes["id"] not in self.ids, attributes["id"]
            self.ids.add(attributes["id"])
        if tag == "a":
            self.links.add(attributes["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in {"path", "circle", "rect"}, tag

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.shown.append(data)


class Reports(PalsTest):
    flags = ["--max_steps", "24", "--num_train_epochs", "3", "--adapter", "pals", "--sample", "anneal",
             "--learning_rate", "1e-3"]

    def page(self, *parts):
        path = self.path(*parts)
        self.assertLess(os.path.getsize(path), 1_000_000)
        page = Page(path)
        for link in page.links:
            self.assertTrue(link.startswith("#"), link)
            self.assertIn(link[1:], page.ids)
        self.assertNotRegex(page.source, "https?:")
        return page

    def test_a_run_has_its_page(self):
        self.train("run", *self.flags, tasks="rte,mnli,sts")
        page = self.page("run", "report.html")
        results = read_json(self.path("run", "eval_results.json"))
        self.check_words(page.text, "finished", "%.3f" % results["average"], "Loss of rte", "Sampling (anneal)",
                         "Where the time went", "Confusion matrix", "Residuals", "accuracy_mismatched", "neutral",
                         "--adapter", "weights at the start", "word")
        self.assertNotIn("damaged", page.text)
        self.assertNotIn("Texts are missing", page.text)
        with open(self.path("run", "metrics.jsonl"), encoding="utf-8") as stream:
            log = [json.loads(line) for line in stream]
        start = next(line for line in log if "from_step" in line)
        self.assertEqual(start["command"][1:3], ["train", "--data_dir"])
        self.assertEqual(start["examples"]["rte"], 40)
        self.assertEqual([line["epoch_begins"] for line in log if "epoch_begins" in line], [1, 2, 3])
        times = [line for line in log if "wall_seconds" in line]
        for line in times:
            self.assertAlmostEqual(sum(line["seconds"].values()), line["wall_seconds"], delta=1e-3)
        # `pals report` makes the same page, and a finished run that is asked for again too.
        before = page.source
        self.pals("report", self.path("run"))
        self.assertEqual(self.page("run", "report.html").source, before)

    def test_a_killed_run(self):
        flags = ["--max_steps", "4000", "--num_train_epochs", "100", "--save_checkpoints_steps", "1000"]
        process = support.start(self.train_arguments("run", *flags))
        while process.poll() is None and not os.path.exists(self.path("run", "report.html")):
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertIn("not finished", self.page("run", "report.html").text)
        self.pals("report", self.path("run") + "/", "--output", self.path("page.html"))
        self.check_words(self.page("page.html").text, "not finished", "of 4,000")

    def test_damaged_and_missing_files(self):
        self.train("run", *self.flags)
        for name, words in (("metrics.jsonl", ["metrics.jsonl"]), ("run_config.json", ["run_config.json"]),
                            ("identity.json", ["identity.json"]), ("eval_results.json", ["eval_results.json"]),
                            ("best/tasks.json", ["tasks.json"]), ("dev_predictions/rte.jsonl", ["rte.jsonl"])):
            for content in b"\x00\xff{[", b"", b'{"version": 99}\n', b"[]\n", b'{"version": 1, "tasks": 3}\n':
                with self.subTest(name=name, content=content):
                    shutil.rmtree(self.path("damaged"), ignore_errors=True)
                    shutil.copytree(self.path("run"), self.path("damaged"))
                    with open(self.path("damaged", name), "wb") as stream:
                        stream.write(content)
                    self.pals("report", self.path("damaged"))
                    self.page("damaged", "report.html")
        os.mkdir(self.path("empty"))
        self.check_words(self.error("report", self.path("empty"), code=2), "it holds no run", "--output_dir")
        self.check_words(self.error("report", code=2), "folders of runs")

    def test_comparison(self):
        for name, adapter, seed in ("a-1", "pals", 1), ("a-2", "pals", 2), ("b-1", "low_rank", 1):
            self.train(name, "--max_steps", "8", "--adapter", adapter, "--seed", str(seed), tasks="rte,sst")
        runs = [self.path(name) for name in ("a-1", "a-2", "b-1")]
        result = self.pals("report", *runs, "--output", self.path("page.html"), "--json")
        shown = json.loads(result.stdout)
        self.assertEqual([len(setting["runs"]) for setting in shown["settings"]], [2, 1])
        scores = [read_json(run, "eval_results.json")["average"] for run in runs[:2]]
        self.assertAlmostEqual(shown["settings"][0]["scores"]["average"]["mean"], sum(scores) / 2)
        self.assertIsNone(shown["settings"][1]["scores"]["average"]["deviation"])
        self.assertEqual([(row["task"], row["pairs"]) for row in shown["paired"]], [("rte", 1), ("sst", 1)])
        self.assertEqual(shown["notes"], [])
        twice = self.pals("report", *runs, runs[0] + "/", os.path.join(runs[1], "..", "b-1"), "--json",
                          "--output", self.path("twice.html"))
        self.assertEqual(json.loads(twice.stdout)["settings"], shown["settings"])
        self.assertEqual(twice.stderr.count("given twice, and taken once"), 2)
        self.check_words(self.page("page.html").text, "2 settings", "row by row", "peak memory", "low_rank")

    def test_compare(self):
        arguments = ["compare", "--data_dir", self.glue, "--init_checkpoint", self.model, "--tasks", "rte",
                     "--output_dir", self.path("all"), "--max_seq_length", "32", "--max_steps", "6",
                     "--precision", "fp32", "--threads", "1"]
        first = self.pals(*arguments, "--adapters", "pals", "--seeds", "1")
        self.assertIn("average", first.stdout)
        log = self.path("all", "pals-1", "metrics.jsonl")
        before = os.path.getmtime(log)
        more = self.pals(*arguments, "--adapters", "pals,low_rank", "--seeds", "1,2", "--json")
        self.assertEqual(os.path.getmtime(log), before)
        self.assertIn("pals-1: finished before", more.stderr)
        shown = json.loads(more.stdout)
        self.assertEqual(shown, read_json(self.path("all", "scores.json")))
        self.assertEqual([setting["scores"]["average"]["runs"] for setting in shown["settings"]], [2, 2])
        self.page("all", "comparison.html")
        self.page("all", "low_rank-2", "report.html")
        self.check_words(self.error(*arguments, "--learning_rate", "1e-3", code=2), "learning_rate (5e-05, now 0.001)",
                         "--output_dir")
        # The folder stands for its runs, and a pattern names files too.
        for given in [self.path("all")], [os.path.join(self.path("all"), name) for name in os.listdir(self.path("all"))]:
            page = self.path("again.html")
            result = self.pals("report", *given, "--output", page, "--json")
            self.assertEqual(len(json.loads(result.stdout)["settings"]), 2)
            self.assertEqual("compare.json: left out, it is no folder" in result.stderr, len(given) > 1)
        self.pals("report", self.path("all"))
        self.check_words(self.page("all", "comparison.html").text, "Comparison of 4 runs")
        self.check_words(self.error("report", self.path("all", "scores.json"), code=2), "folders of runs")
        self.check_words(self.error(*arguments, "--adapters", "pal", code=2), "\"pal\"", "\"pals\"")
        self.check_words(self.error(*arguments, "--seeds", "1,1", code=2), "twice")
        # Before the first adapter trains.
        unfit = [*arguments, "--output_dir", self.path("unfit"), "--adapters", "pals,lora", "--adapter_size", "6"]
        self.check_words(self.error(*unfit, code=2), "--adapter_size", "lora")
        self.assertFalse(os.path.exists(self.path("unfit")))
        # The first run is refused: nothing is left, and a folder that was there stays.
        nowhere = [*arguments, "--data_dir", self.path("nowhere"), "--adapters", "pals"]
        self.error(*nowhere, "--output_dir", self.path("unmade"), code=1)
        self.assertFalse(os.path.exists(self.path("unmade")))
        os.makedirs(self.path("empty"))
        self.error(*nowhere, "--output_dir", self.path("empty"), code=1)
        self.assertEqual(os.listdir(self.path("empty")), [])
        self.check_words(self.error(*arguments, "--seeds", "1,x", code=2), "--seeds", "x")

    def test_eval_by_class_and_errors(self):
        self.train("run", *self.flags, tasks="rte,sts,mnli")
        model = self.path("run", "best")
        plain = json.loads(self.pals("eval", "--model", model, "--data_dir", self.glue, "--json").stdout)
        shown = json.loads(self.pals("eval", "--model", model, "--data_dir", self.glue, "--json", "--per_class",
                                     "--errors", self.path("errors.jsonl")).stdout)
        self.assertEqual(shown["average"], plain["average"])
        for task, scores in plain["tasks"].items():
            for name, value in scores.items():
                self.assertEqual(shown["tasks"][task][name], value)
                if name != "loss":
                    self.assertAlmostEqual(shown["tasks"][task]["metrics"][name], value, places=6)
                    low, high = shown["tasks"][task]["intervals"][name]
                    self.assertTrue(low <= value <= high, (task, name))
        self.assertEqual(sum(own["support"] for own in shown["tasks"]["rte"]["per_class"].values()), 24)
        self.assertIn("rmse", shown["tasks"]["sts"]["metrics"])
        with open(self.path("errors.jsonl"), encoding="utf-8") as stream:
            errors = [json.loads(line) for line in stream]
        wrong = [error for error in errors if error["task"] == "rte"]
        self.assertEqual(len(wrong), round(24 * (1 - plain["tasks"]["rte"]["accuracy"])))
        for error in wrong:
            self.assertNotEqual(error["gold"], error["prediction"])
            self.assertEqual(set(error["texts"]), {"first", "second"})
        sure = [error["probability"] for error in wrong]
        for more, less in zip(sure, sure[1:]):
            self.assertGreaterEqual(more + 1e-5, less)
        for error in errors:
            if error["task"] == "sts":  # as the file has it, not as a float does
                self.assertEqual(error["gold"], round(error["gold"], 3))
        self.check_words(self.error("eval", "--model", self.path("nothing"), "--errors", "/nope/x", code=1), "/nope/x")
        only = self.pals("eval", "--model", model, "--data_dir", self.glue, "--tasks", "sts", "--per_class").stdout
        self.check_words(only, "spearman", "mae", "to")
        self.assertNotIn("rte", only)
        self.check_words(self.error("eval", "--model", model, "--data_dir", self.glue, "--tasks", "rta", code=2),
                         "--tasks", "rta", "rte")

    def test_errors_of_values_and_macro_f1_are_metrics(self):
        rows = ["splendid word%d\t%s\t%.1f" % (n, "yes" if n % 3 else "no", n % 5) for n in range(40)]
        support.write_text(self.path("rows.tsv"), "text_a\tlabel\tvalue\n" + "\n".join(rows) + "\n")
        files = {"train": "rows.tsv", "dev": "rows.tsv", "header": True, "text_a": "text_a"}
        support.write_json(self.path(OWN_TASKS), {"tasks": [
            {"name": "kinds", "kind": "classification", "labels": ["no", "yes"], "metrics": ["macro_f1"],
             "label": "label", **files},
            {"name": "values", "kind": "regression", "label_scale": 5, "metrics": ["mae", "rmse"], "label": "value",
             **files}]})
        self.pals("train", "--task_file", self.path(OWN_TASKS), "--init_checkpoint", self.model, "--max_steps", "6",
                  "--max_seq_length", "32", "--threads", "1", "--output_dir", self.path("run"))
        results = read_json(self.path("run", "eval_results.json"))
        values, kinds = results["tasks"]["values"], results["tasks"]["kinds"]
        self.assertGreaterEqual(values["rmse"], values["mae"])
        score = (2 - values["mae"] / 5 - values["rmse"] / 5) / 2
        self.assertAlmostEqual(results["average"], (kinds["macro_f1"] + score) / 2, places=6)
        self.check_words(self.page("run", "report.html").text, "macro_f1", "rmse", "mae")

    def test_events(self):
        self.train("run", *self.flags, "--report_to", "tensorboard")
        [name] = os.listdir(self.path("run", "tensorboard"))
        with open(self.path("run", "tensorboard", name), "rb") as stream:
            data = stream.read()
        count = 0
        while data:
            size = struct.unpack("<Q", data[:8])[0]
            data = data[12 + size + 4:]
            count += 1
        self.assertGreater(count, 2 * 24)
        self.train("run", *self.flags, "--report_to", "tensorboard")  # finished: no second file
        self.assertEqual(os.listdir(self.path("run", "tensorboard")), [name])
        self.read_with_tensorboard()

    def read_with_tensorboard(self):
        """By the package itself, where an interpreter that has it is named."""
        python = os.environ.get("PALS_TENSORBOARD_PYTHON")
        if not python:
            return
        script = ("import sys, json\n"
                  "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
                  "events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})\n"
                  "events.Reload()\n"
                  "json.dump({tag: [(e.step, e.value) for e in events.Scalars(tag)]\n"
                  "           for tag in events.Tags()['scalars']}, sys.stdout)\n")
        # Not from this folder, whose tensorflow.py it would take for the package.
        result = subprocess.run([python, "-c", script, self.path("run", "tensorboard")], stdout=subprocess.PIPE,
                                text=True, check=True, cwd=self.folder)
        curves = json.loads(result.stdout)
        steps, evaluations = support.metrics(self.path("run"))
        for task in "rte", "sst":
            own = [(line["step"], line["loss"]) for line in steps if line["task"] == task]
            self.assertEqual([step for step, _ in curves["loss/" + task]], [step for step, _ in own])
            for (_, shown), (_, loss) in zip(curves["loss/" + task], own):
                self.assertAlmostEqual(shown, loss, places=5)
        self.assertEqual(len(curves["learning_rate"]), 24)
        self.assertEqual([step for step, _ in curves["average"]], [line["after_step"] for line in evaluations])
        self.assertIn("rte/accuracy", curves)
        self.assertIn("probability/sst", curves)


if __name__ == "__main__":
    sys.exit(unittest.main())
