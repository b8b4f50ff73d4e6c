"""The script behind the README's tables, on small data."""

import os
import subprocess
import sys
import unittest

import support
from support import PalsTest

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "real_runs.py")


class RealRuns(PalsTest):
    def table(self, name, *flags, pals=support.PALS):
        result = subprocess.run(
            [sys.executable, SCRIPT, name, "--pals", pals, "--model", self.model, "--data_dir", self.glue,
             "--output_dir", self.path("real"), "--jobs", "1", "--precision", "fp32", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=support.environment(), check=False)
        return result, [line.strip("| ").split(" | ") for line in result.stdout.splitlines()]

    def test_single(self):
        result, rows = self.table("single", "--seeds", "1", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([row[0] for row in rows[2:]], ["rte", "mrpc", "sts", "cola"])
        self.assertEqual({len(row) for row in rows[2:]}, {5})
        for row in rows[2:]:
            for first, second, mean in zip(*(cell.split(" / ") for cell in row[2:])):
                self.assertAlmostEqual((float(first) + float(second)) / 2, float(mean), delta=0.11)
        # What is there is not run again.
        self.assertEqual(self.table("single", "--seeds", "1", "2", pals="/nowhere")[1], rows)

    def test_glue(self):
        result, rows = self.table("glue", "--steps", "4", "--seeds", "1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([row[0] for row in rows[2:]], ["none (shared)", "PALs", "low rank", "Houlsby"])
        self.assertEqual({len(row) for row in rows}, {10, 1})

    def test_a_failed_run_is_named(self):
        result, _ = self.table("single", "--seeds", "1", pals="/bin/false")
        self.assertEqual(result.returncode, 1)
        self.check_words(result.stderr, "single/rte-1", "rte-1.log")


if __name__ == "__main__":
    unittest.main()
