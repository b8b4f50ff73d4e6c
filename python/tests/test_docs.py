"""The examples of docs/python.md, one after another, with a tiny model and small data in place of real ones."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import unittest

import pals
from common import REPOSITORY, PythonTest


class Examples(PythonTest):
    def test_they_run(self):
        page = (REPOSITORY / "docs/python.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 4)
        folder = pathlib.Path(self.folder)
        shutil.copytree(self.model, folder / "minilm")
        shutil.copytree(self.glue, folder / "glue")
        train, here = pals.train, os.getcwd()
        pals.train = lambda **options: train(**{**options, "max_steps": 4, "max_seq_length": 32, "threads": 1})
        names, output = {}, io.StringIO()
        try:
            os.chdir(folder)
            with contextlib.redirect_stdout(output):
                for number, block in enumerate(blocks, 1):
                    exec(compile(block, f"block {number} of docs/python.md", "exec"), names)
        finally:
            os.chdir(here)
            pals.train = train
        shown = output.getvalue()
        self.assertRegex(shown, r"(?m)^[01] \{'0': ")
        self.assertIn('task: the model has no task "cola"; its tasks: sst, rte, sts', shown)
        self.assertIn("(3, 48)", shown)
        self.assertIn("learning_rate", shown)


if __name__ == "__main__":
    unittest.main(verbosity=2)
