"""The package beside torch: one LibTorch, in either order."""

import pathlib
import re
import subprocess
import unittest

import pals
from common import PythonTest

ONE_LIBTORCH = """
    import pathlib, sys
    for name in sys.argv[1].split(","):
        __import__(name)
    import pals, torch
    maps = pathlib.Path("/proc/self/maps").read_text()
    for library in "libtorch_cpu.so", "libc10.so", "libgomp":
        loaded = {line.split()[-1] for line in maps.splitlines() if library in line}
        ours = {path for path in loaded if "/torch/" in path}
        assert len(ours) == 1, (library, loaded)
    folder = str(pathlib.Path(torch.__file__).parent)
    assert all(folder in path for path in ours), ours
    tokens = pals.Tokenizer(sys.argv[2]).tokenize("splendid word1")
    assert tokens == ["splendid", "word1"], tokens
    assert torch.ones(3).sum() == 3.0
    assert pals.load(sys.argv[2], threads=1).embed(["word1"]).shape == (1, 48)
"""


class Import(PythonTest):
    def test_before_and_after_torch(self):
        for order in "pals,torch", "torch,pals":
            with self.subTest(order=order):
                self.python(ONE_LIBTORCH, order, self.model)

    def test_beside_numpy_and_scikit_learn(self):
        self.python(ONE_LIBTORCH, "numpy,sklearn.linear_model,pals", self.model)

    def test_the_module_names_no_folder_of_the_build(self):
        module = next(pathlib.Path(pals.__file__).parent.glob("_pals.*.so"))
        dynamic = subprocess.run(["readelf", "-d", module], stdout=subprocess.PIPE, text=True, check=True).stdout
        paths = re.findall(r"(?:RPATH|RUNPATH).*\[(.*)\]", dynamic)
        self.assertEqual([path.startswith("$ORIGIN/../torch/lib") for path in paths], [True], dynamic)
        self.assertTrue(all(part.startswith("$ORIGIN/") for part in paths[0].split(":")), paths)

    def test_only_the_entry_shows(self):
        module = next(pathlib.Path(pals.__file__).parent.glob("_pals.*.so"))
        symbols = subprocess.run(["nm", "-DC", "--defined-only", module], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        self.assertIn("PyInit__pals", symbols)
        self.assertNotRegex(symbols, r"\bpals::")

    def test_another_torch_is_refused(self):
        output = self.python("""
            import importlib.metadata
            known = importlib.metadata.version
            importlib.metadata.version = lambda name: "2.9.1+cpu" if name == "torch" else known(name)
            try:
                import pals
            except ImportError as error:
                print(error)
        """)
        self.assertEqual(output, "pals needs the package torch 2.11, found 2.9.1+cpu: pip install torch==2.11.*\n")

    def test_version(self):
        self.assertEqual("pals " + pals.__version__, self.pals("--version").stdout.strip())
        self.assertEqual(sorted(pals.__all__), sorted(name for name in pals.__all__ if hasattr(pals, name)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
