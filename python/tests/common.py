"""What the tests of the Python package share. They run with the installed package; PALS_BINARY names the program,
whose numbers theirs must be."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tests/e2e"))  # last: it has modules of the same names
import support  # noqa: E402  found through the line above

os.environ["XDG_CACHE_HOME"] = support.environment()["XDG_CACHE_HOME"]

TASKS = "sst,rte,sts,mnli"
SINGLE = ["word1 word2 splendid word3", "dreadful word9", "", "word4 word5 . word6 , splendid"] * 3
PAIRS = [("word1 word2 splendid", "word2"), ("dreadful word9", "word1 ."), ("word3", "word4 splendid")] * 3

_trained = {}


class PythonTest(support.PalsTest):
    """A model of several tasks that the program trained, once for all tests."""

    def run_folder(self):
        if "run" not in _trained:
            folder = self.train("python-run", "--max_steps", "60", "--adapter", "pals", "--learning_rate", "1e-3",
                                tasks=TASKS)
            _trained["run"] = os.path.join(folder, "final")
        return _trained["run"]

    def single(self, kind, train, dev, *flags):
        """A model of one task of a kind."""
        self.pals("train", "--kind", kind, "--train_file", train, "--dev_file", dev, "--init_checkpoint", self.model,
                  "--output_dir", self.path("run"), "--train_batch_size", "8", "--precision", "fp32", "--threads", "1",
                  "--learning_rate", "1e-3", *flags)
        return self.path("run", "best")

    def program(self, model, stdin, *flags):
        """What `pals predict` says, an object a line."""
        lines = self.pals("predict", "--model", model, "--json", "--precision", "fp32", "--threads", 1, *flags,
                          stdin=stdin).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def python(self, code, *arguments, code_wanted=0, **changes):
        """Runs a program of Python in a process of its own: its output."""
        result = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False,
                                env=environment(**changes))
        self.assertEqual(result.returncode, code_wanted, result.stderr)
        return result.stdout


def environment(**changes):
    return dict(support.environment(**changes), HOME=os.environ.get("HOME", "/"))


def lines_of(rows):
    return "".join(("\t".join(row) if isinstance(row, tuple) else row) + "\n" for row in rows)
