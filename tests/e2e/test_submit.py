"""`pals submit`: GLUE's submission archive from small test sets of the real layout."""

import json
import os
import unittest
import zipfile

import support
from support import PalsTest

FILES = ["CoLA.tsv", "SST-2.tsv", "MRPC.tsv", "STS-B.tsv", "QQP.tsv", "MNLI-m.tsv", "MNLI-mm.tsv", "QNLI.tsv", "RTE.tsv",
         "WNLI.tsv", "AX.tsv"]
OFFICIAL_ROWS = {"CoLA.tsv": 1063, "QQP.tsv": 390965, "WNLI.tsv": 146, "AX.tsv": 1104, "MNLI-mm.tsv": 9847}
ROWS = support.TEST_ROWS


class Submit(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_folder = os.path.join(os.path.dirname(cls.model), "submit-run")
        cls.tests = os.path.join(os.path.dirname(cls.model), "glue-tests")
        if os.path.exists(cls.run_folder):
            return
        test = cls("setUp")
        test.folder = os.path.dirname(cls.model)
        test.train("submit-run", "--max_steps", "30", "--adapter", "pals", "--learning_rate", "1e-3",
                   tasks="cola,mrpc,mnli,rte,sts,sst")
        support.make_test_sets(cls.tests)

    def submit(self, *flags, code=0):
        return self.pals("submit", "--model", self.run_folder + "/best", "--data_dir", self.tests, "--output",
                         self.path("glue.zip"), "--precision", "fp32", "--threads", 1, *flags, code=code)

    def content(self):
        with zipfile.ZipFile(self.path("glue.zip")) as archive:
            self.assertIsNone(archive.testzip())
            return {name: archive.read(name).decode("ascii") for name in archive.namelist()}

    def rows(self, text):
        lines = text.split("\n")
        self.assertEqual(lines[0], "index\tprediction")
        self.assertEqual(lines[-1], "")
        rows = [line.split("\t") for line in lines[1:-1]]
        self.assertEqual([row[0] for row in rows], [str(number) for number in range(len(rows))])
        return [row[1] for row in rows]

    def test_what_the_model_and_the_data_have(self):
        result = self.submit()
        content = self.content()
        self.assertEqual(list(content), [name for name in FILES if name not in ("QQP.tsv", "QNLI.tsv", "WNLI.tsv")])
        for name, text in content.items():
            rows = self.rows(text)
            self.assertEqual(len(rows), ROWS, name)
            if name == "STS-B.tsv":
                self.assertTrue(all(0.0 <= float(value) <= 5.0 for value in rows))
            else:
                labels = {"RTE.tsv": {"entailment", "not_entailment"}}.get(name, {"0", "1"})
                if name in ("MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"):
                    labels = {"entailment", "neutral", "contradiction"}
                self.assertLessEqual(set(rows), labels, name)
        self.check_words(result.stdout, "MNLI-mm.tsv", "left out: the model has no task qnli", "predicted")
        self.check_words(result.stderr, "9 rows, but GLUE's test set has 1063", "--fill_missing")

    def test_predictions_are_those_of_predict(self):
        self.submit()
        content = self.content()
        for name, folder, file, task, columns in (("MNLI-m.tsv", "MNLI", "test_matched", "mnli", (8, 9)),
                                                  ("AX.tsv", "AX", "diagnostic", "mnli", (1, 2)),
                                                  ("SST-2.tsv", "SST-2", "test", "sst", (1,)),
                                                  ("STS-B.tsv", "STS-B", "test", "sts", (7, 8))):
            with open(os.path.join(self.tests, folder, file + ".tsv"), encoding="utf-8") as stream:
                rows = [line.rstrip("\n").split("\t") for line in stream][1:]
            lines = "".join("\t".join(row[column] for column in columns) + "\n" for row in rows)
            shown = self.pals("predict", "--model", self.run_folder + "/best", "--task", task, "--precision", "fp32",
                              "--threads", 1, stdin=lines).stdout.splitlines()
            expected = [line.split("\t")[0] for line in shown]
            if task == "sts":
                for one, two in zip(self.rows(content[name]), expected, strict=True):
                    self.assertAlmostEqual(float(one), min(5.0, max(0.0, float(two))), delta=0.001)
            else:
                self.assertEqual(self.rows(content[name]), expected, name)

    def test_fill_missing(self):
        shown = json.loads(self.submit("--fill_missing", "--json").stdout)["files"]
        self.assertEqual([(item["file"], item["predicted"]) for item in shown],
                         [(name, name not in ("QQP.tsv", "QNLI.tsv", "WNLI.tsv")) for name in FILES])
        result = self.submit("--fill_missing")
        content = self.content()
        self.assertEqual(list(content), FILES)
        self.assertEqual(len(self.rows(content["QQP.tsv"])), OFFICIAL_ROWS["QQP.tsv"])  # no test file, no task
        self.assertEqual(set(self.rows(content["QQP.tsv"])), {"0"})
        self.assertEqual(len(self.rows(content["WNLI.tsv"])), OFFICIAL_ROWS["WNLI.tsv"])
        self.assertEqual(self.rows(content["QNLI.tsv"]), ["entailment"] * ROWS)  # a test file, no task
        self.check_words(result.stdout, "filled: the model has no task qqp", "390,965")
        self.assertNotIn("--fill_missing", result.stderr)

    def test_errors(self):
        self.check_words(self.error("submit", code=2), "--model")
        self.check_words(self.error("submit", "--model", self.run_folder + "/best", code=2), "--data_dir")
        message = self.error("submit", "--model", self.run_folder + "/best", "--data_dir", self.path(), "--output",
                             self.path("glue.zip"), code=1)
        self.check_words(message, "nothing to submit", self.path())
        self.assertFalse(os.path.exists(self.path("glue.zip")))


if __name__ == "__main__":
    unittest.main()
