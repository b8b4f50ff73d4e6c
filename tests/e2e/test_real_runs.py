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
             "--output_dir", self.path("real"), "--threads", "1", "--precision", "fp32", *flags],
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
        # The runs are those of `pals compare`; what is finished is not run again, other seeds are added.
        self.assertIn("comparison.html", os.listdir(self.path("real", "single", "cola")))
        again, more = self.table("single", "--seeds", "1", "2", "3")
        self.assertEqual([row[:4] for row in more[2:]], [row[:4] for row in rows[2:]])
        self.assertEqual(again.stderr.count("finished before"), 8)

    def test_glue(self):
        result, rows = self.table("glue", "--steps", "4", "--seeds", "1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([row[0] for row in rows[2:]], ["none (shared)", "PALs", "low rank", "Houlsby"])
        self.assertEqual({len(row) for row in rows}, {10, 1})
        for (_, *cells), adapter in zip(rows[2:], ("none", "pals", "low_rank", "houlsby")):
            best = support.read_json(self.path("real", "glue", adapter + "-1", "eval_results.json"))
            self.assertEqual(cells[-1], "%.1f" % (100 * best["average"]))
            self.assertEqual(cells[3], "%.1f" % (100 * best["tasks"]["rte"]["accuracy"]))

    def test_a_failed_comparison_is_named(self):
        for pals in "/bin/false", "/nowhere":
            result, _ = self.table("single", "--seeds", "1", pals=pals)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1))
            self.check_words(result.stderr, "single/rte: ")


if __name__ == "__main__":
    unittest.main()
