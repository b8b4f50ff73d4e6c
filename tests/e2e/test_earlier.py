"""What an earlier version wrote still opens, and an interrupted run of its goes on (tests/data/012c666)."""

import json
import os
import shutil
import unittest

import support
from support import PalsTest, metrics, read_json

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "012c666")
# Sums run in another order on other processors, so numbers are the same up to rounding alone.
ANSWER_DELTA, LOSS_DELTA = 1e-4, 2e-3


class Earlier(PalsTest):
    def setUp(self):
        super().setUp()
        for name in "data", "model", "run":
            shutil.copytree(os.path.join(KEPT, name), self.path(name))

    def check_close(self, found, expected, delta):
        """Whatever was recorded is there again; later versions may say more."""
        if isinstance(expected, dict):
            for key, value in expected.items():
                self.check_close(found[key], value, delta)
        elif isinstance(expected, list):
            self.assertEqual(len(found), len(expected))
            for one, other in zip(found, expected):
                self.check_close(one, other, delta)
        elif isinstance(expected, float):
            self.assertAlmostEqual(found, expected, delta=delta * max(1.0, abs(expected)))
        else:
            self.assertEqual(found, expected)

    def test_a_model_gives_its_answers(self):
        for question in read_json(KEPT, "expected_answers.json"):
            result = self.pals(*question["arguments"], stdin=question["stdin"] or "", cwd=self.folder)
            answers = [json.loads(line) for line in result.stdout.splitlines()]
            self.check_close(answers, question["answers"], ANSWER_DELTA)

    def test_losses_that_would_not_train_anew_still_open(self):
        tasks = read_json(self.path("model"), "tasks.json")
        tasks["tasks"][0].update(loss_weight=0, class_weights=[1, 0])
        tasks["tasks"][1]["label_smoothing"] = 1
        support.write_json(self.path("model", "tasks.json"), tasks)
        self.test_a_model_gives_its_answers()
        self.test_a_model_is_evaluated_and_converted()
        self.pals("info", "out/folder", cwd=self.folder)
        support.write_json(self.path("mine.json"), {"tasks": tasks["tasks"][:1]})
        refused = self.pals("train", "--task_file", "mine.json", "--init_checkpoint", "model", "--output_dir", "new",
                            code=2, cwd=self.folder)
        self.assertIn("want a number above 0", refused.stderr)

    def test_a_model_is_evaluated_and_converted(self):
        self.pals("eval", "--model", "model", "--data_dir", ".", "--threads", 1, "--json", cwd=self.folder)
        self.pals("convert", "model", "out/model.safetensors", cwd=self.folder)
        self.pals("convert", "model", "out/folder", cwd=self.folder)

    def test_an_interrupted_run_goes_on(self):
        expected = read_json(KEPT, "expected_run.json")
        recorded = metrics(self.path("run"))[0][:16]
        result = self.pals(*expected["arguments"], cwd=self.folder)
        self.assertIn("going on at step 16 of 40", result.stderr)
        steps, _ = metrics(self.path("run"))
        self.assertEqual([line["loss"] for line in steps[:16]], [line["loss"] for line in recorded])
        self.check_close([line["loss"] for line in steps], expected["losses"], LOSS_DELTA)
        last = read_json(self.path("run"), "eval_results.json")["last"]
        for task, scores in expected["scores"]["tasks"].items():
            self.check_close(last["tasks"][task]["loss"], scores["loss"], LOSS_DELTA)


if __name__ == "__main__":
    unittest.main()
