"""What the end-to-end tests of many ranks share: ways to start them, and comparisons of their runs."""

import json
import os
import shutil
import subprocess
import unittest

import support
from support import PALS, PalsTest, metrics

MPI = json.loads(subprocess.run([PALS, "info", "--json"], stdout=subprocess.PIPE, check=True).stdout)["mpi"]
STEPS = 50


def environment(**changes):
    # Ranks of tests share few cores, and what this test was started by is none of their business.
    env = {name: value for name, value in support.environment().items()
           if not name.startswith(("OMPI_", "PMI", "SLURM_")) and name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**env, **changes}


def copy_program(folder):
    """The program and what it loads for MPI, copied into a folder: the copied program."""
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(os.path.dirname(PALS), "libpals_mpi.so"), folder)
    return shutil.copy(PALS, folder)


def mpirun(*parts):
    """Each part is (ranks, program, arguments...)."""
    command = ["mpirun", "--oversubscribe"] + (["--allow-run-as-root"] if os.geteuid() == 0 else [])
    for number, (ranks, *arguments) in enumerate(parts):
        command += ([":"] if number else []) + ["-np", ranks, *arguments]
    return [str(word) for word in command]


@unittest.skipIf(MPI == "none", "this pals finds no MPI (openmpi-bin, libopenmpi-dev when it is built)")
class ManyRanks(PalsTest):
    def flags(self, run, *flags, **options):
        return self.train_arguments(run, "--dropout", "0", "--learning_rate", "1e-3", "--max_steps", str(STEPS), *flags,
                                    **options)

    def finish(self, process, code=0, timeout=120):
        output, errors = process.communicate(timeout=timeout)
        self.assertEqual(process.returncode, code, errors + output)
        return output, errors

    def start(self, command, **changes):
        return subprocess.Popen([str(word) for word in command], env=environment(**changes), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_ranks(self, ranks, run, *flags, code=0, **options):
        """Trains in the folder `run`; returns it and what came on stderr."""
        arguments = self.flags(run, *flags, **options)
        command = [PALS, *arguments] if ranks == 1 else mpirun((ranks, PALS, *arguments))
        _, errors = self.finish(self.start(command), code)
        return self.path(run), errors

    @staticmethod
    def speed(run):
        """The last line of metrics.jsonl."""
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as stream:
            return json.loads(stream.readlines()[-1])

    def check_close(self, run, other, tolerance=1e-5):
        (steps, evaluations), (others, other_evaluations) = metrics(run), metrics(other)
        self.assertEqual(len(steps), len(others))
        for step, at in zip(steps, others):
            self.assertEqual({**step, "loss": 0}, {**at, "loss": 0})
            self.assertAlmostEqual(step["loss"], at["loss"], delta=tolerance, msg=str(step))
        self.assertEqual(len(evaluations), len(other_evaluations))
        self.assertEqual(sorted(os.listdir(run)), sorted(os.listdir(other)))

    def write_mixed_tasks(self):
        """Questions of two or three choices, and spans."""
        lines = "".join(json.dumps({"context": "word1 word%d" % (number * 7 % 90), "label": number % 2,
                                    "choices": ["splendid word2", "dreadful word3", "word4"][:2 + number % 2]}) + "\n"
                        for number in range(30))
        choices = support.write_text(self.path("choices.jsonl"), lines)
        return support.write_json(self.path("mixed.json"), {"tasks": [
            {"name": "which", "kind": "multiple_choice", "context": "context", "choices": "choices", "label": "label",
             "train": choices},
            {"name": "where", "kind": "span", "doc_stride": 8,
             "train": support.make_squad(self.path("squad", "train.json"), 30)}]})
