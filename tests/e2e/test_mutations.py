"""Damaged files of every format: an answer as before or a refusal in one line, never another answer, a crash or a hang.

Files are mutated by a fixed seed, a fixed number of times; with PALS_FULL at random for PALS_MUTATION_SECONDS (an hour) each:
once by starting the program for every mutation, once within one process (tests/mutate_folders.cpp), which does hundreds
a second. What is a user's own stands in UNCHECKED with the reason: there another result is counted, not failed.
"""

import collections
import json
import os
import random
import shutil
import subprocess
import time
import unittest

import support
from support import PalsTest

FULL = bool(os.environ.get("PALS_FULL"))
HARNESS = os.environ["PALS_MUTATE_FOLDERS"]
SECONDS = int(os.environ.get("PALS_MUTATION_SECONDS", "3600"))
ROUNDS = 3  # mutations of each format
IN_PROCESS = 2000  # of all formats together

# Formats whose damage may show in the result alone, and why.
UNCHECKED = {
    "texts": "a user's text: another text is another question",
    "SQuAD": "the same",
    "task file": "a user's description: other columns and settings are other questions",
}


def mutated(data, generator):
    """One change of a file's bytes."""
    data = bytearray(data)
    at = generator.randrange(len(data)) if data else 0
    size = min(len(data) - at, generator.choice([1, 2, 8, 64, 1000]))
    kind = generator.randrange(7)
    if kind == 0 and data:
        data[at] ^= 1 << generator.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at:at + size]
    elif kind == 3:
        data[at:at] = bytes(generator.randrange(256) for _ in range(size))
    elif kind == 4:
        data[at:at + size] = bytes(size)
    elif kind == 5:
        data[at:at] = data[at:at + size]
    else:
        other = generator.randrange(len(data)) if data else 0
        data[at:at + size], data[other:other + size] = data[other:other + size], data[at:at + size]
    return bytes(data)

# Lines of metrics.jsonl that tell of a start: a run that begins again has others, and the same result.
OF_A_START = (b'"until_step"', b'"from_step"', b'"epoch_begins"')


class Mutations(PalsTest):
    """Each format is a file, and a command whose standard output, or whose files, depend on it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("setUp")
        test.folder = cls.place = os.path.join(os.path.dirname(cls.model), "mutations")
        os.makedirs(cls.place)
        support.make_squad(test.path("squad.json"), 12, 2)
        rows = "text,label\n" + "".join("word%d %s,%d\n" % (n, (support.BAD, support.GOOD)[n % 2], n % 2)
                                        for n in range(24))
        support.write_text(test.path("mine.csv"), rows)
        support.write_json(test.path("tasks.json"), {"tasks": [
            {"name": "mine", "kind": "classification", "text_a": "text", "label": "label", "train": "mine.csv",
             "dev": "mine.csv"},
            {"name": "where", "kind": "span", "unanswerable": True, "doc_stride": 8, "train": "squad.json",
             "dev": "squad.json"}]})
        test.pals(*test.training("run"))

    def training(self, run):
        return ["train", "--task_file", self.path("tasks.json"), "--init_checkpoint", self.model, "--output_dir",
                self.path(run), "--max_seq_length", "24", "--train_batch_size", "4", "--max_steps", "4", "--adapter",
                "pals", "--precision", "fp32", "--threads", "1", "--cache_dir", self.path("cache"),
                "--save_checkpoints_steps", "2", "--keep_checkpoints", "2", "--num_train_epochs", "2",
                "--learning_rate", "1e-2"]

    def setUp(self):
        self.folder = self.place

    def formats(self):
        """Name -> file, command."""
        model, adapters = "run/final/", "run/final/adapters/mine"
        names = sorted(os.listdir(self.path(adapters)))
        description, weights = (next(n for n in names if n.endswith(ending)) for ending in (".json", ".safetensors"))
        support.write_text(self.path("texts.csv"), "text\nword1 splendid\nword2 dreadful\n\"word3, word4\"\n")
        predict = ["predict", "--model", self.path("run/final"), "--json", "--threads", "1", "--precision", "fp32"]
        mine = predict + ["--task", "mine", "--input", self.path("texts.csv"), "--text_a", "text"]
        where = predict + ["--task", "where", "--input", self.path("squad.json")]
        evaluation = ["eval", "--model", self.path("run/final"), "--task_file", self.path("tasks.json"), "--json",
                      "--threads", "1", "--precision", "fp32"]
        cache = sorted(n for n in os.listdir(self.path("cache")) if n.endswith(".features"))
        resumed = self.training("again")
        self.prepare()
        found = {
            "texts": ("texts.csv", mine),
            "SQuAD": ("squad.json", where),
            "task file": ("tasks.json", evaluation),
            "training data": ("mine.csv", resumed),
            "config.json": (model + "config.json", mine),
            "vocab.txt": (model + "vocab.txt", mine),
            "tokenizer_config.json": (model + "tokenizer_config.json", mine),
            "tasks.json": (model + "tasks.json", mine),
            "shared weights": (model + "model.safetensors", mine),
            "adapter": (os.path.join(adapters, weights), mine),
            "adapter's description": (os.path.join(adapters, description), mine),
            "checkpoint": ("again/checkpoints/step-0000000002.safetensors", resumed),
        }
        found.update({"feature file %d" % n: ("cache/" + name, resumed) for n, name in enumerate(cache)})
        return found

    def outcome(self, command):
        """Exit code, what was printed and made, and the message."""
        result = subprocess.run([support.PALS, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=support.environment(), timeout=120, check=False)
        made = result.stdout
        if command[0] == "train" and result.returncode == 0:
            for name in ("final/model.safetensors", "metrics.jsonl"):
                with open(self.path("again", name), "rb") as stream:
                    made += b"".join(line for line in stream if not any(key in line for key in OF_A_START))
        return result.returncode, made, result.stderr.decode(errors="replace")

    def prepare(self):
        """A run of which the last half is to be done again, as if it had been killed."""
        shutil.rmtree(self.path("again"), ignore_errors=True)
        shutil.copytree(self.path("run"), self.path("again"))
        os.remove(self.path("again/checkpoints/step-0000000004.safetensors"))
        shutil.rmtree(self.path("again/final"))
        config = support.read_json(self.path("again/run_config.json"))
        config["output_dir"] = self.path("again")
        support.write_json(self.path("again/run_config.json"), config)

    def undamaged(self, command):
        self.prepare()
        code, made, errors = self.outcome(command)
        self.assertEqual(code, 0, errors)
        return made

    def check(self, name, path, command, expected, seed):
        """What became of one mutation: "refused", "same" or "other"."""
        if command[0] == "train":
            self.prepare()
        with open(self.path(path), "rb") as stream:
            kept = stream.read()
        try:
            with open(self.path(path), "wb") as stream:
                stream.write(mutated(kept, random.Random(seed)))
            code, made, errors = self.outcome(command)
        finally:
            with open(self.path(path), "wb") as stream:
                stream.write(kept)
        lines = [line for line in errors.splitlines() if line.startswith("pals: ")]
        if code != 0:
            self.assertIn(code, (1, 2), errors)
            self.assertEqual(len(lines), 1, errors)
            self.assertLessEqual(len(lines[0]), 300)
            self.assertNotIn("internal error", lines[0])
            return "refused"
        if made == expected:
            return "same"
        self.assertIn(name, UNCHECKED, "another result with exit 0")
        return "other"

    def test_mutations(self):
        formats = {name: (path, command, self.undamaged(command)) for name, (path, command) in self.formats().items()}
        generator = random.Random(None if FULL else 1)
        counts = collections.defaultdict(collections.Counter)
        end, rounds = time.monotonic() + SECONDS, 0
        while time.monotonic() < end if FULL else rounds < ROUNDS:
            for name, (path, command, expected) in formats.items():
                seed = generator.randrange(1 << 40)
                with self.subTest(format=name, seed=seed):
                    counts[name][self.check(name, path, command, expected, seed)] += 1
            rounds += 1
        for name, count in counts.items():
            print("%-24s %s" % (name, json.dumps(count, sort_keys=True)))
        print("%-24s %d" % ("mutations", sum(sum(count.values()) for count in counts.values())))
        # A loop that changes nothing would find nothing.
        self.assertGreater(sum(count["refused"] for count in counts.values()), len(formats))

    def test_mutations_in_one_process(self):
        self.prepare()
        shutil.rmtree(self.path("whole"), ignore_errors=True)
        shutil.copytree(self.path("run"), self.path("whole"))
        support.write_text(self.path("texts.txt"), "word1 splendid\nword2 dreadful\nword3, word4\n")
        seed = random.randrange(1 << 30) if FULL else 1
        number, seconds = (1 << 40, SECONDS) if FULL else (IN_PROCESS, 120)
        result = subprocess.run([HARNESS, self.path("whole"), self.path("texts.txt"), str(number), str(seconds),
                                 str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=support.environment(), timeout=seconds + 300, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        counts = json.loads(result.stdout)
        for name, count in counts.items():
            print("%-44s %s" % (name, json.dumps(count, sort_keys=True)))
        print("%-44s %d" % ("mutations in one process", sum(sum(count.values()) for count in counts.values())))
        self.assertEqual(len(counts), 10)
        for name, count in counts.items():
            # A damaged checkpoint is passed over for the one before.
            self.assertGreater(count.get("same" if name == "checkpoint" else "refused", 0), 0, name)


if __name__ == "__main__":
    unittest.main()
