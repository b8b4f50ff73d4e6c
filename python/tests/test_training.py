"""Training and evaluation from Python: the program's results, callbacks, stops, messages."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import unittest

import pals
import ranks
from common import PythonTest, environment, support

CTRL_C = """
    import sys, pals
    def step(progress):
        print(progress.step, flush=True)
    try:
        pals.train(step=step, data_dir=sys.argv[1], init_checkpoint=sys.argv[2], output_dir=sys.argv[3], tasks="sst",
                   max_steps=100000, steps_per_epoch=100000, train_batch_size=8, max_seq_length=32, threads=1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""

RANK = """
    import json, sys, pals
    scores = pals.train(**json.loads(sys.argv[1]))
    print("nothing" if scores is None else scores.average, flush=True)
"""


class Training(PythonTest):
    def options(self, folder, **changes):
        return {"tasks": ["sst", "rte"], "data_dir": self.glue, "init_checkpoint": self.model, "adapter": "pals",
                "max_seq_length": 32, "max_steps": 40, "steps_per_epoch": 20, "train_batch_size": 8, "precision": "fp32",
                "threads": 1, "learning_rate": 1e-3, "output_dir": self.path(folder), **changes}

    def by_program(self, folder):
        options = self.options(folder, tasks="sst,rte")
        self.pals("train", *(f"--{name}={value}" for name, value in options.items()))
        return self.path(folder)

    def test_results_are_the_programs(self):
        wanted = support.read_json(self.by_program("program"), "eval_results.json")
        steps, evaluations = [], []
        scores = pals.train(step=steps.append, evaluated=evaluations.append, **self.options("python"))
        self.assertEqual(support.read_json(self.path("python"), "eval_results.json"), wanted)
        self.assertEqual(scores.average, wanted["average"])
        self.assertEqual(scores.tasks, wanted["tasks"])
        self.assertEqual([progress.step for progress in steps], list(range(1, 41)))
        self.assertEqual({progress.total_steps for progress in steps}, {40})
        self.assertEqual([one.step for one in evaluations], [20, 40])
        self.assertIn(scores.step, (20, 40))
        for name in "metrics.jsonl", "best/model.safetensors":
            self.assertTrue(os.path.exists(self.path("python", name)), name)

    def test_evaluation_is_the_programs(self):
        model = os.path.join(self.by_program("program"), "best")
        wanted = self.pals("eval", "--model", model, "--data_dir", self.glue, "--json", "--precision", "fp32", "--threads", 1)
        scores = pals.evaluate(model, data_dir=self.glue, precision="fp32", threads=1)
        self.assertEqual({"average": scores.average, "tasks": scores.tasks}, json.loads(wanted.stdout))
        one = pals.evaluate(model, data_dir=self.glue, tasks=["rte"], precision="fp32", threads=1)
        self.assertEqual(one.tasks, {"rte": scores.tasks["rte"]})
        with self.assertRaisesRegex(pals.UsageError, 'unknown option "per_class"'):
            pals.evaluate(model, per_class=True)

    def test_a_stopped_run_goes_on(self):
        wanted = support.read_json(self.by_program("program"), "eval_results.json")
        event = threading.Event()

        def step(progress):
            if progress.step == 7:
                event.set()

        with self.assertRaisesRegex(pals.Stopped, "stopped at step"):
            pals.train(step=step, stop=event, **self.options("python"))
        steps = []
        pals.train(step=steps.append, stop=lambda: False, **self.options("python"))
        self.assertGreaterEqual(steps[0].step, 8)
        self.assertEqual(support.read_json(self.path("python"), "eval_results.json"), wanted)

    def test_what_a_callback_raises_ends_the_run(self):
        class Mine(Exception):
            pass

        def step(progress):
            if progress.step == 5:
                raise Mine("five")

        with self.assertRaisesRegex(Mine, "five"):
            pals.train(step=step, **self.options("python"))

        def log(line):
            raise Mine("log")

        with self.assertRaisesRegex(Mine, "log"):
            pals.train(log=log, **self.options("other"))
        self.assertIsNotNone(pals.train(**self.options("other")))  # the next one is not disturbed

    def test_a_bad_stop(self):
        with self.assertRaises(ZeroDivisionError):
            pals.train(stop=lambda: 1 // 0, **self.options("python"))
        with self.assertRaisesRegex(pals.UsageError, "stop is int"):
            pals.train(stop=5, **self.options("python"))

    def test_ctrl_c_writes_a_checkpoint(self):
        command = [sys.executable, "-c", textwrap.dedent(CTRL_C), self.glue, self.model, self.path("run")]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
            for line in process.stdout:
                if line == "10\n":
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.stdout.read().splitlines()
            errors = process.stderr.read()
        self.assertEqual((process.returncode, rest[-1]), (0, "interrupted"), errors)
        self.assertTrue(os.listdir(self.path("run", "checkpoints")))

    @unittest.skipIf(ranks.MPI == "none", "this pals finds no MPI")
    def test_ranks_of_mpirun(self):
        options = self.options("python", dropout=0)
        command = ranks.mpirun((2, sys.executable, "-c", textwrap.dedent(RANK), json.dumps(options)))
        result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False,
                                env=dict(ranks.environment(), HOME=os.environ.get("HOME", "/")))
        self.assertEqual(result.returncode, 0, result.stderr)
        alone = pals.train(**self.options("alone", dropout=0))
        given = sorted(result.stdout.split())
        self.assertEqual(given[1], "nothing")
        self.assertAlmostEqual(float(given[0]), alone.average, delta=1e-6)

    def test_messages_go_to_logging(self):
        with self.assertLogs("pals", logging.INFO) as caught:
            pals.train(**self.options("python"))
        self.assertTrue(any("parameters" in line for line in caught.output), caught.output)
        lines = []
        with self.assertNoLogs("pals", logging.INFO):
            pals.train(log=lines.append, **self.options("other"))
        self.assertGreater(len(lines), 2)

    def test_nothing_on_the_terminal(self):
        code = textwrap.dedent("""
            import sys, pals
            pals.train(data_dir=sys.argv[1], init_checkpoint=sys.argv[2], output_dir=sys.argv[3], tasks="sst", max_steps=4,
                       train_batch_size=8, max_seq_length=32, threads=1)
        """)
        result = subprocess.run([sys.executable, "-c", code, self.glue, self.model, self.path("run")], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), check=True)
        self.assertEqual((result.stdout, result.stderr), ("", ""))

    def test_wrong_options(self):
        for text, changes in (('unknown option "max_step"; did you mean "max_steps"?', {"max_step": 1}),
                              ("max_steps", {"max_steps": -1}),
                              ("expected text, a number", {"tasks": {"sst": 1}}),
                              ("nproc", {"nproc": 2})):
            with self.assertRaises(pals.UsageError) as caught:
                pals.train(**self.options("python", **changes))
            self.assertIn(text, str(caught.exception))
        self.assertFalse(os.path.exists(self.path("python")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
