"""bench/scaling.py, small: ranks on two hosts, which are two network namespaces, give what one process gives."""

import json
import pathlib
import shutil
import subprocess
import sys
import unittest

from support import PALS, PalsTest
from ranks import MPI, environment

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "bench/scaling.py"
NOT_PERMITTED = 77


@unittest.skipIf(MPI == "none", "this pals finds no MPI (openmpi-bin, libopenmpi-dev when it is built)")
@unittest.skipUnless(shutil.which("ip"), "no iproute2")
class TwoHosts(PalsTest):
    def scaling(self, link):
        command = [sys.executable, str(PROGRAM), "--pals", PALS, "--link", link, "--max_steps", "5", "--json"]
        command += self.train_arguments("unused")[1:]
        for flag in "--output_dir", "--threads":  # these it gives itself
            at = command.index(flag)
            del command[at:at + 2]
        result = subprocess.run(command, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=300, check=False)
        if result.returncode == NOT_PERMITTED:
            self.skipTest(result.stdout.strip())
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        left = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotIn("pals", left)
        return result.stdout, json.loads(result.stdout.splitlines()[-1])

    def check_run(self, figures, link):
        two, half = figures[link + ", two hosts"], figures[link + ", two hosts, bf16 gradients"]
        self.assertEqual((two["ranks"], two["steps"]), (2, 5))
        self.assertAlmostEqual(half["bytes_a_step"] / two["bytes_a_step"], 0.5, delta=0.05)
        self.assertGreater(figures["one rank"]["examples_a_second"], 0)

    def test_fast_link(self):
        output, figures = self.scaling("fast")
        self.assertIn("MB a step", output)
        self.check_run(figures, "fast")

    def test_slow_link(self):
        output, figures = self.scaling("slow")
        self.assertIn("10 ms, 100 Mbit/s", output)
        self.check_run(figures, "slow")
        # What a step sends cannot come sooner than the link allows.
        self.assertGreater(figures["slow, two hosts"]["communication_seconds_a_step"], 0.02)


if __name__ == "__main__":
    unittest.main()
