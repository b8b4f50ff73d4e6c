"""Predictions, vectors and tokens beside those of the program."""

import copy
import json
import pickle
import unittest

import numpy as np
import pals
from common import PAIRS, SINGLE, TASKS, PythonTest, lines_of, support

try:
    import pandas
except ImportError:
    pandas = None


class Predict(PythonTest):
    def load(self, folder=None):
        return pals.load(folder or self.run_folder(), precision="fp32", threads=1, device="cpu")

    def check_same(self, predictions, lines):
        """The program prints four digits of a probability and more of a value."""
        self.assertEqual(len(predictions), len(lines))
        for prediction, line in zip(predictions, lines):
            if "label" in line:
                self.assertEqual(prediction.label, line["label"])
                self.assertEqual(list(prediction.probabilities), list(line["probabilities"]))
                for label, probability in line["probabilities"].items():
                    self.assertAlmostEqual(prediction.probabilities[label], probability, delta=1e-6)
            else:
                self.assertAlmostEqual(prediction.value, line["value"], delta=1e-5)

    def test_tasks(self):
        model = self.load()
        self.assertEqual([task.name for task in model.tasks], TASKS.split(","))
        self.assertEqual([task.kind for task in model.tasks],
                         ["classification", "classification", "regression", "classification"])
        self.assertEqual(model.tasks[1].labels, ["not_entailment", "entailment"])
        self.assertEqual(model.max_seq_length, 32)

    def test_numbers_are_the_programs(self):
        model = self.load()
        self.check_same(model.predict(SINGLE, task="sst"), self.program(self.run_folder(), lines_of(SINGLE), "--task", "sst"))
        for task in "rte", "sts", "mnli":
            self.check_same(model.predict(PAIRS, task=task),
                            self.program(self.run_folder(), lines_of(PAIRS), "--task", task))

    def test_several_tasks(self):
        model = self.load()
        both = model.predict(PAIRS, task=["rte", "sts"])
        self.assertEqual([list(row) for row in both], [["rte", "sts"]] * len(PAIRS))
        for task in "rte", "sts":
            self.check_same([row[task] for row in both],
                            self.program(self.run_folder(), lines_of(PAIRS), "--task", task))
        pairs = list(model.predict(PAIRS, task="all")[0])
        self.assertEqual(pairs, [name for name in TASKS.split(",") if name != "sst"])
        self.assertEqual(list(model.predict(SINGLE, task="all")[0]), ["sst"])

    def test_a_task_of_one_text_refuses_pairs(self):
        model = self.load()
        for task in "sst", ["rte", "sst"]:
            with self.assertRaisesRegex(pals.UsageError, 'row 1 is a pair, but task "sst" takes one text'):
                model.predict(["word1", ("word1", "word2")], task=task)
        for task in 3, ["sst", 3], b"sst":
            with self.assertRaisesRegex(pals.UsageError, "task is .*, expected a name"):
                model.predict(SINGLE, task=task)
        with self.assertRaisesRegex(pals.UsageError, "expected one name"):
            model.predict_proba(SINGLE, ["sst"])

    def test_texts_and_pairs_mixed(self):
        model = self.load()
        given = model.predict(["word1", ("word1", "word2"), ["word3", "word4"]], task="rte")
        alone = model.predict([("word1", "word2")], task="rte")[0]
        self.assertAlmostEqual(given[1].probabilities["entailment"], alone.probabilities["entailment"], places=5)

    def test_arrays(self):
        model = self.load()
        wanted = model.predict_proba(SINGLE, "sst")
        for texts in np.array(SINGLE), np.array(SINGLE, dtype=object), np.array(SINGLE)[:, None], tuple(SINGLE), iter(SINGLE):
            np.testing.assert_allclose(model.predict_proba(texts, "sst"), wanted, atol=1e-6)
        np.testing.assert_allclose(model.predict_values(np.array(PAIRS), "sts"), model.predict_values(PAIRS, "sts"), atol=1e-5)

    @unittest.skipUnless(pandas, "pandas is not installed")
    def test_tables(self):
        model = self.load()
        table = pandas.DataFrame({"a": [a for a, _ in PAIRS], "b": [b for _, b in PAIRS], "c": 1})
        wanted = model.predict_values(PAIRS, "sts")
        np.testing.assert_allclose(model.predict_values(table[["a", "b"]], "sts"), wanted, atol=1e-5)
        first = model.predict_proba(table["a"], "sst")
        np.testing.assert_allclose(first, model.predict_proba([a for a, _ in PAIRS], "sst"), atol=1e-6)
        np.testing.assert_allclose(model.predict_proba(table[["a"]], "sst"), first, atol=1e-6)
        self.refused("3 columns (a, b, c)", table)
        self.refused("row 1 is float (nan)", pandas.Series(["word1", float("nan")], dtype=object))

    def refused(self, text, texts, **options):
        with self.assertRaises(pals.UsageError) as caught:
            self.load().predict(texts, **{"task": "sst", **options})
        self.assertIn(text, str(caught.exception))
        self.assertIsInstance(caught.exception, ValueError)
        self.assertLessEqual(len(str(caught.exception)), 300)

    def test_what_is_no_text_is_refused(self):
        self.refused("texts is one text", "word1")
        for texts in b"word1", {"word1"}, {"word1": "word2"}:
            self.refused(f"texts is {type(texts).__name__}, expected a list", texts)
        self.refused("row 1 is None", ["word1", None])
        self.refused("row 0 is int (3)", [3])
        self.refused("row 0 is tuple", [("a", "b", "c")])
        self.refused("texts is int", 5)
        self.refused("shape (1, 3)", np.array([["a", "b", "c"]]))
        self.refused("lone surrogate", ["\ud800"])

    def test_wrong_tasks_are_refused(self):
        self.refused('the model has no task "cola"; its tasks: sst, rte, sts, mnli', ["a"], task="cola")
        self.refused("task: missing", ["a"], task=None)
        with self.assertRaisesRegex(pals.UsageError, "of the kind classification, expected span"):
            self.load().answer("a", "b", task="sst")

    def test_faults_are_the_programs(self):
        with self.assertRaises(pals.PalsError) as caught:
            pals.load("nowhere")
        message = self.error("predict", "--model", "nowhere", code=1)
        self.assertEqual("pals: " + str(caught.exception), message)
        with self.assertRaisesRegex(pals.UsageError, "precision"):
            pals.load(self.run_folder(), precision="fp8")
        with self.assertRaisesRegex(pals.UsageError, "device"):
            pals.load(self.run_folder(), device="gpu")

    def test_nothing_gives_nothing(self):
        model = self.load()
        self.assertEqual(model.predict([], task="sst"), [])
        self.assertEqual(model.predict_proba([], "sst").shape, (0, 2))
        self.assertEqual(model.embed([]).shape, (0, support.HIDDEN))

    def test_text_is_text(self):
        model = self.load()
        texts = ["word1 \U0001f600 \u0000 word2", "\u00e9\u00e8", "\n\t"]
        self.assertEqual(len(model.predict(texts, task="sst")), 3)

    def test_more_than_a_window(self):
        model = pals.load(self.run_folder(), precision="fp32", threads=1, batch_size=2)
        texts = [f"word{number % 240}" for number in range(300)]
        np.testing.assert_allclose(model.predict_proba(texts, "sst"), self.load().predict_proba(texts, "sst"), atol=1e-5)
        np.testing.assert_allclose(model.embed(texts), self.load().embed(texts), atol=1e-5)

    def test_copies(self):
        model = self.load()
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict_proba(SINGLE, "sst"), model.predict_proba(SINGLE, "sst"))
        prediction = model.predict(["word1"], task="sst")[0]
        self.assertEqual(pickle.loads(pickle.dumps(prediction)), prediction)
        self.assertEqual(copy.deepcopy(prediction), prediction)
        self.assertRegex(repr(prediction), r"^Prediction\(label='[01]', probabilities=\{'0': [\d.e-]+, '1': [\d.e-]+\}\)$")


class Embed(PythonTest):
    def features(self, *flags):
        lines = self.pals("features", *flags, "--threads", 1, stdin=lines_of(SINGLE)).stdout.splitlines()
        return np.array([json.loads(line)["vector"] for line in lines])

    def test_vectors_are_the_programs(self):
        model = pals.load(self.run_folder(), precision="fp32", threads=1)
        for pooling in "cls", "mean", "max", "pooled":
            given = model.embed(SINGLE, pooling=pooling, normalize=False)
            self.assertEqual((given.dtype, given.shape), (np.float32, (len(SINGLE), support.HIDDEN)))
            np.testing.assert_allclose(given, self.features("--model", self.run_folder(), "--pooling", pooling), atol=2e-6)
        adapted = model.embed(SINGLE, task="sst")
        np.testing.assert_allclose(
            adapted, self.features("--model", self.run_folder(), "--task", "sst", "--pooling", "mean", "--normalize"), atol=2e-6)
        np.testing.assert_allclose(np.linalg.norm(adapted, axis=1), 1.0, atol=1e-5)

    def test_an_encoder_alone(self):
        model = pals.load(self.model, precision="fp32", threads=1)
        self.assertEqual(model.tasks, [])
        np.testing.assert_allclose(model.embed(SINGLE),
                                   self.features("--model", self.model, "--pooling", "mean", "--normalize"), atol=2e-6)
        with self.assertRaisesRegex(pals.UsageError, "task: missing"):
            model.predict(["word1"])
        with self.assertRaisesRegex(pals.UsageError, "no task"):
            model.embed(["word1"], task="sst")

    def test_no_copy_is_made(self):
        given = pals.load(self.model, threads=1).embed(["word1"] * 8)
        self.assertTrue(given.flags.c_contiguous and given.flags.writeable)
        self.assertFalse(given.flags.owndata)
        self.assertEqual(type(given.base).__name__, "PyCapsule")

    def test_wrong_arguments(self):
        model = pals.load(self.model, threads=1)
        with self.assertRaisesRegex(pals.UsageError, "pooling is \"sum\", expected cls, mean, max or pooled"):
            model.embed(["word1"], pooling="sum")
        with self.assertRaisesRegex(pals.UsageError, "513 is more than the 512 positions"):
            model.embed(["word1"], max_seq_length=513)


class Tokenizers(PythonTest):
    def test_tokenizer(self):
        for tokenizer in pals.Tokenizer(self.model), pals.load(self.run_folder(), threads=1).tokenizer:
            self.assertEqual(tokenizer.tokenize("Splendid, word1!"), ["splendid", ",", "word1", "[UNK]"])
            self.assertEqual(tokenizer.encode("splendid word1"), [5, 11])
            ids, types = tokenizer.encode_pair("splendid word1", "word2")
            self.assertEqual([tokenizer.token(id) for id in ids], ["[CLS]", "splendid", "word1", "[SEP]", "word2", "[SEP]"])
            self.assertEqual(types, [0, 0, 0, 0, 1, 1])
            self.assertEqual((len(tokenizer), tokenizer.id("word1"), tokenizer.id("nothing")), (len(support.VOCABULARY), 11, None))
            self.assertTrue(tokenizer.do_lower_case)
            self.assertEqual(pickle.loads(pickle.dumps(tokenizer)).encode("word1"), [11])
        with self.assertRaisesRegex(pals.UsageError, "token 999"):
            tokenizer.token(999)
        with self.assertRaises(pals.PalsError):
            pals.Tokenizer("nowhere")


class OtherKinds(PythonTest):
    def test_answers(self):
        train, dev = (support.make_squad(self.path(name + ".json"), count) for name, count in (("train", 40), ("dev", 6)))
        # Rows so short that contexts need several.
        folder = self.single("span", train, dev, "--max_seq_length", "24", "--doc_stride", "8", "--num_train_epochs", "1")
        wanted = support.read_json(self.path("run", "nbest_predictions.json"))
        model = pals.load(folder, precision="fp32", threads=1)
        paragraphs = support.read_json(dev)["data"][0]["paragraphs"]
        questions = [paragraph["qas"][0]["question"] for paragraph in paragraphs]
        contexts = [paragraph["context"] for paragraph in paragraphs]
        answers = model.answer(questions, contexts)
        for paragraph, answer in zip(paragraphs, answers):
            best = wanted[paragraph["qas"][0]["id"]]
            self.assertEqual(answer.text, best[0]["text"])
            self.assertAlmostEqual(answer.probability, best[0]["probability"], delta=1e-5)
            self.assertEqual([one.text for one in answer.best], [one["text"] for one in best])
        self.assertEqual(model.answer(questions[0], contexts[0]).text, answers[0].text)
        self.assertEqual(model.predict(list(zip(questions, contexts)))[0].answer.text, answers[0].text)
        with self.assertRaisesRegex(pals.UsageError, "6 questions and 1 contexts"):
            model.answer(questions, contexts[:1])

    def test_choices(self):
        rows = [{"context": f"word{number} word9", "choices": [f"splendid word{number}", "dreadful word7"], "label": number % 2}
                for number in range(12)]
        data = support.write_text(self.path("rows.jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
        model = pals.load(self.single("multiple_choice", data, data, "--num_train_epochs", "1"), precision="fp32", threads=1)
        lines = self.program(self.path("run", "best"), "".join(json.dumps(row) + "\n" for row in rows))
        for row, line in zip(rows, lines):
            choice = model.choose(row["context"], row["choices"])
            self.assertEqual(choice.text, row["choices"][choice.index])
            self.assertEqual(choice.index, line["choice"])
            np.testing.assert_allclose(choice.probabilities, line["probabilities"], atol=1e-6)
        with self.assertRaisesRegex(pals.UsageError, "choose"):
            model.predict(["word1"])
        with self.assertRaisesRegex(pals.UsageError, "one text or more"):
            model.choose("word1", [])

    def own_task(self, task, rows):
        support.write_text(self.path("rows.jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
        tasks = support.write_json(self.path("tasks.json"),
                                   {"tasks": [{"name": "own", "train": "rows.jsonl", "dev": "rows.jsonl", **task}]})
        self.pals("train", "--task_file", tasks, "--init_checkpoint", self.model, "--output_dir", self.path("own"),
                  "--max_steps", "20", "--learning_rate", "1e-3", "--threads", "1", "--precision", "fp32")
        return self.path("own", "final")

    def test_several_labels(self):
        rows = [{"text": f"word{number} {'splendid' if number % 2 else 'word5'}",
                 "is": ["good"] * (number % 2) + ["any"]} for number in range(24)]
        folder = self.own_task({"kind": "multi_label", "labels": ["good", "any"], "text_a": "text", "label": "is"}, rows)
        model = pals.load(folder, precision="fp32", threads=1)
        texts = [row["text"] for row in rows]
        for prediction, line in zip(model.predict(texts), self.program(folder, lines_of(texts))):
            self.assertEqual(prediction.labels, line["labels"])
            for label, probability in line["probabilities"].items():
                self.assertAlmostEqual(prediction.probabilities[label], probability, delta=1e-6)
        self.assertEqual(model.predict_proba(texts).shape, (24, 2))

    def test_tags(self):
        rows = [{"tokens": ["word1", "splendid", f"word{number}"], "tags": ["O", "B-PER", "I-PER"]} for number in range(24)]
        folder = self.own_task({"kind": "tagging"}, rows)
        model = pals.load(folder, precision="fp32", threads=1)
        texts = ["word1 splendid word2", "\u00e9 splendid word3"]
        for tags, line in zip(model.tag(texts), self.program(folder, lines_of(texts))):
            self.assertEqual([(word.text, word.start, word.end, word.tag) for word in tags.words],
                             [(word["word"], word["start"], word["end"], word["tag"]) for word in line["words"]])
        self.assertEqual(model.predict(texts)[0].tags, model.tag(texts)[0])
        self.assertEqual(texts[1][tags.words[1].start:tags.words[1].end], "splendid")


if __name__ == "__main__":
    unittest.main(verbosity=2)
