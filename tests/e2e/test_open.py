"""What every command makes of a model's files: whether texts are lower-cased."""

import json
import os
import tempfile
import unittest

import support
from support import PalsTest, read_json

CASED = support.VOCABULARY[:-2] + ["Paris", "paris"]


class LowerCase(PalsTest):
    """Each command by the same rule: flag, tokenizer_config.json, tokenizer.json, vocabulary."""

    def make_folder(self, vocabulary, **files):
        """A model without tokenizer_config.json, with other files."""
        path = support.make_model(self.path("model"))
        os.remove(os.path.join(path, "tokenizer_config.json"))
        support.write_text(os.path.join(path, "vocab.txt"), "\n".join(vocabulary) + "\n")
        for name, value in files.items():
            support.write_json(os.path.join(path, name + ".json"), value)
        return path

    def check(self, model, expected, *flags, says=""):
        """Trains, converts and takes features: all lower-case, or none."""
        outputs_folder = tempfile.mkdtemp(dir=self.folder)
        run, converted = os.path.join(outputs_folder, "run"), os.path.join(outputs_folder, "converted")
        outputs = [self.pals(*self.train_arguments(run, "--max_steps", "1", *flags, tasks="rte", model=model))]
        self.assertEqual(read_json(run, "final", "tokenizer_config.json")["do_lower_case"], expected)
        self.assertEqual(read_json(run, "run_config.json")["do_lower_case"], expected)
        outputs.append(self.pals("convert", model, converted, *flags))
        self.assertEqual(read_json(converted, "tokenizer_config.json")["do_lower_case"], expected)
        outputs.append(self.pals("features", "--model", model, "--layers=-1", "--threads", 1, *flags,
                                 stdin="Paris WORD1\n"))
        tokens = [feature["token"] for feature in json.loads(outputs[-1].stdout)["features"]]
        with open(os.path.join(model, "vocab.txt"), encoding="utf-8") as stream:
            known = stream.read().split("\n")
        words = ["paris", "word1"] if expected else ["Paris", "WORD1"]
        self.assertEqual(tokens, ["[CLS]"] + [word if word in known else "[UNK]" for word in words] + ["[SEP]"])
        for output in outputs:
            lines = [line for line in output.stderr.splitlines() if "capital letters" in line]
            self.assertEqual(len(lines), 1 if says else 0, output.stderr)
            for line in lines:
                self.check_words(line, os.path.join(model, "vocab.txt"), says)

    def test_a_cased_vocabulary(self):
        model = self.make_folder(CASED)
        self.check(model, False, says='"Paris"')
        self.check(model, True, "--do_lower_case")

    def test_an_uncased_vocabulary(self):
        model = self.make_folder(support.VOCABULARY)
        self.check(model, True, says="no capital letters")
        self.check(model, False, "--do_lower_case=false")
        config = support.write_json(self.path("flags.json"), {"do_lower_case": False})
        run = self.train("by-config", "--config", config, "--max_steps", "1", tasks="rte", model=model)
        self.assertFalse(read_json(run, "final", "tokenizer_config.json")["do_lower_case"])

    def test_files_come_before_the_vocabulary_and_flags_before_files(self):
        model = self.make_folder(CASED, tokenizer={"normalizer": {"type": "BertNormalizer", "lowercase": True}})
        self.check(model, True)
        support.write_json(os.path.join(model, "tokenizer_config.json"), {"do_lower_case": False})
        self.check(model, False)
        support.write_json(os.path.join(model, "tokenizer_config.json"), {"do_lower_case": True})
        self.check(model, False, "--do_lower_case=false")

    def test_features_of_a_task(self):
        run = self.train("run", "--max_steps", "1", tasks="rte")
        for flags, word in ((), "word1"), (("--do_lower_case=false",), "[UNK]"):
            line = self.pals("features", "--model", os.path.join(run, "final"), "--task", "rte", "--layers=-1",
                             "--threads", 1, *flags, stdin="WORD1\n").stdout
            self.assertEqual(json.loads(line)["features"][1]["token"], word)


if __name__ == "__main__":
    unittest.main(verbosity=2)
