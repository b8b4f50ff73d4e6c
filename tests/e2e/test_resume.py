"""A run that is killed and started again ends with the very weights of one that was not."""

import os
import random
import signal
import time
import unittest

import made_data
import support
from support import PalsTest, metrics, read_json, read_safetensors

STEPS = 240
KILLS = 8 if os.environ.get("PALS_FULL") else 4
TASKS = "rte,sst,mnli"


class ResumedRun(PalsTest):
    """What the tests of all ways to compute share."""

    name, steps = "whole", STEPS
    flags = ["--max_steps", str(STEPS), "--num_train_epochs", "6", "--save_checkpoints_steps", "9", "--adapter", "pals",
             "--sample", "anneal", "--learning_rate", "1e-3", "--seed", "11"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = os.path.join(os.path.dirname(cls.model), cls.name)
        if not os.path.exists(cls.whole):
            test = cls("setUp")
            test.folder = os.path.dirname(cls.model)
            began = time.monotonic()
            test.train(cls.name, *cls.flags, tasks=TASKS)
            cls.seconds = time.monotonic() - began

    def start(self, run="run"):
        return support.start(self.train_arguments(run, *self.flags, tasks=TASKS))

    def finish(self, run="run"):
        self.train(run, *self.flags, tasks=TASKS)
        self.check_same(run)

    def check_same(self, run):
        run = self.path(run)
        self.assertEqual(metrics(run), metrics(self.whole))
        steps, _ = metrics(run)
        self.assertEqual([line["step"] for line in steps], list(range(self.steps)))
        for folder in ["final", "best"] + ["best_tasks/" + task for task in TASKS.split(",")]:
            files = ["model.safetensors"]
            for task in [os.path.basename(folder)] if "/" in folder else TASKS.split(","):
                files.append("adapters/%s/pals_adapter.safetensors" % task)
            for file in files:
                self.assertEqual(read_safetensors(os.path.join(run, folder, file)),
                                 read_safetensors(os.path.join(self.whole, folder, file)), (folder, file))
        self.assertEqual(read_json(run, "eval_results.json"), read_json(self.whole, "eval_results.json"))
        self.assertLessEqual(len(os.listdir(run + "/checkpoints")), 2)
        leftovers = [name for _, folders, files in os.walk(run) for name in folders + files
                     if ".tmp." in name]
        self.assertEqual(leftovers, [])

    def kill_at_random_moments(self):
        """Each part does a few steps, then dies some moment later: within a step, an evaluation, a write."""
        seed = int(os.environ.get("PALS_KILL_SEED", random.randrange(1 << 30)))
        generator = random.Random(seed)
        log = self.path("run", "metrics.jsonl")
        killed = 0
        with self.subTest(PALS_KILL_SEED=seed):
            while killed < KILLS:
                process = self.start()
                lines = self.count_lines(log)
                while process.poll() is None and self.count_lines(log) <= lines:
                    time.sleep(0.002)
                time.sleep(generator.uniform(0.0, 0.1) * self.seconds)
                process.kill()
                process.communicate()
                if process.returncode == 0:
                    break
                killed += 1
            self.assertGreater(killed, 2)
            self.finish()

    def count_lines(self, path):
        try:
            with open(path, "rb") as stream:
                return stream.read().count(b"\n")
        except FileNotFoundError:
            return 0


class ResumeTwoThreads(ResumedRun):
    name = "whole_two_threads"
    flags = ResumedRun.flags + ["--precision", "bf16", "--threads", "2"]

    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()


class ResumeAuto(ResumedRun):
    """The odds of each epoch follow the evaluations before it."""

    name = "whole_auto"
    flags = ["auto" if flag == "anneal" else flag for flag in ResumedRun.flags]

    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()


class ResumeTaught(ResumedRun):
    name = "whole_taught"

    @classmethod
    def setUpClass(cls):
        PalsTest.setUpClass()
        test = cls("setUp")
        test.folder = os.path.dirname(PalsTest.model)
        teacher = test.path("teacher_of_rte")
        if not os.path.exists(teacher):
            test.train("teacher_of_rte", "--max_steps", "20", "--num_train_epochs", "1", tasks="rte")
        cls.flags = ResumedRun.flags + ["--teacher", "rte=%s/best" % teacher]
        super().setUpClass()

    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()


class ResumeLora(ResumedRun):
    name = "whole_lora"
    flags = ["lora" if flag == "pals" else flag for flag in ResumedRun.flags] + ["--rank", "4", "--targets", "all"]

    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()


class ResumeRecipe(ResumedRun):
    """What the options of docs/recipes.md keep beside weights and moments."""

    name, steps = "whole_recipe", STEPS + 5 + 15 + 25
    flags = ["temperature" if flag == "anneal" else flag for flag in ResumedRun.flags] + [
        "--sample_cap", "100", "--min_share", "0.2", "--adapter_lr", "2e-3", "--head_lr", "5e-4", "--layer_decay", "0.8",
        "--ema", "0.95", "--polish_epochs", "1", "--precision", "bf16"]

    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()


class Resume(ResumedRun):
    def test_killed_at_random_moments(self):
        self.kill_at_random_moments()

    def kill_when(self, seen, kills=5):
        """Kills the run each time that `seen(folder)` holds for something new, then lets it end."""
        known, killed = set(), 0
        while killed < kills:
            process = self.start()
            while process.poll() is None:
                time.sleep(0.001)
                found = seen(self.path("run")) - known
                if found:
                    process.kill()
                    known |= found
                    killed += 1
                    break
            process.communicate()
            if process.returncode == 0:
                break
        self.assertGreater(killed, 1)
        self.finish()

    def test_killed_while_writing_a_checkpoint(self):
        def temporary_files(run):
            try:
                return {name for name in os.listdir(run + "/checkpoints") if ".tmp." in name}
            except FileNotFoundError:
                return set()

        self.kill_when(temporary_files)

    def test_killed_while_writing_the_best_model(self):
        def folder_in_writing(run):
            found = set()
            for folder in run, run + "/best_tasks":
                if os.path.isdir(folder):
                    found |= {name for name in os.listdir(folder) if name.startswith(("best.tmp.", "rte.tmp.", "mnli.tmp."))}
            return found

        self.kill_when(folder_in_writing, kills=3)

    def test_killed_between_an_evaluation_and_its_checkpoint(self):
        def evaluated(run):
            try:
                steps = {"%010d" % line["after_step"] for line in metrics(run)[1]}
                return steps - {name[5:15] for name in os.listdir(run + "/checkpoints")}
            except (FileNotFoundError, ValueError):
                return set()

        self.kill_when(evaluated, kills=3)

    def test_terminated(self):
        for number, name in (signal.SIGTERM, "run"), (signal.SIGINT, "other"):
            process = self.start(name)
            while process.poll() is None:
                if os.path.exists(self.path(name, "checkpoints", "step-0000000009.safetensors")):
                    process.send_signal(number)
                    break
            _, errors = process.communicate()
            self.assertEqual(process.returncode, 128 + number, errors)
            self.check_words(errors.splitlines()[-1], "pals: stopped", "goes on from there")
            done = len(metrics(self.path(name))[0])
            self.assertLess(done, STEPS)
            self.assertIn("step-%010d.safetensors" % done, os.listdir(self.path(name, "checkpoints")))
            self.finish(name)

    def test_a_damaged_checkpoint_is_passed_over(self):
        process = self.start()
        while process.poll() is None:
            names = os.listdir(self.path("run", "checkpoints")) if os.path.exists(
                self.path("run", "checkpoints")) else []
            if len([name for name in names if ".tmp." not in name]) == 2:
                process.kill()
        process.communicate()
        names = sorted(name for name in os.listdir(self.path("run", "checkpoints")) if ".tmp." not in name)
        with open(self.path("run", "checkpoints", names[-1]), "r+b") as stream:
            stream.truncate(1000)
        result = self.pals(*self.train_arguments("run", *self.flags, tasks=TASKS))
        self.check_words(result.stderr, names[-1], "older checkpoint",
                         "going on at step %d of" % int(names[-2][5:15]))
        self.check_same("run")

    def test_a_finished_run_is_left_as_it_is(self):
        before = {file: os.path.getmtime(os.path.join(self.whole, file)) for file in ("checkpoints",)}
        result = self.pals(*self.train_arguments(self.whole, *self.flags, tasks=TASKS))
        self.assertIn("step %d of %d" % (STEPS, STEPS), result.stderr)
        self.assertIn("sst", result.stdout)
        self.assertEqual(metrics(self.whole)[0][-1]["step"], STEPS - 1)
        self.assertEqual(before, {file: os.path.getmtime(os.path.join(self.whole, file)) for file in before})

    def test_half_a_line_of_metrics(self):
        process = self.start()
        while process.poll() is None:
            if os.path.exists(self.path("run", "checkpoints", "step-0000000009.safetensors")):
                process.kill()
        process.communicate()
        with open(self.path("run", "metrics.jsonl"), "a", encoding="utf-8") as stream:
            stream.write('{"step": 12, "ta')
        self.finish()


class StopInAnEvaluation(PalsTest):
    """It is made when the run goes on, and the steps before it are not lost."""

    def setUp(self):
        super().setUp()
        rows = made_data.glue_rows("RTE", random.Random(3), 4000, "dev")
        lines = [made_data.glue_header("RTE", "dev")] + ["\t".join(row) for row in rows]
        made_data.write_text(self.path("RTE", "dev.tsv"), "\n".join(lines) + "\n")
        os.symlink(os.path.join(self.glue, "RTE", "train.tsv"), self.path("RTE", "train.tsv"))
        self.flags = ["--data_dir", self.folder, "--max_steps", "12", "--num_train_epochs", "2", "--eval_batch_size", "1"]

    def starts(self, run):
        try:
            with open(self.path(run, "metrics.jsonl"), encoding="utf-8") as log:
                return log.read().count('"from_step"')
        except FileNotFoundError:
            return 0

    def stop_when_it_evaluates(self, run, steps):
        before = self.starts(run)
        process = support.start(self.train_arguments(run, *self.flags, tasks="rte"))
        while process.poll() is None and not (self.starts(run) > before and len(metrics(self.path(run))[0]) == steps):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 130, errors)
        self.check_words(errors.splitlines()[-1], f"pals: stopped at step {steps}; the same command goes on")
        self.assertIn("step-%010d.safetensors" % steps, os.listdir(self.path(run, "checkpoints")))

    def test_steps_are_kept(self):
        self.train("whole", *self.flags, tasks="rte")
        self.stop_when_it_evaluates("run", 6)
        self.assertEqual(metrics(self.path("run"))[1], [])
        self.stop_when_it_evaluates("run", 6)  # and the run that goes on may be stopped there again
        self.stop_when_it_evaluates("run", 12)
        self.assertEqual(len(metrics(self.path("run"))[1]), 1)
        self.train("run", *self.flags, tasks="rte")
        self.assertEqual(metrics(self.path("run")), metrics(self.path("whole")))
        for file in "eval_results.json", "dev_predictions/rte.jsonl":
            with open(self.path("run", file), "rb") as one, open(self.path("whole", file), "rb") as other:
                self.assertEqual(one.read(), other.read())
        self.assertEqual(read_safetensors(self.path("run", "best/model.safetensors")),
                         read_safetensors(self.path("whole", "best/model.safetensors")))


if __name__ == "__main__":
    unittest.main()
