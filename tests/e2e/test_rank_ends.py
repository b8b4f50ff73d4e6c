"""Many ranks: one that dies or falls silent, and a run that is stopped, and how it goes on."""

import os
import re
import signal
import subprocess
import time
import unittest

from ranks import STEPS, ManyRanks, environment, mpirun
from support import PALS, metrics


class Ends(ManyRanks):
    """A rank that is gone, or a run that is stopped, and how it goes on."""

    flags_of_run = ["--max_steps", "400", "--save_checkpoints_steps", "10", "--do_train"]

    def start_run(self, run, *flags, ranks=3):
        command = mpirun((ranks, PALS, *self.flags(run, *self.flags_of_run, *flags)))
        return self.past_a_checkpoint(run, self.start(command))

    def start_local(self, run):
        return self.past_a_checkpoint(run, self.start([PALS, *self.flags(run, *self.flags_of_run, "--nproc", "2")]))

    def past_a_checkpoint(self, run, process):
        deadline = time.monotonic() + 60
        while not (os.path.isdir(self.path(run, "checkpoints")) and
                   any(name.startswith("step-") for name in os.listdir(self.path(run, "checkpoints")))):
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return process

    def ranks_of(self, process):
        """Process ids by rank, of what mpirun started."""
        return self.children_of(process.pid)

    @staticmethod
    def lives(pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
                return stream.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    @staticmethod
    def children_of(pid):
        """Process ids by rank, and of what is no rank as None."""
        found = {}
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as stream:
                    parent = int(stream.read().rpartition(")")[2].split()[1])
                with open("/proc/%s/environ" % name, "rb") as stream:
                    variables = dict(part.split(b"=", 1) for part in stream.read().split(b"\0") if b"=" in part)
            except (OSError, ValueError):
                continue
            if parent == pid:
                rank = variables.get(b"OMPI_COMM_WORLD_RANK")
                found[rank and int(rank)] = int(name)
        return found

    def check_goes_on(self, run, ranks, *flags):
        reached = len(metrics(self.path(run))[0])
        self.assertLess(reached, 400)
        _, errors = self.run_ranks(ranks, run, *self.flags_of_run, *flags)
        self.assertIn("going on at step", errors)
        whole, _ = self.run_ranks(1, "whole", *self.flags_of_run)
        steps, _ = metrics(self.path(run))
        self.assertEqual([step["step"] for step in steps], list(range(400)))
        # Rounding grows over hundreds of steps; what a wrong resumption changes is of another size.
        for step, at in zip(steps, metrics(whole)[0]):
            self.assertAlmostEqual(step["loss"], at["loss"], delta=1e-5 if step["step"] < STEPS else 2e-2)

    def test_dead_rank(self):
        process = self.start_run("run")
        os.kill(self.ranks_of(process)[1], signal.SIGKILL)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 30)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"process rank 1 .*\n?.*(signal 9|Killed)")
        self.assertEqual(self.ranks_of(process), {})
        self.check_goes_on("run", 2)

    def test_silent_rank(self):
        """A rank that neither works nor ends, like one on a machine that is cut off."""
        process = self.start_run("run", "--max_steps", "100000")
        os.kill(self.ranks_of(process)[2], signal.SIGSTOP)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 60)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"pals: rank 2 on \S+ has not been heard of for 40 s")

    def check_stopped(self, process, code):
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(process.returncode, code, errors)
        self.assertEqual(len(re.findall(r"pals: .*stopped at step \d+; the same command", errors)), 1, errors)

    def test_nproc_stops_and_goes_on(self):
        """mpirun gives its ranks a second when it is told to end, and the program is to give them more."""
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(number):
                run = "run%d" % number
                process = self.start_local(run)
                process.send_signal(number)
                self.check_stopped(process, 128 + number)
        self.check_goes_on(run, 1)

    def test_nproc_stops_in_a_terminal(self):
        """Ctrl-C reaches mpirun too."""
        process = subprocess.Popen([PALS, *self.flags("run", *self.flags_of_run, "--nproc", "2")], env=environment(),
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.past_a_checkpoint("run", process)
        os.killpg(process.pid, signal.SIGINT)
        self.check_stopped(process, 128 + signal.SIGINT)

    def test_mpirun_passes_a_signal_on(self):
        process = self.start_run("run", ranks=2)
        process.send_signal(signal.SIGUSR1)
        self.check_stopped(process, 128 + signal.SIGUSR1)

    def test_dead_rank_of_nproc(self):
        process = self.start_local("run")
        mpi = self.children_of(process.pid)[None]
        os.kill(self.children_of(mpi)[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"process rank 1 .*\n?.*(signal 9|Killed)")
        self.assertEqual(self.children_of(mpi), {})

    def test_nproc_killed_leaves_nobody(self):
        process = self.start_local("run")
        mpi = self.children_of(process.pid)[None]
        ranks = self.children_of(mpi).values()
        self.assertEqual(len(ranks), 2)
        process.kill()
        process.communicate(timeout=30)
        deadline = time.monotonic() + 30
        while any(self.lives(pid) for pid in [mpi, *ranks]):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_stopped_run_goes_on_with_another_number_of_ranks(self):
        for number, (before, after) in enumerate([([], ["--shard_optimizer"]), (["--shard_optimizer"], [])]):
            run = "run%d" % number
            process = self.start_run(run, *before)
            os.kill(self.ranks_of(process)[number], signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(len(re.findall(r"pals: .*stopped at step \d+; the same command", errors)), 1, errors)
            self.assertNotEqual(process.returncode, 0)
            self.check_goes_on(run, 1 if number else 4, *after)


if __name__ == "__main__":
    unittest.main()
