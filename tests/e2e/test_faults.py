"""A run that fails or dies at any of its operations on files goes on and ends as if nothing had been.

tests/failing_files.cpp, preloaded, makes the n-th write, fsync, rename, ... fail, stop half-way, be interrupted, or be the
process's last. A sample of the operations by a fixed seed; with PALS_FULL all of them. The faults of each kind are counted.
"""

import collections
import os
import random
import shutil
import subprocess
import unittest

import support
from support import PalsTest, metrics, read_json, read_safetensors

LIBRARY = os.environ["PALS_FAILING_FILES"]
FULL = bool(os.environ.get("PALS_FULL"))
SAMPLE = 6


class Faults(PalsTest):
    flags = ["--max_steps", "8", "--num_train_epochs", "2", "--save_checkpoints_steps", "3", "--adapter", "pals",
             "--learning_rate", "1e-3"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = os.path.join(os.path.dirname(cls.model), "faults-whole")
        cls.log = cls.whole + ".operations"
        cls.counts = collections.Counter()
        test = cls("setUp")
        test.folder = os.path.dirname(cls.model)
        result = test.run_with("faults-whole", PALS_FAULT_LOG=cls.log)
        assert result.returncode == 0, result.stderr
        with open(cls.log, encoding="utf-8") as stream:
            cls.operations = [line.split()[0] for line in stream]

    @classmethod
    def tearDownClass(cls):
        print("%d operations; faults: %s, together %d" % (
            len(cls.operations), ", ".join("%s %d" % item for item in sorted(cls.counts.items())),
            sum(cls.counts.values())))
        super().tearDownClass()

    def run_with(self, run, **settings):
        """The run with the library preloaded."""
        env = dict(support.environment(), LD_PRELOAD=LIBRARY, PALS_FAULT_UNDER=self.path(run), **settings)
        return subprocess.run([support.PALS, *self.train_arguments(run, *self.flags)], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)

    def numbers(self, action, kinds=()):
        """Numbers of operations at which something happens, counted from 1."""
        all_numbers = [number for number, kind in enumerate(self.operations, 1) if not kinds or kind in kinds]
        if FULL:
            return all_numbers
        return sorted(random.Random(action).sample(all_numbers, min(SAMPLE, len(all_numbers))))

    def check_whole(self, run):
        run = self.path(run)
        self.assertEqual(metrics(run), metrics(self.whole))
        for folder in "final", "best", "best_tasks/rte", "best_tasks/sst":
            for at, _, names in os.walk(os.path.join(self.whole, folder)):
                for name in names:
                    path = os.path.join(os.path.relpath(at, self.whole), name)
                    if name.endswith(".safetensors"):
                        self.assertEqual(read_safetensors(os.path.join(run, path)),
                                         read_safetensors(os.path.join(self.whole, path)), path)
        self.assertEqual(read_json(run, "eval_results.json"), read_json(self.whole, "eval_results.json"))
        left = [name for _, folders, files in os.walk(run) for name in folders + files if ".tmp." in name]
        self.assertEqual(left, [])

    def check_message(self, result):
        self.assertEqual(result.returncode, 1, result.stderr)
        line = result.stderr.splitlines()[-1]
        self.assertTrue(line.startswith("pals: "), result.stderr)
        self.assertLessEqual(len(line), 300)
        self.assertNotIn("internal error", line)

    def each(self, action, check, kinds=()):
        """Runs with one fault after the other; `check` is given what came of it."""
        for number in self.numbers(action, kinds):
            with self.subTest(action, number=number, operation=self.operations[number - 1]):
                shutil.rmtree(self.path("run"), ignore_errors=True)
                check(self.run_with("run", PALS_FAULT="%s:%d" % (action, number)))
                self.counts[action] += 1

    def finish(self):
        self.train("run", *self.flags)
        self.check_whole("run")

    def check_nothing_happened(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.check_whole("run")

    def test_the_library_counts(self):
        for kind in "open", "write", "fsync", "rename":
            self.assertIn(kind, self.operations)
        self.check_whole(self.whole)

    def test_killed_at_each_operation(self):
        def check(result):
            self.assertEqual(result.returncode, -9, result.stderr)
            self.finish()

        self.each("kill", check)

    def test_failing_operations(self):
        def check(result):
            if result.returncode != 0:
                self.check_message(result)
            self.finish()

        self.each("fail", check)

    def test_short_writes_change_nothing(self):
        self.each("short", self.check_nothing_happened, ("write",))

    def test_interrupted_writes_change_nothing(self):
        self.each("interrupt", self.check_nothing_happened, ("write",))


if __name__ == "__main__":
    unittest.main()
