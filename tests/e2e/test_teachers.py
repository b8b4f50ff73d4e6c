"""Tasks that learn from models of their own at first, odds that follow progress, and sets of defaults."""

import json
import math
import os
import random
import shutil
import unittest

import support
from support import PalsTest, metrics, read_json

FLAGS = ["--max_steps", "24", "--num_train_epochs", "2", "--adapter", "pals", "--learning_rate", "1e-3", "--sample", "rr"]


class Teachers(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.teachers = os.path.join(os.path.dirname(cls.model), "teachers")
        if os.path.exists(cls.teachers):
            return
        test = cls("setUp")
        test.folder = cls.teachers
        os.makedirs(cls.teachers)
        for task in "rte", "sts":
            test.train(task, "--max_steps", "60", "--num_train_epochs", "1", "--learning_rate", "2e-3", tasks=task)

    def teacher(self, task):
        return os.path.join(self.teachers, task, "best")

    def taught(self, run, *flags, tasks="rte,sts", teachers=("rte", "sts"), code=0):
        given = [part for task in teachers for part in ("--teacher", "%s=%s" % (task, self.teacher(task)))]
        return self.pals(*self.train_arguments(run, *FLAGS, *given, *flags, tasks=tasks), code=code)

    def logits(self):
        cache = os.path.join(os.path.dirname(self.model), "cache", "pals", "features")
        return [os.path.join(cache, name) for name in sorted(os.listdir(cache)) if name.endswith(".logits")]

    def test_weights_fall_and_outputs_are_kept(self):
        for file in self.logits():
            os.remove(file)
        first = self.taught("first", tasks="rte,sts,sst")
        self.check_words(first.stderr, "teachers: task rte, by " + self.teacher("rte"), "computes its outputs for 40 rows")
        self.assertEqual(len(self.logits()), 2)
        steps, _ = metrics(self.path("first"))
        for line in steps:
            if line["task"] == "sst":
                self.assertNotIn("teacher_weight", line)
            else:
                self.assertAlmostEqual(line["teacher_weight"], 1 - line["step"] / 24)
        config = read_json(self.path("first"), "run_config.json")
        self.assertEqual(config["teacher"], ["%s=%s" % (task, self.teacher(task)) for task in ("rte", "sts")])
        identity = read_json(self.path("first"), "identity.json")
        self.assertIn("content of rte's teacher", identity["data"])
        # The same from the cache; and where that is damaged.
        again = self.taught("again", tasks="rte,sts,sst")
        self.check_words(again.stderr, "its outputs are in the cache")
        self.assertNotIn("computes its outputs", again.stderr)
        self.assertEqual(metrics(self.path("again")), metrics(self.path("first")))
        file = self.logits()[0]
        with open(file, "rb+") as stream:
            stream.seek(100)
            byte = stream.read(1)
            stream.seek(100)
            stream.write(bytes([byte[0] ^ 1]))
        damaged = self.taught("damaged", tasks="rte,sts,sst")
        self.check_words(damaged.stderr, file, "checksum", "computed anew")
        self.assertEqual(metrics(self.path("damaged")), metrics(self.path("first")))
        # They make a difference, and a finished run does not ask for them.
        plain = self.train("plain", *FLAGS, tasks="rte,sts,sst")
        self.assertNotEqual(metrics(plain)[0][0]["loss"], steps[0]["loss"])
        self.assertNotIn("its outputs", self.taught("first", tasks="rte,sts,sst").stderr)

    def test_packing_parts_threads_and_precision(self):
        """A step in parts is the same but for rounding, and bf16 is near."""
        self.taught("one", "--dropout", "0")
        for number, flags in enumerate([["--gradient_accumulation_steps", "4"], ["--threads", "2"],
                                        ["--eval_batch_size", "7"], ["--cache_dir", ""]]):
            self.taught("other%d" % number, "--dropout", "0", *flags)
            for one, other in zip(metrics(self.path("one"))[0], metrics(self.path("other%d" % number))[0]):
                self.assertAlmostEqual(one["loss"], other["loss"], delta=1e-4)
        self.taught("bf16", "--dropout", "0", "--precision", "bf16")
        for one, other in list(zip(metrics(self.path("one"))[0], metrics(self.path("bf16"))[0]))[:6]:
            self.assertAlmostEqual(one["loss"], other["loss"], delta=0.1)

    def test_a_teacher_of_itself(self):
        """A model that starts as its teacher has the loss of the teacher's entropy and nothing to learn."""
        run = self.path("run")
        self.pals("train", "--data_dir", self.glue, "--init_checkpoint", self.teacher("rte"), "--tasks", "rte", "--output_dir",
                  run, "--max_seq_length", "32", "--train_batch_size", "40", "--precision", "fp32", "--threads", "1",
                  "--dropout", "0", "--max_steps", "2", "--learning_rate", "1e-9", "--teacher", "rte=" + self.teacher("rte"))
        (first, _), _ = metrics(run)
        rows = [json.loads(line) for line in self.pals(
            "predict", "--model", self.teacher("rte"), "--task", "rte", "--output_format", "jsonl", "--input",
            self.texts_of_rte()).stdout.splitlines()]
        entropies = []
        for row in rows:
            entropies.append(-sum(p * math.log(p) for p in row["probabilities"].values() if p > 0))
        self.assertAlmostEqual(first["loss"], sum(entropies) / len(entropies), delta=2e-3)

    def texts_of_rte(self):
        with open(os.path.join(self.glue, "RTE", "train.tsv"), encoding="utf-8") as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream][1:]
        return support.write_text(self.path("texts.tsv"), "".join("%s\t%s\n" % (row[1], row[2]) for row in rows))

    def test_a_second_phase_and_an_end_without_teachers(self):
        self.taught("run", "--polish_epochs", "1")
        steps, _ = metrics(self.path("run"))
        self.assertEqual([line["step"] for line in steps if "teacher_weight" in line], list(range(24)))
        self.assertGreater(len(steps), 24)

    def test_what_does_not_fit_is_refused(self):
        def refused(teacher, *words, code, tasks="rte,sts"):
            message = self.error(*self.train_arguments("run", *FLAGS, "--teacher", teacher, tasks=tasks), code=code)
            self.assertLessEqual(len(message), 300 + 2 * len(self.folder))
            self.check_words(message, *words)
            self.assertFalse(os.path.exists(self.path("run")))

        refused("rte", "--teacher", "TASK=FOLDER", code=2)
        refused("rta=" + self.teacher("rte"), '"rta"', "rte", code=2)
        refused("rte=" + self.path("nowhere"), "nowhere", code=1)
        refused("rte=" + self.model, "pals train", code=1)
        refused("rte=" + self.teacher("sts"), "task rte", "kind", "regression", "classification", code=1)
        refused("sts=" + self.teacher("rte"), "task sts", "kind", code=1)
        two = os.path.join(self.train("two", *FLAGS, tasks="sst,cola"), "best")
        refused("rte=" + two, "no task rte", "sst", "cola", code=1)
        other = os.path.join(self.train("other", *FLAGS, tasks="mnli"), "best")
        refused("rte=" + other, "labels", "contradiction", code=1)

    def test_other_kinds_have_none(self):
        squad = support.make_squad(self.path("squad.json"), 8)
        message = self.error("train", "--kind", "span", "--train_file", squad, "--dev_file", squad, "--init_checkpoint",
                             self.model, "--output_dir", self.path("run"), "--teacher", "squad=" + self.teacher("rte"), code=2)
        self.check_words(message, "span", "no teacher", "classification", "regression", "multi_label")

    def own_tasks(self, name, labels):
        generator = random.Random(3)
        rows = support.glue_rows("SST-2", generator, 48, "train")
        data = support.write_text(self.path("data.tsv"), "".join(
            "%s\t%s\n" % ("good" if bit == "1" else "bad", text) for text, bit in rows))
        task = {"name": "mood", "kind": "classification", "labels": labels, "text_a": 1, "label": 0, "train": data, "dev": data,
                "metrics": ["accuracy"]}
        return support.write_json(self.path(name), {"tasks": [task]})

    def train_own(self, run, file, *flags):
        self.pals("train", "--task_file", file, "--init_checkpoint", self.model, "--output_dir", self.path(run),
                  "--max_seq_length", "32", "--train_batch_size", "16", "--precision", "fp32", "--threads", "1", *flags)
        return self.path(run)

    def test_labels_are_mapped_by_name(self):
        """After a teacher alone, a task whose labels are in another order still tells good from bad."""
        teacher = self.train_own("teacher", self.own_tasks("a.json", ["bad", "good"]), "--max_steps", "60",
                                 "--learning_rate", "2e-3", "--num_train_epochs", "1")
        self.assertGreater(read_json(teacher, "eval_results.json")["tasks"]["mood"]["accuracy"], 0.95)
        flags = ["--max_steps", "8", "--learning_rate", "1e-9", "--num_train_epochs", "1", "--dropout", "0",
                 "--teacher", "mood=%s/best" % teacher]
        # With the weights of the teacher itself the loss in its own order is the least.
        same = self.train_own("same", self.own_tasks("b.json", ["bad", "good"]), "--init_checkpoint", teacher + "/best", *flags)
        other = self.train_own("other", self.own_tasks("c.json", ["good", "bad"]), "--init_checkpoint", teacher + "/best",
                               *flags)
        for one, two in zip(metrics(same)[0], metrics(other)[0]):
            self.assertAlmostEqual(one["loss"], two["loss"], delta=1e-5)
        self.assertLess(metrics(other)[0][0]["loss"], 0.3)

    def test_a_run_does_not_go_on_with_another_teacher(self):
        mine = self.path("mine")
        shutil.copytree(self.teacher("rte"), mine)
        arguments = self.train_arguments("run", *FLAGS, "--teacher", "rte=" + mine, "--save_checkpoints_steps", "5")
        self.pals(*arguments)
        os.remove(self.path("run", "eval_results.json"))
        for name in os.listdir(self.path("run", "checkpoints")):
            if not name.endswith("0012.safetensors"):
                os.remove(self.path("run", "checkpoints", name))
        shutil.rmtree(mine)
        shutil.copytree(os.path.join(self.train("alone", "--max_steps", "5", tasks="rte"), "best"), mine)
        self.check_words(self.error(*arguments, code=1), "content of rte's teacher")

    def test_a_plan_names_them(self):
        arguments = self.train_arguments("run", *FLAGS, "--teacher", "rte=" + self.teacher("rte"))
        plan = self.pals("plan", *arguments[1:]).stdout
        self.check_words(plan, "teachers: task rte, by " + self.teacher("rte"), "for their outputs")
        found = json.loads(self.pals("plan", *arguments[1:], "--json").stdout)
        self.assertEqual(len(found["teachers"]), 1)
        self.assertGreater(found["teacher_seconds"], 0)

    def test_run_config_brings_them_along(self):
        self.taught("run")
        config = self.path("run", "run_config.json")
        self.pals("train", "--config", config, "--output_dir", self.path("again"))
        self.assertEqual(metrics(self.path("again")), metrics(self.path("run")))
        self.pals("train", "--config", config, "--output_dir", self.path("other"), "--teacher", "rte=" + self.teacher("rte"))
        self.assertEqual(read_json(self.path("other"), "run_config.json")["teacher"],
                         read_json(config)["teacher"])


class AutomaticOdds(PalsTest):
    def epochs(self, run):
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as stream:
            return [line["probabilities"] for line in map(json.loads, stream) if "epoch_begins" in line]

    def test_they_follow_the_development_losses(self):
        run = self.train("run", "--max_steps", "120", "--num_train_epochs", "5", "--adapter", "pals", "--learning_rate", "1e-3",
                         "--sample", "auto", "--sample_alpha", "0.5", tasks="rte,sst,mnli")
        odds = self.epochs(run)
        _, evaluations = metrics(run)
        self.assertEqual(odds[0], odds[1])
        base = odds[0]
        for epoch in range(2, 5):
            before, after = (evaluations[number]["evaluation"]["tasks"] for number in (epoch - 2, epoch - 1))
            weights = {task: base[task] * math.exp(5 * max(-0.2, min(0.2, 1 - after[task]["loss"] / before[task]["loss"])))
                       for task in base}
            for task, weight in weights.items():
                self.assertAlmostEqual(odds[epoch][task], weight / sum(weights.values()), delta=1e-9)
        steps, _ = metrics(run)
        self.assertEqual([line["step"] for line in steps], list(range(120)))
        last = [line["task"] for line in steps[96:]]
        for task in base:
            self.assertLess(abs(last.count(task) / 24 - odds[4][task]), 0.35)

    def test_they_need_evaluations(self):
        self.check_words(self.error(*self.train_arguments("run", "--sample", "auto", "--do_train"), code=2), "--do_eval")


class Recipes(PalsTest):
    def test_best_sets_what_the_documentation_says(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "docs", "recipes.md"), encoding="utf-8") as stream:
            rows = [line.split("|") for line in stream.read().split("| option | `--recipe best`")[1].splitlines()[2:]]
        told = {}
        for row in rows:
            if len(row) < 4:
                break
            told[row[1].strip().strip("`").lstrip("-")] = row[2].split(":")[0].strip().strip("`")
        flags = ["--max_steps", "6", "--adapter", "pals"]
        run = self.train("run", *flags, "--recipe", "best")
        config, plain = read_json(run, "run_config.json"), read_json(self.train("plain", *flags), "run_config.json")
        set_by_it = {name for name in config if config[name] != plain.get(name)} - {"recipe", "output_dir"}
        self.assertEqual(set_by_it, set(told))
        for name, value in told.items():
            self.assertIn(str(config[name]), {"on": ["True"]}.get(value, [value, str(float(value)) if value[0].isdigit() else ""]))
        self.assertEqual(config["recipe"], "best")

    def test_flags_win_in_any_place(self):
        for number, flags in enumerate([["--recipe", "best", "--sample", "rr"], ["--sample=rr", "--recipe=best"]]):
            run = self.train("run%d" % number, "--max_steps", "2", *flags)
            config = read_json(run, "run_config.json")
            self.assertEqual((config["sample"], config["bias_correction"]), ("rr", True))
        plan = self.pals("plan", *self.train_arguments("plan", "--max_steps", "2", "--recipe", "best", "--sample", "rr")[1:]).stdout
        self.check_words(plan, "--recipe best: bias_correction true", "given: sample rr")
        message = self.error(*self.train_arguments("x", "--recipe", "best", "--early_stopping", "2"), code=2)
        self.check_words(message, "--polish_epochs 0")
        self.check_words(self.error(*self.train_arguments("x", "--recipe", "bets"), code=2), "bets", "best")
        # A run's own file says it all.
        again = self.path("again")
        self.pals("train", "--config", self.path("run0", "run_config.json"), "--output_dir", again)
        self.assertEqual({**read_json(again, "run_config.json"), "output_dir": ""},
                         {**read_json(self.path("run0"), "run_config.json"), "output_dir": ""})


if __name__ == "__main__":
    unittest.main()
