"""`pals plan` and what begins each training; lengths of runs of own tasks; early stopping; `pals info FOLDER`."""

import json
import os
import shutil
import unittest

import support
from support import PalsTest, read_json


class PlanTest(PalsTest):
    def own_tasks(self, *counts):
        """A task file of classifications with so many training rows each."""
        tasks = []
        for number, count in enumerate(counts):
            name = "own%d" % number
            for split, rows in (("train", count), ("dev", 8)):
                support.write_text(self.path("%s-%s.csv" % (name, split)), "text,label\n" + "".join(
                    "%s word%d,%s\n" % (split, i, ("good", "bad")[i % 2]) for i in range(rows)))
            tasks.append({"name": name, "kind": "classification", "text_a": "text", "label": "label",
                          "train": name + "-train.csv", "dev": name + "-dev.csv"})
        return support.write_json(self.path("tasks.json"), {"tasks": tasks})

    def flags(self, *flags):
        return ["--task_file", self.path("tasks.json"), "--init_checkpoint", self.model, "--max_seq_length", 16,
                "--train_batch_size", 8, "--precision", "fp32", "--threads", 1, *flags]

    def plan(self, *flags):
        return json.loads(self.pals("plan", *self.flags("--json", *flags)).stdout)


class Plan(PlanTest):
    def test_numbers(self):
        self.own_tasks(64, 32)
        cache = support.environment()["XDG_CACHE_HOME"]
        before = [sorted(os.walk(folder)) for folder in (self.folder, cache)]
        plan = self.plan("--adapter", "pals")
        self.assertEqual(plan["steps"], 3 * (64 + 32) // 8)
        self.assertEqual(set(plan["passes"]), {"own0", "own1"})
        self.assertAlmostEqual(plan["passes"]["own0"] * 8 + plan["passes"]["own1"] * 4, plan["steps"])
        self.assertGreater(plan["passes"]["own1"], plan["passes"]["own0"])  # annealed
        parameters = plan["parameters"]
        self.assertEqual(parameters["total"], parameters["shared"] + sum(parameters["tasks"].values()))
        self.assertAlmostEqual(parameters["times_bert"], parameters["total"] / parameters["shared"])
        self.assertGreater(plan["memory"]["ram"], 16 * parameters["total"])
        self.assertGreater(plan["memory"]["disk"], 12 * parameters["total"])
        self.assertGreater(plan["seconds"], 0)
        self.assertEqual([sorted(os.walk(folder)) for folder in (self.folder, cache)], before)
        text = self.pals("plan", *self.flags("--adapter", "pals")).stdout
        for word in "parameters: ", "memory: ", "steps: 36 in 3 epochs; passes: own0 ", "time here: ":
            self.assertIn(word, text)

    def test_no_own_task_is_seen_more_than_twenty_times(self):
        self.own_tasks(2000, 8)
        plan = self.plan()
        self.assertLess(plan["steps"], 3 * 2008 // 8)
        self.assertLessEqual(plan["passes"]["own1"], 20)
        self.assertEqual(plan["warnings"], [])
        told = self.plan("--max_steps", 400)
        self.assertEqual(told["steps"], 400)
        self.assertTrue(any("own1" in warning and "times" in warning for warning in told["warnings"]))

    def test_training_begins_with_the_same_lines(self):
        self.own_tasks(24, 16)
        lines = [line for line in self.pals("plan", *self.flags()).stdout.splitlines()
                 if line.startswith(("parameters", "steps"))]
        said = self.pals("train", *self.flags("--output_dir", self.path("run"))).stderr.splitlines()
        for line in lines:
            self.assertIn(line, said)
        self.assertEqual(read_json(self.path("run", "run_config.json"))["sample"], "anneal")
        self.assertEqual(len(support.metrics(self.path("run"))[0]), 15)

    def test_memory_is_that_of_the_whole_process(self):
        self.own_tasks(24, 16)
        planned = self.plan("--max_steps", 6)["memory"]["ram"]
        self.pals("train", *self.flags("--max_steps", 6, "--output_dir", self.path("run")))
        with open(self.path("run", "metrics.jsonl"), encoding="utf-8") as stream:
            peak = max(json.loads(line).get("peak_bytes", 0) for line in stream)
        self.assertLess(peak, 1.15 * planned)
        self.assertGreater(peak, planned / 4)
        # A run that goes on reads its checkpoint, too.
        [name] = os.listdir(self.path("run", "checkpoints"))
        with open(self.path("run", "checkpoints", name), "ab") as stream:
            stream.truncate(3 << 30)
        self.assertGreater(self.plan("--max_steps", 6, "--output_dir", self.path("run"))["memory"]["ram"], 3 << 30)

    def test_glue_stays_as_it_is(self):
        plan = json.loads(self.pals("plan", "--tasks", "rte,sst", "--data_dir", self.glue, "--init_checkpoint",
                                    self.model, "--max_seq_length", 32, "--precision", "fp32", "--threads", 1,
                                    "--json").stdout)
        self.assertEqual(plan["steps"], 1800)

    def test_cut_texts_and_wrong_flags(self):
        self.own_tasks(16)
        self.assertTrue(any("--max_seq_length 4" in warning for warning in self.plan("--max_seq_length", 4)["warnings"]))
        self.check_words(self.error("plan", *self.flags("--max_steps", -1), code=2), "--max_steps")
        self.check_words(self.error("plan", *self.flags("--do_eval"), code=2), "--do_eval")


class EarlyStopping(PlanTest):
    def test_a_run_without_progress_ends_and_stays_ended(self):
        self.own_tasks(16)
        flags = self.flags("--output_dir", self.path("run"), "--learning_rate", "1e-30", "--num_train_epochs", 9,
                           "--early_stopping", 2)
        said = self.pals("train", *flags).stderr
        self.assertIn("stopped early after step 6 of 18", said)
        steps, evaluations = support.metrics(self.path("run"))
        self.assertEqual((len(steps), len(evaluations)), (6, 3))
        self.assertTrue(os.path.exists(self.path("run", "final", "config.json")))
        self.assertIn("stopped early", self.pals("train", *flags).stderr)
        self.assertEqual(len(support.metrics(self.path("run"))[0]), 6)


    def test_a_task_that_still_learns_keeps_the_run_going(self):
        self.own_tasks(16)
        flags = self.flags("--output_dir", self.path("run"), "--learning_rate", "1e-30", "--num_train_epochs", 9)
        said = self.pals("train", *flags, "--early_stopping", 2, "--early_stopping_by", "task").stderr
        self.assertIn("no task was better", said)
        self.assertEqual(len(support.metrics(self.path("run"))[0]), 6)
        self.check_words(self.error("train", *flags, "--early_stopping_by", "task", code=2), "--early_stopping")
        self.check_words(self.error("train", *flags, "--early_stopping", 2, "--early_stopping_by", "task",
                                    "--save_best_tasks", 0, code=2), "--save_best_tasks")


class Longer(PlanTest):
    def arguments(self, steps, *more):
        return ["train", *self.flags("--output_dir", self.path("run"), "--num_train_epochs", 2, "--max_steps", steps,
                                     "--save_checkpoints_steps", 3, *more)]

    def run_of(self, steps):
        return self.pals(*self.arguments(steps)).stderr

    def steps(self):
        return support.metrics(self.path("run"))[0]

    def test_a_finished_run_goes_on_with_more_steps(self):
        self.own_tasks(16)
        self.run_of(8)
        before = self.steps()
        said = self.run_of(14)
        self.assertIn("going on at step 8 of 14", said)
        self.assertIn("the run was of 8 steps", said)
        steps, evaluations = support.metrics(self.path("run"))
        self.assertEqual([step["step"] for step in steps], list(range(14)))
        self.assertEqual(steps[:8], before)
        self.assertGreater(steps[8]["learning_rate"], before[-1]["learning_rate"])
        self.assertEqual([line["after_step"] for line in evaluations], [4, 8, 12, 14])
        self.assertTrue(os.path.exists(self.path("run", "eval_results.json")))
        self.assertNotIn("the run was of", self.run_of(14))

    def test_a_longer_run_that_is_killed_goes_on_alike(self):
        self.own_tasks(16)
        self.run_of(8)
        shutil.copytree(self.path("run"), self.path("copy"))
        self.run_of(300)
        whole = support.read_safetensors(self.path("run", "final", "model.safetensors"))
        shutil.rmtree(self.path("run"))
        os.rename(self.path("copy"), self.path("run"))
        process = support.start(self.arguments(300))
        while process.poll() is None and len(self.steps()) < 40:
            pass
        process.kill()
        process.communicate()
        self.assertLess(process.returncode, 0)
        # What was known before is known on, and said to be of a run that goes on.
        results = read_json(self.path("run", "eval_results.json"))
        self.assertIs(results["finished"], False)
        self.assertIn("last", results)
        self.pals("report", self.path("run"))
        with open(self.path("run", "report.html"), encoding="utf-8") as stream:
            page = stream.read()
        self.check_words(page, "not finished", "best average score so far")
        self.error(*self.arguments(400), code=2)
        self.run_of(300)
        self.assertEqual(support.read_safetensors(self.path("run", "final", "model.safetensors")), whole)

    def test_early_stopping_of_a_longer_run_counts_from_its_old_end(self):
        self.own_tasks(16)
        slow = ["--learning_rate", "1e-30"]
        self.pals(*self.arguments(24, *slow, "--steps_per_epoch", 4))
        self.assertEqual(len(support.metrics(self.path("run"))[1]), 6)
        longer = self.arguments(48, *slow, "--steps_per_epoch", 4, "--early_stopping", 2)
        said = self.pals(*longer).stderr
        self.check_words(said, "going on at step 24 of 48", "stopped early after step 32 of 48: 2 evaluations",
                         "since it became longer at step 24")
        self.assertEqual([line["step"] for line in self.steps()], list(range(32)))
        self.assertNotIn("finished", read_json(self.path("run", "eval_results.json")))
        # It stays ended, and does not become longer before its end.
        self.assertIn("stopped early after step 32 of 48", self.pals(*longer).stderr)
        self.assertEqual(len(self.steps()), 32)
        before = read_json(self.path("run", "run_config.json"))
        more = self.arguments(60, *slow, "--steps_per_epoch", 4, "--early_stopping", 2)
        self.check_words(self.error(*more, code=2), "ended early, after step 32 of 48", "--early_stopping 0")
        self.assertEqual(read_json(self.path("run", "run_config.json")), before)
        longer[-1] = 0
        self.pals(*longer)
        self.assertEqual(len(self.steps()), 48)
        more[-1] = 0
        self.assertIn("going on at step 48 of 60", self.pals(*more).stderr)

    def test_what_may_not_change(self):
        self.own_tasks(16)
        self.run_of(8)
        before = self.steps()
        for flags in (["--max_steps", 7], ["--max_steps", 12, "--learning_rate", "1e-3"],
                      ["--max_steps", 0, "--num_train_epochs", 3], ["--max_steps", 12, "--steps_per_epoch", 2]):
            with self.subTest(flags=flags):
                given = dict(zip(flags[::2], flags[1::2]))
                arguments = self.arguments(given.pop("--max_steps"))
                for flag, value in given.items():
                    if flag in arguments:
                        arguments[arguments.index(flag) + 1] = value
                    else:
                        arguments += [flag, value]
                self.check_words(self.error(*arguments, code=2), "other values")
        self.assertEqual(self.steps(), before)
        self.assertTrue(os.path.exists(self.path("run", "eval_results.json")))


class Info(PlanTest):
    def test_a_folder(self):
        run = self.train("run", "--adapter", "pals", "--max_steps", "2")
        facts = json.loads(self.pals("info", run + "/final", "--json").stdout)
        self.assertEqual([task["name"] for task in facts["tasks"]], ["rte", "sst"])
        self.assertEqual(facts["tasks"][0]["adapter"]["kind"], "pals")
        self.assertEqual(sorted(facts["tasks"][0]["labels"]), ["entailment", "not_entailment"])
        self.assertEqual(facts["parameters"]["total"], facts["parameters"]["shared"]
                         + sum(task["parameters"] for task in facts["tasks"]))
        self.assertTrue(facts["verified"])
        text = self.pals("info", run + "/final").stdout
        self.assertIn("task rte\n", text)
        self.assertIn("  kind: classification\n", text)
        support.exchange_last_words(run + "/final/vocab.txt")
        self.check_words(self.error("info", run + "/final", code=1), "vocab")
        self.assertFalse(json.loads(self.pals("info", self.model, "--json").stdout)["verified"])
        self.check_words(self.error("info", self.path("nothing"), code=1), "nothing: no such model folder", "RUN/best")
        self.error("info", self.model, self.model, code=2)


if __name__ == "__main__":
    unittest.main()
