"""The examples for Ray Data and Spark, each with two local workers, Parquet in and out. Without these packages they are
skipped; scripts/test.sh --full python installs them."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import pals
from common import PAIRS, REPOSITORY, PythonTest, environment

try:
    import pandas
    import pyarrow  # noqa: F401  pandas reads and writes Parquet by it
except ImportError:
    pandas = None

EXAMPLES = REPOSITORY / "python/examples"
ROWS = 300


def has(package):
    return pandas is not None and importlib.util.find_spec(package) is not None


class Clusters(PythonTest):
    def table(self):
        table = pandas.DataFrame({"a": [f"{PAIRS[row % len(PAIRS)][0]} word{row % 200}" for row in range(ROWS)],
                                  "b": [PAIRS[row % len(PAIRS)][1] for row in range(ROWS)], "number": range(ROWS)})
        os.makedirs(self.path("in"))
        for part in range(3):
            table[part::3].to_parquet(self.path("in", f"{part}.parquet"))
        return table

    def check(self, name, *flags):
        """A task of labels from one column, and one of values from two."""
        table, model = self.table(), pals.load(self.run_folder(), threads=1)
        for task, text in ("sst", "a"), ("sts", "a,b"):
            out = self.path("out-" + task)
            result = subprocess.run([sys.executable, str(EXAMPLES / name), "--model", self.run_folder(), "--task", task,
                                     "--text", text, "--input", self.path("in"), "--output", out, *flags], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False,
                                    env=environment(PYSPARK_PYTHON=sys.executable))
            self.assertEqual(result.returncode, 0, result.stdout[-3000:])
            self.assertTrue(list(pathlib.Path(out).glob("*.parquet")))
            given = pandas.read_parquet(out).sort_values("number")
            self.assertEqual(given["number"].tolist(), list(range(ROWS)))
            self.assertEqual(given["a"].tolist(), table["a"].tolist())
            wanted = model.predict(table[text.split(",")], task=task)
            if task == "sts":
                self.assertLess(max(abs(a - b.value) for a, b in zip(given["value"], wanted)), 1e-4)
            else:
                self.assertEqual(given["label"].tolist(), [one.label for one in wanted])
                self.assertLess(max(abs(a - b.probabilities[b.label]) for a, b in zip(given["probability"], wanted)), 1e-4)

    @unittest.skipUnless(has("ray"), "ray[data] is not installed")
    def test_ray(self):
        self.check("predict_ray.py", "--workers", "2")

    @unittest.skipUnless(has("pyspark") and shutil.which("java"), "pyspark or Java is not installed")
    def test_spark(self):
        self.check("predict_spark.py", "--parts", "2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
