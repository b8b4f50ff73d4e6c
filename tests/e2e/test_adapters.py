"""Adapters in `pals train`: every kind, kinds of single tasks, chosen layers, frozen parts, rates, accumulation."""

import json
import os
import unittest

import support
from support import PalsTest, metrics, read_json, read_safetensors


def adapter_of(run, task):
    return read_json(run, "final", "adapters", task, "pals_adapter.json")["adapter"]


def changed(before, after):
    """Names of the tensors that differ."""
    return {name for name in before if before[name] != after[name]}


class Adapters(PalsTest):
    def test_every_kind_trains_and_saves(self):
        for kind in support.adapter_kinds():
            with self.subTest(kind=kind):
                run = self.train(kind, "--adapter", kind, "--max_steps", "3", "--task_pooler",
                                 "--learning_rate", "1e-3")
                self.assertEqual(adapter_of(run, "sst")["kind"], kind)
                tensors = read_safetensors(run + "/final/adapters/sst/pals_adapter.safetensors")
                self.assertIn("classifier.weight", tensors)
                self.assertIn("pooler.dense.weight", tensors)
                self.assertEqual(len(tensors) > 4, kind != "none")
                shown = json.loads(self.pals("eval", "--model", run + "/best", "--data_dir", self.glue,
                                             "--precision", "fp32", "--threads", 1, "--json").stdout)
                results = read_json(run, "eval_results.json")
                self.assertEqual(shown["tasks"], results["tasks"])

    def test_tasks_have_adapters_of_their_own(self):
        rows = [("the film is %s" % word, label) for word, label in (("good", "yes"), ("bad", "no")) * 8]
        data = self.path("rows.tsv")
        with open(data, "w", encoding="utf-8") as stream:
            stream.writelines("%s\t%s\n" % row for row in rows)
        adapters = {"one": {"kind": "lora", "rank": 3, "targets": ["query", "output"]}, "two": {"kind": "houlsby"},
                    "three": None}
        shared = {"kind": "classification", "text_a": 0, "label": 1, "labels": ["no", "yes"], "train": data, "dev": data}
        file = support.write_json(self.path("tasks.json"), {"tasks": [
            {"name": name, **shared, **({"adapter": adapter} if adapter else {})} for name, adapter in adapters.items()]})
        flags = ["--task_file", file, "--tasks", "one,two,three", "--init_checkpoint", self.model, "--adapter", "pals",
                 "--max_steps", "9", "--learning_rate", "1e-2", "--precision", "fp32", "--threads", "1",
                 "--max_seq_length", "16", "--train_batch_size", "4", "--num_train_epochs", "1"]
        run = self.path("run")
        result = self.pals("train", *flags, "--output_dir", run)
        self.assertIn("adapter lora, houlsby, pals,", result.stderr)
        one = adapter_of(run, "one")
        self.assertEqual((one["kind"], one["rank"], one["alpha"], one["targets"]), ("lora", 3, 6, ["query", "output"]))
        self.assertEqual([adapter_of(run, task)["kind"] for task in ("two", "three")], ["houlsby", "pals"])
        self.assertNotIn("adapter", json.dumps(read_json(run, "final", "tasks.json")))
        names = read_safetensors(run + "/final/adapters/one/pals_adapter.safetensors")
        self.assertIn("layer.1.attention.self.query.lora_A.weight", names)
        self.assertNotIn("layer.1.attention.self.key.lora_A.weight", names)

        def answers(tasks):
            text = self.pals("predict", "--model", run + "/final", "--tasks", tasks, "--json", "--precision", "fp32",
                             "--threads", "1", stdin="the film is good\nbad\n").stdout
            return [json.loads(line) for line in text.splitlines()]
        mixed = answers("one,two,three")
        for task in adapters:
            self.assertEqual([line[task] for line in mixed], answers(task))
        # Flags that no task is left for are no settings.
        for flag, value in (("--adapter", "pals"), ("--rank", "4"), ("--alpha", "2"), ("--targets", "key"),
                            ("--adapter_size", "12"), ("--h_aug", "12"), ("--adapter_layers", "0")):
            message = self.error("train", "--task_file", file, "--tasks", "one,two", "--init_checkpoint", self.model,
                                 "--output_dir", self.path("idle"), flag, value, code=2)
            self.check_words(message, flag.replace("h_aug", "adapter_size") + " changes nothing", "adapter")
            message = self.error("bench", "--task_file", file, "--tasks", "one,two", "--model", self.model,
                                 *([flag, value] if flag != "--h_aug" else ["--rank", "4"]), code=2)
            self.check_words(message, "changes nothing")
        # Further training takes each task's parts along; another kind starts anew.
        more = self.pals("train", "--task_file", file, "--tasks", "one,two,three", "--init_checkpoint", run + "/final",
                         "--max_steps", "1", "--max_seq_length", "16", "--output_dir", self.path("more"))
        self.assertIn("loaded for one, two, three", more.stderr)
        bad = {**read_json(file)}
        bad["tasks"][0]["adapter"] = {"kind": "lora", "size": 3}
        message = self.error("train", "--task_file", support.write_json(self.path("bad.json"), bad), *flags[2:],
                             "--output_dir", self.path("bad"), code=2)
        self.check_words(message, "task one", '"size"', "lora", "rank")

    def test_chosen_layers(self):
        for kind in "pals", "houlsby", "low_rank", "lhuc":
            run = self.train(kind, "--adapter", kind, "--adapter_layers", "1-1", "--max_steps", "3")
            names = read_safetensors(run + "/final/adapters/rte/pals_adapter.safetensors")
            self.assertTrue(any("layer.1." in name for name in names), names)
            self.assertFalse(any("layer.0." in name for name in names), names)
            self.assertEqual(adapter_of(run, "rte")["layers"], [1])

    def test_freeze(self):
        before = read_safetensors(self.model + "/model.safetensors")
        run = self.train("run", "--adapter", "pals", "--max_steps", "8", "--freeze", "--learning_rate", "1e-3")
        after = read_safetensors(run + "/final/model.safetensors")
        self.assertEqual(changed(before, after), {name for name in before if "LayerNorm" in name})
        start = self.train("start", "--adapter", "pals", "--max_steps", "1", "--freeze")  # the first rate is 0
        for task in "rte", "sst":
            file = "/final/adapters/%s/pals_adapter.safetensors" % task
            one, two = read_safetensors(start + file), read_safetensors(run + file)
            # A query's key bias has no effect: its gradient is rounding alone.
            self.assertEqual({name for name in changed(one, two) if "key.bias" not in name},
                             {name for name in one if "key.bias" not in name})

    def test_tasks_that_are_not_drawn_do_not_move(self):
        start = self.train("start", "--adapter", "low_rank", "--max_steps", "1", tasks="rte,sst")
        run = self.train("run", "--adapter", "low_rank", "--max_steps", "2", "--warmup_proportion", "0",
                         "--do_train", "--sample", "prop", "--seed", "8", tasks="rte,sst")
        drawn = {line["task"] for line in metrics(run)[0]}
        for task in "rte", "sst":
            file = "/final/adapters/%s/pals_adapter.safetensors" % task
            other = self.train("other", "--adapter", "low_rank", "--max_steps", "1", "--seed", "8",
                               "--overwrite_output_dir")
            moved = read_safetensors(other + file) != read_safetensors(run + file)
            self.assertEqual(moved, task in drawn, (task, drawn))
        self.assertTrue(os.path.exists(start))

    def test_split_moves_the_attention_faster(self):
        flags = ["--adapter", "pals", "--max_steps", "2", "--warmup_proportion", "0", "--learning_rate", "1e-6",
                 "--dropout", "0"]
        runs = [self.train("split", *flags, "--optim", "split", tasks="rte"),
                self.train("normal", *flags, tasks="rte"),
                self.train("start", *flags[:2], "--max_steps", "1", *flags[6:], tasks="rte")]
        split, normal, fresh = (read_safetensors(run + "/final/adapters/rte/pals_adapter.safetensors")
                                for run in runs)

        def distance(tensors, name):
            pairs = zip(support.floats(tensors[name]), support.floats(fresh[name]))
            return max(abs(a - b) for a, b in pairs)

        attention = [name for name in fresh if ".query." in name or ".value." in name]
        self.assertTrue(attention)
        for name in attention:
            self.assertGreater(distance(split, name), 50 * distance(normal, name), name)
        self.assertLess(distance(split, "classifier.weight"), 3 * distance(normal, "classifier.weight"))

    def test_accumulation_changes_nothing(self):
        flags = ["--dropout", "0", "--max_steps", "6", "--adapter", "pals", "--learning_rate", "1e-3", "--do_train"]
        one = self.train("one", *flags)
        two = self.train("two", *flags, "--gradient_accumulation_steps", "2")
        four = self.train("four", *flags, "--gradient_accumulation_steps", "4")
        for run in two, four:
            for a, b in zip(metrics(one)[0], metrics(run)[0]):
                self.assertEqual((a["task"], a["rows"], a["tokens"]), (b["task"], b["rows"], b["tokens"]))
                self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-6 * (1 + abs(a["loss"])))

    def test_bf16(self):
        flags = ["--max_steps", "8", "--adapter", "pals", "--dropout", "0", "--do_train"]
        one = self.train("one", *flags)
        two = self.train("two", *flags, "--precision", "bf16")
        for a, b in zip(metrics(one)[0], metrics(two)[0]):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=0.02)


if __name__ == "__main__":
    unittest.main()
