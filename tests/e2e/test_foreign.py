"""Models and checkpoints as people really have them: of other tools, in pieces, with tokens of their own."""

import argparse
import json
import os
import struct
import unittest
from unittest import mock

import support
import tensorflow
from support import PalsTest, read_json


def labelled(names):
    return {"architectures": ["BertForSequenceClassification"], "model_type": "bert",
            "id2label": {str(i): name for i, name in enumerate(names)},
            "label2id": {name: i for i, name in enumerate(names)}}


def add_slots(prefix, weights, slots, scalars):
    """A TensorFlow checkpoint in one shard with slots beside each variable, and scalars."""
    entries, body = {}, bytearray()

    def add(name, shape, values):
        data = struct.pack("<%df" % len(values), *values)
        sizes = b"".join(tensorflow.field(2, tensorflow.field(1, size)) for size in shape)
        entries[name.encode()] = (
            tensorflow.field(1, tensorflow.FLOAT) + tensorflow.field(2, sizes) + tensorflow.field(3, 0) +
            tensorflow.field(4, len(body)) + tensorflow.field(5, len(data)) + tensorflow.varint(6 << 3 | 5) +
            struct.pack("<I", tensorflow.masked_crc32c(data)))
        body.extend(data)

    for name, (shape, values) in weights.items():
        variable, transposed = tensorflow.variable_name(name)
        if transposed:
            shape, values = shape[::-1], [values[i * shape[1] + j] for j in range(shape[1]) for i in range(shape[0])]
        add(variable, shape, values)
        for slot in slots:
            add(variable + "/" + slot, shape[:1], [0.5] * shape[0])
    for name in scalars:
        add(name, (), [32768.0])
    entries[b""] = tensorflow.field(1, 1) + tensorflow.field(3, tensorflow.field(1, 1))
    with open(prefix + ".index", "wb") as stream:
        stream.write(tensorflow.table(sorted(entries.items())))
    with open(prefix + ".data-00000-of-00001", "wb") as stream:
        stream.write(body)


class Foreign(PalsTest):
    def change_config(self, model, **changes):
        support.write_json(os.path.join(model, "config.json"), dict(read_json(model, "config.json"), **changes))
        return model

    def vectors(self, model, *flags):
        return self.pals("features", "--model", model, "--pooling", "cls", "--threads", 1, "--precision", "fp32",
                         *flags, stdin="word1 splendid word2\n").stdout

    def tokens(self, model, text, *flags):
        line = self.pals("features", "--model", model, "--layers=-1", "--threads", 1, *flags, stdin=text + "\n").stdout
        return [feature["token"] for feature in json.loads(line)["features"]]

    def nli(self, name, labels):
        """A classifier whose bias makes its second output win for every text."""
        weights = {"bert." + key: value for key, value in support.random_weights().items()}
        weights["classifier.weight"] = (3, support.HIDDEN), [0.0] * (3 * support.HIDDEN)
        weights["classifier.bias"] = (3,), [0.0, 5.0, 0.0]
        return self.change_config(support.make_model(self.path(name), weights), **labelled(labels))

    def test_labels_are_mapped_by_name(self):
        for number, labels in enumerate([["contradiction", "neutral", "entailment"],
                                         ["ENTAILMENT", "NEUTRAL", "CONTRADICTION"]]):
            model, out = self.nli("nli-%d" % number, labels), self.path("out-%d" % number)
            self.pals("convert", model, out, "--tasks", "mnli")
            answer = json.loads(self.pals("predict", "--model", out, "--json", "--precision", "fp32",
                                          stdin="word1\tword2\n").stdout)
            self.assertIn("neutral", json.dumps(answer))
            self.assertEqual(self.label_of(answer), "neutral")
            # Out as a file and back: its configuration names the outputs.
            self.pals("convert", out, out + "-file/pytorch_model.bin")
            self.assertEqual(read_json(out + "-file", "bert_config.json")["id2label"]["2"], "neutral")

    def label_of(self, answer):
        while isinstance(answer, dict) and "label" not in answer:
            answer = next(value for value in answer.values() if isinstance(value, dict))
        return answer["label"]

    def test_other_labels_stop(self):
        model = self.nli("other", ["yes", "no", "perhaps"])
        message = self.error("convert", model, self.path("out"), "--tasks", "mnli", code=2)
        self.check_words(message, '"yes", "no", "perhaps"', '"contradiction", "entailment", "neutral"', "task file")
        self.assertFalse(os.path.exists(self.path("out")))
        self.change_config(model, **labelled(["LABEL_0", "LABEL_1", "LABEL_2"]))
        self.pals("convert", model, self.path("out"), "--tasks", "mnli")

    def tagger(self, name, labels):
        """As BertForTokenClassification saves itself: without a pooler."""
        weights = {"bert." + key: value for key, value in support.random_weights().items() if "pooler" not in key}
        weights["classifier.weight"] = (len(labels), support.HIDDEN), [0.0] * (len(labels) * support.HIDDEN)
        weights["classifier.bias"] = (len(labels),), [0.0] * (len(labels) - 1) + [5.0]
        return self.change_config(support.make_model(self.path(name), weights),
                                  **dict(labelled(labels), architectures=["BertForTokenClassification"]))

    def test_a_model_without_a_pooler(self):
        tags = support.write_text(self.path("tags.conll"), "word1 O\nword2 B-X\nword3 I-X\n\nword4 O\n\n" * 8)
        text = support.write_text(self.path("rows.tsv"), "word1 splendid\tyes\nword2 dreadful\tno\n" * 8)
        file = support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": "names", "kind": "tagging", "format": "conll", "labels": ["O", "B-X", "I-X"], "train": tags,
             "dev": tags},
            {"name": "moods", "kind": "classification", "labels": ["no", "yes"], "text_a": 0, "label": 1, "train": text,
             "dev": text}]})
        model = self.tagger("tagger", ["O", "B-X", "I-X"])
        own = ["--task_file", file]
        self.pals("convert", model, self.path("out"), *own, "--tasks", "names")
        answer = json.loads(self.pals("predict", "--model", self.path("out"), "--json", stdin="word1 word2\n").stdout)
        self.assertEqual(json.dumps(answer).count('"tag": "I-X"'), 2)
        self.check_words(self.error("features", "--model", self.path("out"), "--pooling", "pooled", code=1, stdin="a\n"),
                         "no pooler")
        self.check_words(self.error("convert", model, self.path("none"), *own, "--tasks", "moods", code=2),
                         "task 0 (moods)", "there is no pooler")

        def train(run, base, tasks, *flags, code=0):
            arguments = self.train_arguments(run, "--max_steps", "2", *own, *flags, tasks=tasks, model=base)
            return self.error(*arguments, code=code) if code else self.pals(*arguments).stderr
        # A task of its kind goes on with its head; nobody reads a pooler.
        self.assertNotIn("pooler", train("names", model, "names"))
        self.check_words(train("both", model, "names,moods", code=1), "--multi")
        # Beside a task that reads one, a fresh one is trained.
        for flags in ["--multi"], ["--multi", "--task_pooler"], ["--multi", "--freeze_all", "--task_pooler"]:
            self.assertIn("no pooler (pooler.dense): a fresh one is trained",
                          train("both" + str(len(flags)), model, "names,moods", *flags))
        self.assertIn("--freeze_all leaves it untrained", train("frozen", model, "names,moods", "--multi", "--freeze_all"))
        # A task added to a folder without one brings its own.
        add = ["add-task", "--model", self.path("out"), *own, "--tasks", "moods", "--max_steps", "1", "--threads", "1"]
        self.check_words(self.error(*add, "--output_dir", self.path("added"), code=2), "--task_pooler is missing",
                         "no pooler")
        self.pals(*add, "--output_dir", self.path("added"), "--task_pooler")
        self.pals("predict", "--model", self.path("added", "final"), "--tasks", "moods,names", stdin="word1 word2\n")

    def test_keys_of_other_tools_are_passed_over(self):
        expected = self.vectors(self.model)
        for number, keys in enumerate([
                {"cell": {}, "emb_size": support.HIDDEN, "pre_trained": "", "structure": [], "training": ""},
                {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0.1"}},
                {"do_sample": False, "max_length": 20, "num_beams": 1, "temperature": 1.0, "top_k": 50, "top_p": 1.0,
                 "repetition_penalty": 1.0, "length_penalty": 1.0, "num_return_sequences": 1, "eos_token_ids": 0}]):
            model = self.change_config(support.make_model(self.path("model-%d" % number)), **keys)
            self.assertEqual(self.vectors(model), expected)
            result = self.pals("convert", model, self.path("out-%d" % number))
            said = [line for line in result.stderr.splitlines() if "not used" in line]
            self.assertEqual(len(said), 1, result.stderr)
            self.assertLessEqual(len(said[0]), 300)

    def test_other_networks_are_refused(self):
        for number, (key, value) in enumerate([("is_decoder", True), ("position_embedding_type", "relative_key"),
                                               ("model_type", "roberta"), ("emb_size", 12)]):
            model = self.change_config(support.make_model(self.path("other-%d" % number)), **{key: value})
            for command in ["convert", model, self.path("out")], ["features", "--model", model]:
                self.check_words(self.error(*command, code=1), "config.json", key, json.dumps(value), "expected")

    def test_added_tokens(self):
        model = support.make_model(self.path("marked"))
        number = len(support.VOCABULARY)
        support.write_json(model + "/added_tokens.json", {"[E1]": number, "[/E1]": number + 1})
        weights = support.random_weights()
        shape, values = weights["embeddings.word_embeddings.weight"]
        weights["embeddings.word_embeddings.weight"] = (number + 2, shape[1]), list(values) + [0.1] * (2 * shape[1])
        support.write_safetensors(model + "/model.safetensors", weights)
        self.check_words(self.error("features", "--model", model, code=1), "%d tokens" % (number + 2), "vocab_size")
        self.change_config(model, vocab_size=number + 2)
        expected = ["[CLS]", "[E1]", "word1", "[/E1]", "word2", "[SEP]"]
        self.assertEqual(self.tokens(model, "[E1] word1[/E1] word2"), expected)
        # What was trained or converted has them, too.
        run = self.train("run", "--max_steps", "1", tasks="rte", model=model)
        self.pals("convert", model, self.path("converted"))
        for folder in run + "/final", self.path("converted"):
            self.assertEqual(read_json(folder, "added_tokens.json"), {"[E1]": number, "[/E1]": number + 1})
            with open(folder + "/vocab.txt", encoding="utf-8") as stream:
                self.assertEqual(stream.read().split("\n")[:-1], support.VOCABULARY)
            self.assertEqual(self.tokens(folder, "[E1] word1[/E1] word2"), expected)

    def test_special_tokens_in_text(self):
        text = "word1 [MASK] . word2 [SEP] word3"
        whole = ["[CLS]", "word1", "[MASK]", ".", "word2", "[SEP]", "word3", "[SEP]"]
        split = ["[CLS]", "word1"] + ["[UNK]"] * 3 + [".", "word2"] + ["[UNK]"] * 3 + ["word3", "[SEP]"]
        self.assertEqual(self.tokens(self.model, text), split)
        self.assertEqual(self.tokens(self.model, text, "--special_tokens_in_text"), whole)
        run = self.train("run", "--max_steps", "1", "--special_tokens_in_text", tasks="rte")
        self.assertIs(read_json(run, "final", "tokenizer_config.json")["special_tokens_in_text"], True)
        self.assertEqual(self.tokens(run + "/final", text), whole)
        self.assertEqual(self.tokens(run + "/final", text, "--special_tokens_in_text=false"), split)

    def shards(self, name, write, ending):
        """The model in two files and their index."""
        model = support.make_model(self.path(name))
        os.remove(model + "/model.safetensors")
        weights, places = list(support.random_weights().items()), {}
        base = "pytorch_model" if ending == ".bin" else "model"
        for number, part in enumerate([weights[:20], weights[20:]], 1):
            file = "%s-%05d-of-00002%s" % (base, number, ending)
            write(os.path.join(model, file), dict(part))
            places.update((key, file) for key, _ in part)
        support.write_json(model + "/" + base + ending + ".index.json",
                           {"metadata": {"total_size": 1}, "weight_map": places})
        return model, places

    def test_shards(self):
        expected = self.vectors(self.model)
        for ending, write in (".safetensors", support.write_safetensors), (".bin", support.write_pytorch):
            model, places = self.shards("sharded" + ending, write, ending)
            base = "/pytorch_model" if ending == ".bin" else "/model"
            index = model + base + ending + ".index.json"
            self.assertEqual(self.vectors(model), expected)
            self.assertEqual(self.pals("features", "--init_checkpoint", index, "--pooling", "cls", "--threads", 1,
                                       "--precision", "fp32", stdin="word1 splendid word2\n").stdout, expected)
            shard = model + base + "-00001-of-00002" + ending
            self.check_words(self.error("features", "--init_checkpoint", shard, code=1), "part", index)
            os.remove(shard)
            self.check_words(self.error("features", "--model", model, code=1), os.path.basename(shard), "missing")
            support.write_json(index, {"weight_map": {key: "../" + file for key, file in places.items()}})
            self.check_words(self.error("features", "--model", model, code=1), "same folder")

    def test_tokenizer_json_alone(self):
        expected = self.vectors(self.model)
        model = support.make_model(self.path("fast"))
        os.remove(model + "/vocab.txt")
        os.remove(model + "/tokenizer_config.json")
        tokenizer = {
            "version": "1.0", "added_tokens": [{"id": 4, "content": "[MASK]", "special": True, "normalized": False}],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100,
                      "vocab": {token: number for number, token in enumerate(support.VOCABULARY)}}}
        support.write_json(model + "/tokenizer.json", tokenizer)
        self.assertEqual(self.vectors(model), expected)
        self.assertEqual(self.tokens(model, "WORD1"), ["[CLS]", "word1", "[SEP]"])
        run = self.train("run", "--max_steps", "1", tasks="rte", model=model)
        with open(run + "/final/vocab.txt", encoding="utf-8") as stream:
            self.assertEqual(stream.read().split("\n")[:-1], support.VOCABULARY)
        tokenizer["normalizer"]["lowercase"] = False
        support.write_json(model + "/tokenizer.json", tokenizer)
        self.assertEqual(self.tokens(model, "WORD1"), ["[CLS]", "[UNK]", "[SEP]"])
        tokenizer["model"] = {"type": "BPE", "vocab": {}, "merges": []}
        support.write_json(model + "/tokenizer.json", tokenizer)
        self.check_words(self.error("features", "--model", model, code=1), "tokenizer.json", '"BPE"', "WordPiece")

    def test_training_checkpoints(self):
        weights = {"module." + support.reference_name(name): value for name, value in support.random_weights().items()}
        plain = self.path("plain.bin")
        support.write_pytorch(plain, weights)
        for key in "model_state_dict", "state", "state_dict":
            path = self.path(key + ".bin")
            beside = {"epoch": 3, "args": argparse.Namespace(lr=5e-5, task="mrpc"), "metrics": {}, key: None}
            dump = support._Pickler.dump

            def dump_beside(pickler, value):
                dump(pickler, dict(beside, **{key: value}))

            with mock.patch.object(support._Pickler, "dump", dump_beside):
                support.write_pytorch(path, weights)
            flags = ["--bert_config_file", self.model + "/config.json", "--vocab_file", self.model + "/vocab.txt",
                     "--do_lower_case"]
            self.pals("convert", path, self.path(key), *flags)
            self.pals("convert", plain, self.path(key + "-plain"), *flags)
            self.assertEqual(support.read_safetensors(self.path(key) + "/model.safetensors"),
                             support.read_safetensors(self.path(key + "-plain") + "/model.safetensors"))

    def test_optimizer_slots_of_tensorflow(self):
        folder = self.path("tf")
        os.makedirs(folder)
        weights, prefix = support.random_weights(3), folder + "/bert_model.ckpt"
        slots = ["adafactor_vr", "LAMB", "ExponentialMovingAverage"]
        add_slots(prefix, weights, slots, ["loss_scale", "global_step", "good_steps"])
        support.write_json(folder + "/bert_config.json", support.bert_config())
        support.write_text(folder + "/vocab.txt", "\n".join(support.VOCABULARY) + "\n")
        report = json.loads(self.pals("convert", folder, self.path("out"), "--json").stdout)
        self.assertEqual((report["tensors"], report["slots_left_out"]), (len(weights), 3 * len(weights) + 3))
        self.assertEqual(support.read_safetensors(self.path("out") + "/model.safetensors"),
                         {name: struct.pack("<%df" % len(values), *values) for name, (_, values) in weights.items()})
        message = self.error("convert", prefix + ".data-00000-of-00001", self.path("data"), code=1)
        self.check_words(message, "part of a checkpoint", "give " + prefix)

    def test_the_folder_of_a_run_is_answered_with_its_models(self):
        run = self.train("run", "--max_steps", "1", tasks="rte")
        for command in (["predict", "--model", run], ["convert", run, self.path("out")],
                        ["train", "--init_checkpoint", run, "--output_dir", self.path("x"), "--tasks", "rte",
                         "--data_dir", self.glue]):
            message = self.error(*command, code=1)
            self.assertRegex(message, "give " + run + "/(best|final)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
