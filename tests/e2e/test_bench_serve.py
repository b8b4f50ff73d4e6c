"""`bench/serve.py` on small models: every part but the peers runs and says what it found."""

import json
import os
import subprocess
import sys
import unittest

import support
from support import PalsTest

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GENERATOR = os.path.join(os.path.dirname(support.PALS), "bench", "http_load")


@unittest.skipUnless(os.path.exists(GENERATOR), "needs build/bench/http_load")
class BenchServe(PalsTest):
    def run_parts(self, *parts, code=0):
        config = support.write_json(self.path("config.json"), support.bert_config())
        command = [sys.executable, "-B", os.path.join(REPOSITORY, "bench", "serve.py"), *parts, "--pals", support.PALS,
                   "--generator", GENERATOR, "--minilm", self.model, "--data_dir", self.glue, "--work", self.path("work"),
                   "--base_config", config, "--threads", "1", "--rows", "40", "--rounds", "1", "--seconds", "1",
                   "--minutes", "0.1", "--lora_tasks", "5"]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                                env=support.environment(), check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_every_part(self):
        parts = ["basics", "overload", "tasks", "ready"]
        lines = self.run_parts(*parts).stdout.splitlines()
        facts = json.loads(lines[-1])
        self.assertEqual(list(facts), parts)
        self.assertEqual(facts["overload"]["rest"]["unanswered"], 0)
        self.assertEqual(facts["overload"]["rest"]["with_retry_after"], facts["overload"]["rest"]["refused"])
        self.assertGreater(facts["basics"]["MiniLM"]["requests_per_second"][0], 0)
        self.assertTrue(any("8 tasks mixed" in line for line in lines))

    def test_unknown_part(self):
        self.assertIn("unknown part", self.run_parts("speed", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
