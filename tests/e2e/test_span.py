"""Question answering and multiple choice: alone, and as tasks of a multi-task run with adapters."""

import collections
import json
import os
import re
import string
import unittest

import support
from support import PalsTest, metrics, read_json, read_safetensors, write_json, write_text


def normalize(text):
    """As the official SQuAD scripts describe it."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def official_scores(path, predictions, version):
    exact, overlap, count = 0.0, 0.0, 0
    for article in read_json(path)["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answers = [answer["text"] for answer in question["answers"]]
                if version == 2:
                    answers = [text for text in answers if normalize(text)] or [""]
                given = normalize(predictions[question["id"]])
                count += 1
                exact += max(given == normalize(text) for text in answers)
                overlap += max(word_f1(given.split(), normalize(text).split(), version) for text in answers)
    return exact / count, overlap / count


def word_f1(given, right, version):
    if version == 2 and (not given or not right):
        return float(given == right)
    common = sum((collections.Counter(given) & collections.Counter(right)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(right)
    return 2 * precision * recall / (precision + recall)


class Span(PalsTest):
    def squad(self, version=1):
        return (support.make_squad(self.path("train-v%d.json" % version), 60, version),
                support.make_squad(self.path("dev-v%d.json" % version), 20, version))

    def single(self, kind, train, dev, *flags, run="run", code=0):
        return self.pals("train", "--kind", kind, "--train_file", train, "--dev_file", dev, "--init_checkpoint",
                         self.model, "--output_dir", self.path(run), "--train_batch_size", "8", "--precision",
                         "fp32", "--threads", "1", *flags, code=code)

    def eval(self, folder, *flags):
        return json.loads(self.pals("eval", "--model", folder, "--precision", "fp32", "--threads", 1, "--json",
                                    *flags).stdout)

    def check_files(self, version):
        train, dev = self.squad(version)
        flags = ["--version_2_with_negative"] if version == 2 else []
        self.single("span", train, dev, "--max_seq_length", "24", "--doc_stride", "8", "--num_train_epochs", "2",
                    "--learning_rate", "1e-3", *flags)
        run = self.path("run")
        scores = read_json(run, "eval_results.json")["tasks"]["squad"]
        predictions = read_json(run, "predictions.json")
        exact, f1 = official_scores(dev, predictions, version)
        self.assertAlmostEqual(scores["exact_match"], exact, places=12)
        self.assertAlmostEqual(scores["f1"], f1, places=12)
        best = read_json(run, "nbest_predictions.json")
        self.assertEqual(list(best), list(predictions))
        for key, answers in best.items():
            self.assertAlmostEqual(sum(answer["probability"] for answer in answers), 1.0, places=6)
            self.assertLessEqual(len(answers), 20 + (version == 2))
            self.assertIn(predictions[key], [answer["text"] for answer in answers] + [""])
        self.assertEqual(os.path.exists(run + "/null_odds.json"), version == 2)
        shown = self.eval(run + "/best", "--output_dir", self.path("again"))
        self.assertEqual(shown["tasks"], read_json(run, "eval_results.json")["tasks"])
        for name in "predictions.json", "nbest_predictions.json":
            self.assertEqual(read_json(self.path("again"), name), read_json(run, name))
        task = read_json(run, "best", "tasks.json")["tasks"][0]
        self.assertEqual((task["kind"], task["doc_stride"], task["unanswerable"]), ("span", 8, version == 2))
        return run

    def test_version_1(self):
        run = self.check_files(1)
        steps, _ = metrics(run)
        # Windows are what is drawn: more of them than the 60 questions.
        self.assertGreater(sum(line["rows"] for line in steps), 2 * 60)

    def test_version_2(self):
        run = self.check_files(2)
        self.assertTrue(all(isinstance(odds, float) for odds in read_json(run, "null_odds.json").values()))

    def test_it_learns(self):
        train, dev = (support.make_squad(self.path(name + ".json"), count)
                      for name, count in (("train", 300), ("dev", 20)))
        self.single("span", train, dev, "--max_seq_length", "64", "--num_train_epochs", "12", "--learning_rate",
                    "2e-3", "--dropout", "0")
        self.assertGreater(read_json(self.path("run"), "eval_results.json")["tasks"]["squad"]["f1"], 0.5)

    def test_multiple_choice(self):
        train, dev = (support.make_swag(self.path(name + ".csv"), count)
                      for name, count in (("train", 120), ("dev", 30)))
        self.single("multiple_choice", train, dev, "--max_seq_length", "48", "--num_train_epochs", "4",
                    "--learning_rate", "1e-3")
        run = self.path("run")
        scores = read_json(run, "eval_results.json")["tasks"]["swag"]
        self.assertGreater(scores["accuracy"], 0.5)
        self.assertEqual(self.eval(run + "/best")["tasks"]["swag"], scores)
        # Questions are what is drawn: 15 steps of 8 in an epoch.
        self.assertEqual([line["rows"] for line in metrics(run)[0]], [8] * 60)

    def mixed_tasks(self):
        train, dev = self.squad(2)
        lines = "".join(json.dumps({"context": "word1", "choices": ["splendid word2", "dreadful word3", "dreadful"]
                                    [:2 + number % 2], "label": 0}) + "\n" for number in range(24))
        choices = write_text(self.path("choices.jsonl"), lines)
        return write_json(self.path("tasks.json"), {"tasks": [
            {"name": "where", "kind": "span", "unanswerable": True, "doc_stride": 8, "train": train, "dev": dev},
            {"name": "which", "kind": "multiple_choice", "context": "context", "choices": "choices",
             "label": "label", "train": choices, "dev": choices}]})

    def mixed(self, run, *flags):
        return ["train", "--data_dir", self.glue, "--task_file", self.mixed_tasks(), "--tasks", "sst,where,sts,which",
                "--init_checkpoint", self.model, "--output_dir", self.path(run), "--max_seq_length", "32",
                "--train_batch_size", "8", "--precision", "fp32", "--threads", "1", "--adapter", "pals",
                "--max_steps", "24", "--num_train_epochs", "2", "--learning_rate", "1e-3", "--sample", "rr", *flags]

    def test_all_kinds_in_one_run(self):
        self.pals(*self.mixed("run"))
        run = self.path("run")
        results = read_json(run, "eval_results.json")
        self.assertEqual({name: sorted(scores) for name, scores in results["tasks"].items()},
                         {"sst": ["accuracy", "loss"], "where": ["exact_match", "f1", "loss"],
                          "sts": ["loss", "pearson", "spearman"], "which": ["accuracy", "loss"]})
        self.assertEqual(self.eval(run + "/best", "--data_dir", self.glue)["tasks"], results["tasks"])
        self.assertIn("qa_outputs.weight", read_safetensors(run + "/best/adapters/where/pals_adapter.safetensors"))
        # Accumulation splits questions, never the choices of one.
        self.pals(*self.mixed("parts", "--gradient_accumulation_steps", "4", "--dropout", "0"))
        self.pals(*self.mixed("whole", "--dropout", "0"))
        for a, b in zip(metrics(self.path("parts"))[0], metrics(self.path("whole"))[0]):
            self.assertEqual((a["task"], a["rows"], a["tokens"]), (b["task"], b["rows"], b["tokens"]))
            self.assertAlmostEqual(a["loss"], b["loss"], delta=2e-6 * (1 + abs(a["loss"])))

    def test_resuming_is_bit_identical(self):
        self.pals(*self.mixed("whole", "--save_checkpoints_steps", "5"))
        process = support.start(self.mixed("run", "--save_checkpoints_steps", "5"))
        while process.poll() is None:
            if os.path.exists(self.path("run", "checkpoints", "step-0000000010.safetensors")):
                process.kill()
        process.communicate()
        self.pals(*self.mixed("run", "--save_checkpoints_steps", "5"))
        self.assertEqual(metrics(self.path("run")), metrics(self.path("whole")))
        for name in "predictions.json", "null_odds.json":
            self.assertEqual(read_json(self.path("run"), name), read_json(self.path("whole"), name))
        for task in "where", "which":
            file = "final/adapters/%s/pals_adapter.safetensors" % task
            self.assertEqual(read_safetensors(self.path("run", file)), read_safetensors(self.path("whole", file)))

    def test_errors(self):
        train, dev = self.squad()
        message = self.error("train", "--kind", "spam", "--train_file", train, "--output_dir", self.path("run"),
                             "--init_checkpoint", self.model, code=2)
        self.check_words(message, "--kind", "did you mean", "span")
        message = self.error("train", "--train_file", train, "--output_dir", self.path("run"),
                             "--init_checkpoint", self.model, code=2)
        self.check_words(message, "--train_file needs --kind")
        bad = read_json(train)
        bad["data"][0]["paragraphs"][3]["qas"][0]["answers"][0]["answer_start"] = 99999
        write_json(train, bad)
        message = self.single("span", train, dev, code=1).stderr
        self.check_words(message, 'question "q3"', "answer_start", "99999")
        without = support.make_squad(self.path("none.json"), 6, 2)
        message = self.single("span", without, dev, run="other", code=1).stderr
        self.check_words(message, 'question "q2"', "--version_2_with_negative")

    def test_answers_that_are_not_there_are_skipped_and_counted(self):
        train, dev = self.squad()
        bad = read_json(train)
        bad["data"][0]["paragraphs"][3]["qas"][0]["answers"][0]["text"] = "somewhere else"
        write_json(train, bad)
        message = self.single("span", train, dev, "--max_steps", "2").stderr
        self.check_words(message, "squad train: 1 question of", "skipped for answers that do not stand")


if __name__ == "__main__":
    unittest.main()
