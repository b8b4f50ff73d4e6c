"""A run goes on only with what it began with, from sound files; what is damaged or gone is said."""

import json
import os
import random
import shutil
import unittest

import support
from support import PalsTest, metrics, read_json, read_safetensors

ROWS = 48


def reviews(path, labels=("bad", "good"), seed=0):
    """Rows in which a word tells the label."""
    generator = random.Random(seed)
    lines = []
    for number in range(ROWS):
        yes = number % 2
        lines.append("%s\t%s\t%.1f" % (support.sentence(generator, support.GOOD if yes else support.BAD), labels[yes],
                                       5.0 * yes))
    return support.write_text(path, "text\tlabel\tvalue\n" + "\n".join(lines) + "\n")


class Identity(PalsTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(self.model, self.path("model"))
        for split in "train", "dev":
            reviews(self.path(split + ".tsv"), seed=split)
        self.write_tasks()

    def write_tasks(self, reviews=None, values=None):
        """Two tasks over the same files: a classification of pairs and a regression."""
        files = {"train": "train.tsv", "dev": "dev.tsv", "format": "tsv", "header": True}
        classes = dict(files, name="reviews", kind="classification", labels=["bad", "good"], text_a="text",
                       text_b="value", label="label")
        scores = dict(files, name="stars", kind="regression", label_scale=5, text_a="text", label="value")
        classes.update(reviews or {})
        scores.update(values or {})
        support.write_json(self.path("tasks.json"), {"tasks": [classes, scores]})

    def arguments(self, *flags):
        return ["train", "--task_file", self.path("tasks.json"), "--init_checkpoint", self.path("model"),
                "--output_dir", self.path("run"), "--max_seq_length", 32, "--train_batch_size", 8,
                "--precision", "fp32", "--threads", 1, "--max_steps", 12, "--num_train_epochs", 3, "--adapter", "pals",
                "--adapter_size", 12, "--save_checkpoints_steps", 2, *flags]

    def refused(self, *words, flags=(), code=1):
        """The same command is refused in a line of these words, and leaves the run alone."""
        before = self.content()
        message = self.error(*self.arguments(*flags), code=code)
        self.check_words(message, *words)
        self.assertLessEqual(len(message), 300, message)
        self.assertEqual(self.content(), before)

    def content(self):
        found = {}
        for at, _, names in os.walk(self.path("run")):
            for name in names:
                with open(os.path.join(at, name), "rb") as stream:
                    found[os.path.join(at, name)] = stream.read()
        return found

    def edit_json(self, path, **changes):
        support.write_json(path, dict(read_json(path), **changes))

    def checkpoint(self, step):
        return self.path("run", "checkpoints", "step-%010d.safetensors" % step)

    def state_of(self, path):
        with open(path, "rb") as stream:
            data = stream.read()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + size])
        return header, json.loads(header["__metadata__"]["state"]), data[8 + size:]

    def write_state(self, path, state, changes=None):
        """A checkpoint as the first version wrote it, without a checksum."""
        header, old, body = self.state_of(path)
        header["__metadata__"] = {"layout": header["__metadata__"]["layout"],
                                  "state": json.dumps(dict(old, **state, **(changes or {})))}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text + body)

    # What is other than it was

    def test_labels_in_another_order(self):
        self.pals(*self.arguments())
        self.write_tasks(reviews={"labels": ["good", "bad"]})
        self.refused("task reviews, labels", '"bad, good"', '"good, bad"', "--overwrite_output_dir")

    def test_another_scale(self):
        self.pals(*self.arguments())
        self.write_tasks(values={"label_scale": 100})
        self.refused("task stars, label_scale", "5", "100")

    def test_texts_exchanged(self):
        self.pals(*self.arguments())
        self.write_tasks(reviews={"text_a": "value", "text_b": "text"})
        self.refused("task reviews", "text_a", '"text"', '"value"')

    def test_other_metrics(self):
        self.pals(*self.arguments())
        self.write_tasks(reviews={"metrics": ["f1"]})
        self.refused("task reviews, metrics", '"accuracy', '"f1"')

    def test_training_labels_inverted(self):
        self.pals(*self.arguments())
        reviews(self.path("train.tsv"), labels=("good", "bad"), seed="train")
        self.refused("content of reviews's train file", "was", "now")

    def test_another_dev_file(self):
        self.pals(*self.arguments())
        reviews(self.path("dev.tsv"), seed="other")
        self.refused("content of reviews's dev file")

    def test_lines_of_the_vocabulary_exchanged(self):
        self.pals(*self.arguments())
        support.exchange_last_words(self.path("model", "vocab.txt"))
        self.refused("content of the vocabulary")

    def test_another_activation(self):
        self.pals(*self.arguments())
        self.edit_json(self.path("model", "config.json"), hidden_act="relu")
        self.refused("BERT configuration, hidden_act", '"gelu"', '"relu"')

    def test_other_heads(self):
        self.pals(*self.arguments("--adapter", "low_rank"))
        heads = read_json(self.path("model"), "config.json")["num_attention_heads"]
        self.edit_json(self.path("model", "config.json"), num_attention_heads=heads // 2)
        self.refused("BERT configuration, num_attention_heads", '"%d"' % heads, '"%d"' % (heads // 2),
                     flags=["--adapter", "low_rank"])

    def test_other_starting_weights(self):
        self.pals(*self.arguments())
        path = self.path("model", "model.safetensors")
        with open(path, "r+b") as stream:
            stream.seek(-4, os.SEEK_END)
            stream.write(b"\0\0\x80\x3f")
        self.refused("starting weights")

    def test_another_learning_rate_without_run_config(self):
        self.pals(*self.arguments())
        os.remove(self.path("run", "run_config.json"))
        self.refused("--learning_rate", "5e-05", "0.001", flags=["--learning_rate", "1e-3"])
        os.remove(self.path("run", "identity.json"))  # the checkpoint says the same
        self.refused("--learning_rate", "5e-05", "0.001", flags=["--learning_rate", "1e-3"])
        self.pals(*self.arguments())
        self.assertEqual(sorted(os.listdir(self.path("run"))),
                         [".lock", "best", "best_tasks", "checkpoints", "dev_predictions", "eval_results.json", "final",
                          "identity.json", "metrics.jsonl", "report.html", "run_config.json"])

    def test_a_damaged_run_config(self):
        self.pals(*self.arguments())
        path = self.path("run", "run_config.json")
        for damaged in "", "{\"seed\": 4", "[]":
            support.write_text(path, damaged)
            message = self.error(*self.arguments(), code=1)
            self.check_words(message, path, "damaged: remove it")
        os.remove(path)
        self.refused("--learning_rate", "5e-05", "0.001", flags=["--learning_rate", "1e-3"])
        self.pals(*self.arguments())
        self.assertEqual(read_json(path)["output_dir"], self.path("run"))

    def test_places_make_no_difference(self):
        self.pals(*self.arguments())
        before = read_safetensors(self.path("run", "final", "model.safetensors"))
        os.makedirs(self.path("moved"))
        for split in "train", "dev":
            os.rename(self.path(split + ".tsv"), self.path("moved", split + ".tsv"))
        self.write_tasks(reviews={"train": "moved/train.tsv", "dev": "moved/dev.tsv"},
                         values={"train": "moved/train.tsv", "dev": "moved/dev.tsv"})
        result = self.pals(*self.arguments())
        self.assertNotIn("warning", result.stderr)
        self.assertEqual(read_safetensors(self.path("run", "final", "model.safetensors")), before)

    def test_overwriting_asks_nothing(self):
        self.pals(*self.arguments())
        self.write_tasks(reviews={"labels": ["good", "bad"]})
        support.write_text(self.path("run", "notes.txt"), "mine")
        support.write_text(self.path("run", "stars_dev_predictions.json"), "{}")
        result = self.pals(*self.arguments("--overwrite_output_dir"))
        self.assertIn("left as they are: notes.txt\n", result.stderr)
        self.assertTrue(os.path.exists(self.path("run", "notes.txt")))
        self.assertFalse(os.path.exists(self.path("run", "stars_dev_predictions.json")))
        self.assertEqual(read_json(self.path("run", "final"), "tasks.json")["tasks"][0]["labels"], ["good", "bad"])

    # Checkpoints

    def test_the_last_checkpoint_stays(self):
        self.pals(*self.arguments())
        self.assertEqual(os.listdir(self.path("run", "checkpoints")), [os.path.basename(self.checkpoint(12))])
        self.pals(*self.arguments("--keep_checkpoints", 3, "--overwrite_output_dir"))
        self.assertEqual(sorted(os.listdir(self.path("run", "checkpoints"))),
                         [os.path.basename(self.checkpoint(step)) for step in (8, 10, 12)])

    def test_a_flipped_bit_is_found(self):
        self.pals(*self.arguments("--keep_checkpoints", 2))
        final = read_safetensors(self.path("run", "final", "model.safetensors"))
        whole = self.content()[self.checkpoint(12)]
        generator = random.Random(1)
        header = int.from_bytes(whole[:8], "little")
        places = [generator.randrange(8, 8 + header) for _ in range(6)]
        places += [generator.randrange(8 + header, len(whole)) for _ in range(6)]
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << generator.randrange(8)
            with open(self.checkpoint(12), "wb") as stream:
                stream.write(damaged)
            result = self.pals(*self.arguments("--keep_checkpoints", 2))
            if "going on at step 12" not in result.stderr:  # a blank of the header may become another
                self.check_words(result.stderr, "warning: ", os.path.basename(self.checkpoint(12)),
                                 "trying an older checkpoint", "going on at step 10 of 12")
            self.assertEqual(read_safetensors(self.path("run", "final", "model.safetensors")), final)
            self.assertEqual(self.content()[self.checkpoint(12)], whole)

    def test_states_that_cannot_be(self):
        self.pals(*self.arguments("--keep_checkpoints", 2))
        final = read_safetensors(self.path("run", "final", "model.safetensors"))
        kept = self.path("kept")
        shutil.copytree(self.path("run", "checkpoints"), kept)
        for state in ({"step": -5}, {"step": 10 ** 15}, {"step": 11}, {"step": "12"}, {"step": 12.5}, {"rows": [1]},
                      {"rows": "x"}, {"best": 3}, {"last": {"average": "high"}}):
            self.write_state(self.checkpoint(12), state)
            result = self.pals(*self.arguments("--keep_checkpoints", 2))
            self.check_words(result.stderr, "warning: ", "trying an older checkpoint", "going on at step 10 of 12")
            self.assertEqual(read_safetensors(self.path("run", "final", "model.safetensors")), final, state)

    def test_damaged_checkpoints_do_not_push_out_good_ones(self):
        self.pals(*self.arguments("--keep_checkpoints", 2))
        for step in 10, 12:
            os.rename(self.checkpoint(step), self.checkpoint(step + 1000))
        result = self.pals(*self.arguments("--keep_checkpoints", 1))
        self.assertEqual(result.stderr.count("trying an older checkpoint"), 2, result.stderr)
        self.assertTrue(os.path.exists(self.checkpoint(12)))
        self.assertIn("going on at step 12", self.pals(*self.arguments("--keep_checkpoints", 1)).stderr)

    def test_a_run_of_the_first_version_goes_on_and_says_so(self):
        self.pals(*self.arguments())
        os.remove(self.path("run", "identity.json"))
        header, state, _ = self.state_of(self.checkpoint(12))
        self.assertIn("checksum", header["__metadata__"])
        del state["identity"]
        self.write_state(self.checkpoint(12), {}, {"identity": None})
        result = self.pals(*self.arguments())
        lines = [line for line in result.stderr.splitlines() if "earlier version" in line]
        self.assertEqual(len(lines), 1, result.stderr)
        self.check_words(lines[0], "tasks, data, vocabulary", "cannot be checked")
        self.assertNotIn("earlier version", self.pals(*self.arguments()).stderr)

    # The rest of the folder

    def test_the_best_model_is_gone(self):
        self.pals(*self.arguments("--learning_rate", "1e-3"))
        step = read_json(self.path("run"), "eval_results.json")["step"]
        shutil.rmtree(self.path("run", "best"))
        result = self.pals(*self.arguments("--learning_rate", "1e-3"))
        self.check_words(result.stderr, "warning: ", "run/best", "missing")
        if step == 12:
            self.assertIn("it is written again", result.stderr)
            self.assertEqual(read_safetensors(self.path("run", "best", "model.safetensors")),
                             read_safetensors(self.path("run", "final", "model.safetensors")))
        else:
            self.check_words(result.stderr, "model after step %d" % step, "eval_results.json")

    def test_a_best_model_that_cannot_be_made_again_is_forgotten(self):
        self.pals(*self.arguments("--keep_checkpoints", 4))
        for step in 8, 10, 12:
            os.remove(self.checkpoint(step))
        shutil.rmtree(self.path("run", "best"))
        result = self.pals(*self.arguments("--keep_checkpoints", 4))
        self.check_words(result.stderr, "going on at step 6", "run/best, the model after step 4, is missing",
                         "evaluations to come")
        self.assertTrue(os.path.exists(self.path("run", "best", "model.safetensors")))
        results = read_json(self.path("run"), "eval_results.json")
        scores = {line["after_step"]: line["evaluation"]["average"] for line in metrics(self.path("run"))[1]}
        self.assertEqual(sorted(scores), [4, 8, 12])
        self.assertIn(results["step"], (8, 12))
        self.assertEqual(results["average"], max(scores[8], scores[12]))

    def test_a_damaged_line_of_the_log(self):
        self.pals(*self.arguments())
        path = self.path("run", "metrics.jsonl")
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines(keepends=True)
        self.assertEqual(json.loads(lines[0]), {"version": 3})
        number = next(number for number, line in enumerate(lines) if line.startswith('{"step":3,'))
        lines[number] = lines[number].replace('"step":3', '"step":x')
        support.write_text(path, "".join(lines))
        result = self.pals(*self.arguments())
        self.check_words(result.stderr, "warning: ", "metrics.jsonl", "line %d;" % (number + 1))
        self.assertEqual([line["step"] for line in metrics(self.path("run"))[0]],
                         [step for step in range(12) if step != 3])

    # Weights

    def test_weights_that_are_not_finite(self):
        path = self.path("model", "model.safetensors")
        with open(path, "r+b") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(size))
            name = next(name for name in header if name.endswith("LayerNorm.bias"))
            stream.seek(8 + size + header[name]["data_offsets"][0])
            stream.write(b"\x00\x00\xc0\x7f")
        message = self.error(*self.arguments(), code=1)
        self.check_words(message, "model.safetensors", name, "not finite")

    def test_a_loss_that_runs_away(self):
        flags = ["--max_steps", 104, "--num_train_epochs", 1, "--keep_checkpoints", 2]
        self.assertNotIn("more than ten times", self.pals(*self.arguments(*flags)).stderr)
        os.remove(self.checkpoint(104))
        path = self.path("run", "metrics.jsonl")
        with open(path, encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        # As if the run had begun with tiny losses.
        lines = [dict(line, loss=0.001) if line.get("step", 100) < 100 else line for line in lines]
        support.write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
        warned = [line for line in self.pals(*self.arguments(*flags)).stderr.splitlines() if "ten times" in line]
        self.assertEqual(len(warned), 1, warned)
        self.check_words(warned[0], "warning: step 102, task ", "the loss is ", "0.001 of the first hundred steps")


if __name__ == "__main__":
    unittest.main()
