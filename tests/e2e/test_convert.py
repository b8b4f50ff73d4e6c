"""`pals convert`: models out to the reference's formats and back, and checkpoints of all formats in."""

import json
import os
import resource
import shutil
import struct
import unittest
import zipfile

import support
import tensorflow
from support import PalsTest, read_json

KINDS = ["none", "pals", "low_rank", "houlsby", "houlsby_pals", "top_attention", "top_bert_layer", "lhuc",
         "pals_lhuc"]
TASKS = "sst,where,sts,which"  # every kind of task
TEXTS = "word1 splendid word2\tword3\nword7 dreadful\tword8 word9\nword100 word101,\tword102?\n"


class Convert(PalsTest):
    def convert(self, *arguments, code=0):
        return self.pals("convert", *arguments, code=code)

    def task_file(self):
        """A span task and one of multiple choice, to be trained beside GLUE's."""
        squad, swag = support.make_squad(self.path("squad.json"), 30), support.make_swag(self.path("swag.csv"), 20)
        return support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": "where", "kind": "span", "doc_stride": 8, "train": squad, "dev": squad},
            {"name": "which", "kind": "multiple_choice", "context": "sent1", "start": "sent2", "label": "label",
             "choices": ["ending0", "ending1", "ending2", "ending3"], "train": swag, "dev": swag}]})

    def predictions(self, model):
        """What all tasks say: of pairs, questions, choices."""
        def predict(tasks, *flags):
            return self.pals("predict", "--model", model, "--tasks", tasks, "--precision", "fp32", "--threads", 1,
                             "--json", *flags, stdin=TEXTS).stdout

        single = support.write_text(self.path("single.txt"), TEXTS.replace("\t", " "))
        return predict("sts"), predict("sst", "--input", single), predict(
            "where,sts", "--input", self.path("squad.json")), predict("which", "--input", self.path("swag.csv"))

    def same_files(self, one, two):
        for folder, _, names in os.walk(one):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as a, open(os.path.join(two, os.path.relpath(path, one)), "rb") as b:
                    self.assertEqual(a.read(), b.read(), path)

    def test_every_adapter_goes_out_and_comes_back(self):
        tasks = ["--tasks", TASKS, "--task_file", self.task_file(), "--max_seq_length", 32]
        names = self.error("train", "--adapter", "all", "--init_checkpoint", self.model, "--output_dir", "x", code=2)
        for kind in KINDS:
            self.assertIn(kind, names)
        for kind in KINDS:
            with self.subTest(kind):
                run = self.train(kind, "--adapter", kind, "--max_steps", "8", "--learning_rate", "1e-2", "--sample",
                                 "rr", "--num_train_epochs", "1", "--task_file", self.path("tasks.json"), tasks=TASKS)
                model, out, back = run + "/final", self.path(kind + "-out"), self.path(kind + "-back")
                expected = self.predictions(model)
                self.convert(model, out + "/pytorch_model.bin")
                self.convert(out + "/pytorch_model.bin", back, *tasks)
                self.same_files(model, back)
                self.assertEqual(self.predictions(back), expected)
        # Once more through safetensors.
        self.convert(out + "/pytorch_model.bin", out + "/model.safetensors")
        self.convert(out + "/model.safetensors", self.path("again"), *tasks)
        self.same_files(model, self.path("again"))

    def test_a_single_span_or_choice_goes_out_and_comes_back(self):
        squad, swag = support.make_squad(self.path("squad.json"), 30), support.make_swag(self.path("swag.csv"), 20)
        for kind, data, head in ("span", squad, "qa_outputs.weight"), ("multiple_choice", swag, "classifier.weight"):
            for adapter in "none", "pals":
                name = kind + "-" + adapter
                model = self.path(name, "final")
                self.pals("train", "--kind", kind, "--train_file", data, "--dev_file", data, "--init_checkpoint",
                          self.model, "--output_dir", self.path(name), "--max_steps", "4", "--adapter", adapter,
                          "--precision", "fp32", "--threads", "1", "--max_seq_length", "64")
                tasks = ["--kind", kind] if adapter == "none" else ["--task_file", model + "/tasks.json"]
                columns = ["--text_a", "sent1", "--text_b", "sent2", "--choices", "ending0,ending1,ending2,ending3"]
                asked = ["--input", data, "--json", "--threads", 1, *(columns if data == swag else [])]
                expected = self.pals("predict", "--model", model, *asked).stdout
                for names in "reference", "transformers":
                    out, back = self.path(name, names, "model.safetensors"), self.path(name, names + "-back")
                    self.convert(model, out, "--names", names)
                    found = support.read_safetensors(out)
                    self.assertIn(head if adapter == "none" else head.replace(".", ".0."), found)
                    self.assertIn("bert.embeddings.LayerNorm." + ("gamma" if names == "reference" else "weight"), found)
                    self.convert(out, back, *tasks, "--max_seq_length", 64)
                    self.assertEqual(self.pals("predict", "--model", back, *asked).stdout, expected)

    def test_training_goes_on_from_each_format(self):
        tasks = "sst,sts,mnli"
        run = self.train("first", "--adapter", "pals", "--max_steps", "3", tasks=tasks)
        bin_file, safe_file = self.path("out", "m.bin"), self.path("out", "m.safetensors")
        self.convert(run + "/final", bin_file)
        self.convert(run + "/final", safe_file)
        losses = []
        for model in run + "/final", bin_file, safe_file:
            result = self.train("on-%d" % len(losses), "--adapter", "pals", "--max_steps", "2", "--do_lower_case",
                                "--dropout", "0", tasks=tasks, model=model)
            losses.append([line["loss"] for line in support.metrics(result)[0]])
        self.assertEqual(losses[0], losses[1])
        self.assertEqual(losses[0], losses[2])

    def test_one_task_is_the_single_task_class(self):
        run = self.train("one", "--max_steps", "3", tasks="rte")
        self.convert(run + "/final", self.path("one.safetensors"))
        names = set(support.read_safetensors(self.path("one.safetensors")))
        self.assertIn("classifier.weight", names)
        self.assertIn("bert.embeddings.LayerNorm.gamma", names)
        self.convert(self.path("one.safetensors"), self.path("back"), "--tasks", "rte", "--max_seq_length", 32)
        self.same_files(run + "/final", self.path("back"))

    def test_training_never_loses_a_head_silently(self):
        run = self.train("one", "--max_steps", "2", tasks="rte")
        self.convert(run + "/final", self.path("out", "one.bin"))
        arguments = self.train_arguments("other", "--max_steps", "2", tasks="mnli", model=self.path("out", "one.bin"))
        message = self.error(*arguments, code=1)
        self.check_words(message, "classifier.weight (found [2, 48], expected [3, 48])", "--multi")
        result = self.pals(*arguments, "--multi")
        self.check_words(result.stderr, "not used: classifier.weight, classifier.bias")

    def test_tensorflow(self):
        weights = support.random_weights(3)
        folder = self.path("uncased")
        for shards in 1, 3:
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            prefix = os.path.join(folder, "bert_model.ckpt")
            tensorflow.write_checkpoint(prefix, weights, shards)
            support.write_json(folder + "/bert_config.json", support.bert_config(directionality="bidi"))
            support.write_text(folder + "/vocab.txt", "\n".join(support.VOCABULARY) + "\n")
            expected = {name: struct.pack("<%df" % len(values), *values) for name, (_, values) in weights.items()}
            for source in prefix, prefix + ".index", folder:
                out = self.path("encoder-%d-%s" % (shards, os.path.basename(source)))
                report = json.loads(self.convert(source, out, "--json").stdout)
                self.assertEqual((report["from"], report["tasks"]), ("TensorFlow", 0))
                self.assertEqual(support.read_safetensors(out + "/model.safetensors"), expected)
                self.assertTrue(read_json(out, "tokenizer_config.json")["do_lower_case"])
            # The reference's three arguments.
            self.convert(prefix, folder + "/bert_config.json", self.path("model.bin"))
            self.convert(self.path("model.bin"), self.path("m.safetensors"), "--names", "transformers",
                         "--bert_config_file", folder + "/bert_config.json")
            self.assertEqual(support.read_safetensors(self.path("m.safetensors")), expected)
        # The same losses as from the folder of the same weights.
        losses = []
        support.make_model(self.path("same"), weights)
        for model in self.path("same"), prefix, folder:
            run = self.train("tf-%d" % len(losses), "--max_steps", "2", "--do_lower_case", model=model)
            losses.append([line["loss"] for line in support.metrics(run)[0]])
        self.assertEqual(losses[0], losses[1])
        self.assertEqual(losses[0], losses[2])

    def test_cased_vocabularies(self):
        model = support.make_model(self.path("cased"))
        os.remove(model + "/tokenizer_config.json")
        vocabulary = support.VOCABULARY[:-1] + ["Paris"]
        support.write_text(model + "/vocab.txt", "\n".join(vocabulary) + "\n")
        self.convert(model, self.path("a"))
        self.assertFalse(read_json(self.path("a"), "tokenizer_config.json")["do_lower_case"])
        self.convert(model, self.path("b"), "--do_lower_case")
        self.assertTrue(read_json(self.path("b"), "tokenizer_config.json")["do_lower_case"])

    def test_names_of_every_problem(self):
        weights = support.random_weights()
        weights = {support.reference_name(name): value for name, value in weights.items()}
        shape, values = weights.pop("bert.encoder.layer.1.output.dense.bias")
        weights["bert.encoder.layer.1.output.dense.bia"] = shape, values
        weights["bert.pooler.dense.bias"] = (2, support.HIDDEN // 2), weights["bert.pooler.dense.bias"][1]
        support.write_pytorch(self.path("broken.bin"), weights)
        support.write_json(self.path("config.json"), support.bert_config())
        message = self.error("convert", self.path("broken.bin"), self.path("out.bin"), code=1)
        self.check_words(message, "bert.pooler.dense.bias (found [2, 24], expected [48])",
                         "missing tensors: encoder.layer.1.output.dense.bias [48]",
                         "bert.encoder.layer.1.output.dense.bia")
        self.assertFalse(os.path.exists(self.path("out.bin")))

    def test_usage(self):
        self.check_words(self.error("convert", code=2), "FROM TO")
        self.check_words(self.error("convert", self.model, code=2), "FROM TO", "1 argument")
        self.check_words(self.error("convert", "a", "b", "c", "d", code=2), "4 arguments")
        self.check_words(self.error("convert", self.path("none"), self.path("x"), code=1), self.path("none"))
        self.check_words(self.error("convert", self.model, self.path("x"), "--nmaes", "pals", code=2), "--names")
        self.check_words(self.error("convert", self.model, self.model, code=2), "the input itself")
        before = sorted(os.listdir(self.model))
        for name in "pytorch_model.bin", "out", "new/out.safetensors":
            message = self.error("convert", self.model, os.path.join(self.model, name), code=2)
            self.check_words(message, "lies in %s" % self.model, "choose another folder")
        self.assertEqual(sorted(os.listdir(self.model)), before)
        self.convert(self.model, self.path("copy"))
        self.check_words(self.error("convert", self.model, self.path("copy"), code=2), "--overwrite")
        self.convert(self.model, self.path("copy"), "--overwrite")


class Hostile(PalsTest):
    """Files made to harm: one clear line, soon, in little memory."""

    def refused(self, path, *words):
        def limit():  # of the processor's time, whatever else runs: a second is what it takes, the start included
            resource.setrlimit(resource.RLIMIT_CPU, (10, 10))

        message = self.error("convert", path, self.path("out.bin"), "--bert_config_file", self.model + "/config.json",
                             code=1, preexec_fn=limit)
        self.assertLess(len(message), 4000)
        self.check_words(message, *words)
        self.assertFalse(os.path.exists(self.path("out.bin")))

    def write(self, name, data):
        with open(self.path(name), "wb") as stream:
            stream.write(data)
        return self.path(name)

    def safetensors(self, header, data=b""):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return self.write("h.safetensors", struct.pack("<Q", len(text)) + text + data)

    def pickle(self, data, entries=()):
        path = self.path("h.bin")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", data)
            for name, content in entries:
                archive.writestr(name, content)
        return path

    def test_safetensors(self):
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        self.refused(self.safetensors({"a": entry, "b": entry}, b"\0" * 8), "overlaps")
        self.refused(self.safetensors({"a": dict(entry, shape=[2 ** 62, 2 ** 62])}, b"\0" * 8), "do not hold")
        self.refused(self.safetensors({"a": dict(entry, data_offsets=[0, 2 ** 62])}, b"\0" * 8), "outside")
        self.refused(self.safetensors(b"{" + b'"a":[' * 1000000), "unexpected")
        self.refused(self.write("h.safetensors", struct.pack("<Q", 2 ** 63) + b"{}"), "h.safetensors")

    def test_pickles(self):
        self.refused(self.pickle(b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R."), "os.system")
        self.refused(self.pickle(b"\x80\x02" + b"(" * 1000000), "nesting")
        self.refused(self.pickle(b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b"."), "deeper than")
        self.refused(self.pickle(b"\x80\x02]q\0h\0a."), "contains itself")
        self.refused(self.pickle(b"\x80\x02]q\0" + b"(" + b"h\0" * 3000000 + b"e."), "pickle")
        self.refused(self.pickle(b"\x80\x02X\xff\xff\xff\x7fabc"), "cut short")
        for name in "/etc/passwd", "archive/../../x", "archive\\x":
            self.refused(self.pickle(b"\x80\x02}.", [(name, b"x")]), "refused")

    def test_cut_and_flipped(self):
        weights = support.random_weights()
        support.write_pytorch(self.path("whole.bin"), weights)
        tensorflow.write_checkpoint(self.path("tf"), weights)
        for name in "whole.bin", "tf.index", "tf.data-00000-of-00001":
            with open(self.path(name), "rb") as stream:
                whole = stream.read()
            target = name if name.startswith("tf") else "part.bin"
            named = self.path("tf") if name.startswith("tf") else self.path(target)
            for cut in len(whole) // 3, len(whole) - 5:
                self.write(target, whole[:cut])
                self.refused(named)
            self.write(target, whole[:200] + bytes([whole[200] ^ 16]) + whole[201:])
            self.refused(named)
            self.write(target, whole)


if __name__ == "__main__":
    unittest.main()
