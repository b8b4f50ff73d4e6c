"""`pals export`: what it writes where, and what it refuses. tests/export_check.py compares what the exports compute."""

import json
import os

import support
from support import PalsTest, read_json, read_safetensors


class Export(PalsTest):
    def setUp(self):
        super().setUp()
        self.run_folder = self.train("run", "--max_steps", "2", "--do_train", "--adapter", "pals")
        self.best = self.run_folder + "/final"

    def export(self, *arguments, model=None):
        return json.loads(self.pals("export", model or self.best, *arguments, "--json").stdout)

    def test_transformers(self):
        out = self.path("rte")
        report = self.export(out, "--format", "transformers", "--task", "rte")
        self.assertEqual(report, {"format": "transformers", "tasks": ["rte"], "adapters": ["pals"], "folded": False,
                                  "trust_remote_code": True, "written": out})
        self.assertEqual(sorted(os.listdir(out)), ["config.json", "model.safetensors", "modeling_pals.py",
                                                   "special_tokens_map.json", "tokenizer.json",
                                                   "tokenizer_config.json", "vocab.txt"])
        labels = {task["name"]: task["labels"] for task in read_json(self.best, "tasks.json")["tasks"]}["rte"]
        self.assertEqual(read_json(out, "config.json")["id2label"], dict(zip("01", labels)))
        own = read_safetensors(self.best + "/adapters/rte/pals_adapter.safetensors")
        self.assertEqual(read_safetensors(out + "/model.safetensors")["classifier.weight"], own["classifier.weight"])
        message = self.error("export", self.best, out, "--format", "transformers", "--task", "rte", code=2)
        self.check_words(message, "--overwrite")
        self.export(out, "--format", "transformers", "--task", "sst", "--overwrite")
        self.assertNotEqual(read_safetensors(out + "/model.safetensors")["classifier.weight"], own["classifier.weight"])

    def test_lora_is_folded(self):
        run = self.train("lora", "--max_steps", "2", "--do_train", "--adapter", "lora", "--learning_rate", "1e-2")
        report = self.export(self.path("plain"), "--format", "transformers", "--task", "sst", model=run + "/final")
        self.assertTrue(report["folded"] and not report["trust_remote_code"])
        name = "encoder.layer.0.attention.self.query.weight"
        folded = read_safetensors(self.path("plain", "model.safetensors"))
        self.assertNotEqual(folded["bert." + name], read_safetensors(run + "/final/model.safetensors")[name])
        # What is plain for transformers comes back as a model folder.
        self.pals("convert", self.path("plain"), self.path("back"), "--tasks", "sst")
        self.assertEqual(read_safetensors(self.path("back", "model.safetensors"))[name], folded["bert." + name])

    def test_onnx(self):
        report = self.export(self.path("all.onnx"))
        self.assertEqual((report["format"], report["tasks"]), ("onnx", ["rte", "sst"]))
        self.export(self.path("again.onnx"), "--format", "onnx")
        with open(self.path("all.onnx"), "rb") as one, open(self.path("again.onnx"), "rb") as other:
            content = one.read()
            self.assertEqual(content, other.read())
        for word in b"rte.logits", b"LayerNormalization", b"Erf", b"pals.tasks":
            self.assertIn(word, content)
        self.export(self.path("folder"), "--format", "onnx", "--task", "rte")
        self.assertLessEqual({"model.onnx", "tokenizer.json", "config.json"}, set(os.listdir(self.path("folder"))))
        os.mkdir(self.path("taken.onnx"))
        self.check_words(self.error("export", self.best, self.path("taken.onnx"), code=1), "is a folder")

    def test_sentence_transformers(self):
        self.export(self.path("vectors"), "--format", "sentence-transformers", "--normalize")
        modules = read_json(self.path("vectors", "modules.json"))
        self.assertEqual([module["path"] for module in modules], ["", "1_Pooling", "2_Normalize"])
        self.assertTrue(read_json(self.path("vectors", "1_Pooling/config.json"))["pooling_mode_mean_tokens"])
        shared = read_safetensors(self.best + "/model.safetensors")
        self.assertEqual(read_safetensors(self.path("vectors", "model.safetensors")), shared)
        report = self.export(self.path("encoder"), "--format", "transformers", model=self.model)
        self.assertEqual((report["tasks"], report["trust_remote_code"]), ([], False))

    def test_mistakes(self):
        out = self.path("out")
        cases = [
            ((self.best, out), ["--format is missing"]),
            ((self.best, out, "--format", "transformers"), ["--task: missing; its tasks: rte, sst"]),
            ((self.best, out, "--format", "transformers", "--task", "rtr"), ["rtr", "rte"]),
            ((self.best, out, "--format", "onnx", "--normalize"), ["--normalize", "sentence-transformers"]),
            ((self.best, self.path("out.onnx"), "--format", "transformers", "--task", "rte"), ["out.onnx"]),
            ((self.model, out, "--format", "onnx", "--task", "rte"), ["--task", "without tasks"]),
            ((self.best,), ["found 1"]),
            ((self.best, self.best, "--format", "onnx"), ["input itself"]),
        ]
        for arguments, words in cases:
            self.check_words(self.error("export", *arguments, code=2), *words)
            self.assertFalse(os.path.exists(out) or os.path.exists(self.path("out.onnx")), arguments)
        os.mkdir(self.path("mine"))
        support.write_text(self.path("mine", "keep"), "x")
        self.error("export", self.best, self.path("mine"), "--format", "onnx", "--overwrite", code=1)
        self.assertEqual(os.listdir(self.path("mine")), ["keep"])

    def test_names_of_onnx_files_are_no_folders(self):
        name = self.path("model.onnx")
        for arguments in (["convert", self.best, name], ["convert", self.best, name, "--to", "folder"],
                          ["remove-task", "--model", self.best, "--tasks", "rte", "--output", name],
                          ["eval", "--model", self.best, "--data_dir", self.glue, "--output_dir", name],
                          ["compare", *self.train_arguments("model.onnx")[1:], "--adapters", "pals", "--seeds", "1"],
                          self.train_arguments("model.onnx", "--max_steps", "1")):
            self.check_words(self.error(*arguments, code=2), "model.onnx", "ONNX")
            self.assertFalse(os.path.exists(name), arguments)

    def test_convert_writes_complete_folders(self):
        run = self.train("none", "--max_steps", "2", "--do_train", "--adapter", "none", tasks="sst")
        self.pals("convert", run + "/final", self.path("one", "model.safetensors"), "--names", "transformers")
        self.pals("convert", run + "/final", self.path("two"), "--names", "transformers")
        for folder in "one", "two":
            self.assertEqual(sorted(os.listdir(self.path(folder))),
                             ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json",
                              "tokenizer_config.json", "vocab.txt"])
            config = read_json(self.path(folder, "config.json"))
            self.assertEqual((config["architectures"], config["problem_type"], len(config["id2label"])),
                             (["BertForSequenceClassification"], "single_label_classification", 2))
        self.assertEqual(read_safetensors(self.path("one", "model.safetensors")),
                         read_safetensors(self.path("two", "model.safetensors")))
        self.pals("convert", self.path("one"), self.path("back"), "--tasks", "sst")
        message = self.error("convert", self.best, self.path("three"), "--names", "transformers", code=2)
        self.check_words(message, "pals export")
