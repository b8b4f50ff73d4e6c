"""Tasks of a trained model: one more on frozen weights, fewer, those of several models put together."""

import json
import os
import shutil
import signal
import time
import unittest

import support
from support import PalsTest, read_json, read_safetensors

KINDS = ["none", "lora", "houlsby", "pals_lhuc", "top_attention"]
TEXTS = "the film is good\nbad , bad .\n%s\n" % support.WORDS[3]


def files_of(folder):
    """Path below the folder -> bytes."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, folder)] = stream.read()
    return found


class TasksTest(PalsTest):
    def setUp(self):
        super().setUp()
        rows = [("the film is %s" % word, label) for word, label in (("good", "yes"), ("bad", "no")) * 8]
        self.data = self.path("rows.tsv")
        support.write_text(self.data, "".join("%s\t%s\n" % row for row in rows))

    def task_file(self, *names, **more):
        shared = {"kind": "classification", "text_a": 0, "label": 1, "labels": ["no", "yes"], "train": self.data,
                  "dev": self.data, **more}
        return support.write_json(self.path("-".join(names) + ".json"),
                                  {"tasks": [{"name": name, **shared} for name in names]})

    def trained(self, *flags, tasks="rte,sst", run="trained"):
        return self.train(run, "--adapter", "pals", "--max_steps", "4", "--num_train_epochs", "1", "--learning_rate",
                          "1e-3", *flags, tasks=tasks) + "/best"

    def add(self, model, names, out, *flags, code=0, **more):
        arguments = ["add-task", "--model", model, "--task_file", self.task_file(*names, **more), "--tasks",
                     ",".join(names), "--output_dir", self.path(out), "--train_batch_size", "4", "--precision", "fp32",
                     "--threads", "1", "--learning_rate", "1e-2", *flags]
        if code:
            return self.error(*arguments, code=code)
        return self.pals(*arguments)

    def answers(self, model, tasks):
        text = self.pals("predict", "--model", model, "--tasks", tasks, "--json", "--precision", "fp32", "--threads", "1",
                         stdin=TEXTS).stdout
        return [json.loads(line) for line in text.splitlines()]

    def check_kept(self, old, new, added):
        before, after = files_of(old), files_of(new)
        before.pop("tasks.json")
        tasks = json.loads(after.pop("tasks.json"))["tasks"]
        own = {name for name in after if name.split("/")[:2] in [["adapters", task] for task in added]}
        self.assertEqual({name: after[name] for name in after if name not in own}, before)
        self.assertEqual(len(own), 2 * len(added))
        self.assertEqual([task["name"] for task in tasks],
                         [task["name"] for task in read_json(old, "tasks.json")["tasks"]] + added)
        self.assertEqual(tasks[:-len(added)], read_json(old, "tasks.json")["tasks"])


class AddedTasks(TasksTest):
    def test_old_tasks_stay_bit_for_bit(self):
        old = self.trained()
        support.write_text(old + "/NOTES.md", "a file of the user's\n")
        wanted = self.answers(old, "sst")
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.add(old, ["mood"], kind, "--adapter", kind, "--max_steps", "6", "--num_train_epochs", "2")
                run = self.path(kind)
                self.assertLessEqual({".lock", "best", "checkpoints", "dev_predictions", "eval_results.json", "final",
                                      "identity.json", "metrics.jsonl", "run_config.json"}, set(os.listdir(run)))
                self.assertFalse(os.path.exists(run + "/best_tasks"))
                for name in "best", "final":
                    self.check_kept(old, "%s/%s" % (run, name), ["mood"])
                    self.assertEqual(self.answers("%s/%s" % (run, name), "sst"), wanted)
                self.assertEqual(read_json(run, "final/adapters/mood/pals_adapter.json")["adapter"]["kind"], kind)
                shown = json.loads(self.pals("eval", "--model", run + "/best", "--data_dir", self.glue, "--precision",
                                             "fp32", "--threads", "1", "--json").stdout)
                self.assertEqual(shown["tasks"]["mood"], read_json(run, "eval_results.json")["tasks"]["mood"])
                self.assertEqual(set(shown["tasks"]), {"rte", "sst", "mood"})

    def test_several_at_once_and_again(self):
        old = self.trained()
        self.add(old, ["one", "two"], "more", "--max_steps", "4", "--num_train_epochs", "2")
        run = self.path("more")
        folders = ["best", "final", "best_tasks/one", "best_tasks/two"]
        for name in folders:
            self.check_kept(old, run + "/" + name, ["one", "two"])
        self.assertEqual(read_json(run, "best/adapters/one/pals_adapter.json")["adapter"]["kind"], "pals")  # the model's
        self.add(run + "/final", ["three"], "again", "--adapter", "lora", "--max_steps", "2", "--num_train_epochs", "1")
        self.check_kept(run + "/final", self.path("again/final"), ["three"])

    def test_a_stopped_run_goes_on_to_the_same(self):
        old = self.trained()
        flags = ["--adapter", "lora", "--max_steps", "400", "--num_train_epochs", "4", "--save_checkpoints_steps", "20"]
        self.add(old, ["mood"], "whole", *flags)
        arguments = ["add-task", "--model", old, "--task_file", self.task_file("mood"), "--tasks", "mood", "--output_dir",
                     self.path("parts"), "--train_batch_size", "4", "--precision", "fp32", "--threads", "1",
                     "--learning_rate", "1e-2", *flags]
        process = support.start(arguments)
        end = time.time() + 60
        folder = self.path("parts/checkpoints")
        while time.time() < end and not (os.path.isdir(folder) and any(name.endswith(".safetensors")
                                                                       for name in os.listdir(folder))):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        again = self.pals("train", "--config", self.path("parts/run_config.json"))  # a run like any other
        self.assertIn("going on at step", again.stderr)
        self.assertEqual(files_of(self.path("whole/final")), files_of(self.path("parts/final")))
        self.assertIn("best model", self.add(old, ["mood"], "parts", *flags).stdout)
        self.check_words(self.add(old, ["mood"], "parts", *flags, "--seed", "9", code=2), "other values of seed")

    def test_what_does_not_fit_is_refused(self):
        old = self.trained(tasks="sst")
        taken = self.add(old, ["rte"], "bad", code=2)
        self.check_words(taken, "GLUE")
        message = self.error("add-task", "--model", old, "--data_dir", self.glue, "--tasks", "sst", "--output_dir",
                             self.path("bad"), code=2)
        self.check_words(message, "sst", "already", "remove-task")
        self.check_words(self.add(self.model, ["mood"], "bad", code=1), "pals")
        self.check_words(self.add(old, ["mood"], "bad", "--freeze", code=2), "--freeze")
        self.check_words(self.add(old, ["mood"], "trained", "--overwrite_output_dir", code=2), "--output_dir", "holds")
        self.check_words(self.add(old, ["mood"], "trained/best/x", code=2), "--output_dir", "lies in")
        self.assertFalse(os.path.exists(self.path("bad")))
        for flags, words in ((["--keep_tasks"], "--freeze_all"), (["--keep_tasks", "--freeze_all", "--dropout", "0"], "dropout"),
                             (["--freeze", "--freeze_all"], "LayerNorms")):
            message = self.error(*self.train_arguments("bad", *flags, tasks="rte", model=old), code=2)
            self.check_words(message, words)
        message = self.error(*self.train_arguments("bad", "--keep_tasks", "--freeze_all", "--max_seq_length", "16",
                                                   tasks="rte", model=old), code=2)
        self.check_words(message, "--max_seq_length")
        pooled = self.trained("--task_pooler", tasks="sst", run="pooled")
        self.check_words(self.add(pooled, ["mood"], "bad", "--adapter", "lora", code=2), "--task_pooler")
        self.add(pooled, ["mood"], "own", "--adapter", "lora", "--task_pooler", "--max_steps", "2")
        self.check_kept(pooled, self.path("own/final"), ["mood"])
        self.add(old, ["mood"], "own2", "--adapter", "lora", "--task_pooler", "--max_steps", "2")
        self.check_kept(old, self.path("own2/final"), ["mood"])

    def test_freeze_all(self):
        before = read_safetensors(self.model + "/model.safetensors")
        for kind in "none", "lora":
            run = self.train(kind, "--adapter", kind, "--max_steps", "6", "--freeze_all", "--learning_rate", "1e-2")
            self.assertEqual(read_safetensors(run + "/final/model.safetensors"), before)
            more = self.train(kind + "-more", "--adapter", kind, "--max_steps", "9", "--freeze_all", "--learning_rate",
                              "1e-2", "--recompute")
            one, two = (read_safetensors(folder + "/final/adapters/sst/pals_adapter.safetensors") for folder in (run, more))
            self.assertTrue(all(one[name] != two[name] for name in one))


class OtherTasks(TasksTest):
    def setUp(self):
        super().setUp()
        flags = ["--freeze_all", "--learning_rate", "1e-2", "--max_steps", "6", "--num_train_epochs", "1"]
        self.one = self.train("one", "--adapter", "lora", *flags, tasks="cola,sst") + "/final"
        self.two = self.train("two", "--adapter", "low_rank", *flags, tasks="rte") + "/final"

    def merge(self, *folders, code=0, out="merged"):
        arguments = ["merge-tasks", *folders, "--output", self.path(out)]
        if code:
            return self.error(*arguments, code=code)
        self.pals(*arguments)
        return self.path(out)

    def test_remove(self):
        out = self.path("left")
        self.pals("remove-task", "--model", self.one, "--tasks", "sst", "--output", out)
        self.assertEqual({name: data for name, data in files_of(self.one).items()
                          if not name.startswith("adapters/sst") and name != "tasks.json"},
                         {name: data for name, data in files_of(out).items() if name != "tasks.json"})
        self.assertEqual(self.answers(out, "cola"), self.answers(self.one, "cola"))
        remove = ["remove-task", "--model", self.one, "--output"]
        self.check_words(self.error(*remove, out, "--tasks", "cola", code=2), "--overwrite")
        self.pals(*remove, out, "--tasks", "cola", "--overwrite")
        self.assertEqual([task["name"] for task in read_json(out, "tasks.json")["tasks"]], ["sst"])
        self.check_words(self.error(*remove, self.path("x"), "--tasks", "cola,sst", code=2), "all tasks", "--encoder_only")
        self.check_words(self.error(*remove, self.path("x"), "--tasks", "sts", code=2), "no task", '"sts"', "sst")
        self.check_words(self.error(*remove, self.one, "--tasks", "sst", code=2), "--output")
        self.check_words(self.error("remove-task", "--model", self.one, "--tasks", "sst", code=2), "--output")
        self.assertFalse(os.path.exists(self.path("x")))

    def test_merge(self):
        merged = self.merge(self.one, self.two)
        after = files_of(merged)
        for folder in self.one, self.two:
            for name, data in files_of(folder).items():
                if name != "tasks.json":
                    self.assertEqual(after[name], data, name)
        for folder, task in ((self.one, "sst"), (self.one, "cola")):
            self.assertEqual(self.answers(merged, task), self.answers(folder, task))
        mixed = self.answers(merged, "sst,cola")
        self.assertEqual([line["cola"] for line in mixed], self.answers(self.one, "cola"))
        pairs = "it rains\tit is wet\n"
        one, two = (self.pals("predict", "--model", model, "--tasks", "rte", "--json", "--precision", "fp32", "--threads",
                              "1", stdin=pairs).stdout for model in (merged, self.two))
        self.assertEqual(one, two)
        self.assertEqual([task["name"] for task in read_json(merged, "tasks.json")["tasks"]], ["cola", "sst", "rte"])

    def test_what_does_not_fit_is_not_merged(self):
        self.check_words(self.merge(self.one, self.one, code=2), "cola", "remove-task")
        self.check_words(self.merge(self.one, code=2), "two or more")
        other = self.train("other", "--adapter", "lora", "--freeze", "--learning_rate", "1e-2", "--max_steps", "3",
                           tasks="rte") + "/final"
        self.check_words(self.merge(self.one, other, code=1), "rte", "other shared weights", "--freeze_all")
        longer = self.train("longer", "--adapter", "lora", "--freeze_all", "--max_steps", "1", "--max_seq_length", "40",
                            tasks="rte") + "/final"
        self.check_words(self.merge(self.one, longer, code=1), "rte", "max_seq_length")
        damaged = self.path("damaged")
        shutil.copytree(self.two, damaged)
        with open(damaged + "/adapters/rte/pals_adapter.safetensors", "r+b") as stream:
            stream.seek(-4, os.SEEK_END)
            stream.write(b"\0\0\0\1")
        self.check_words(self.merge(self.one, damaged, code=1), "rte", "hash")
        self.check_words(self.merge(self.one, self.model, code=1), "pals")
        before = files_of(self.one)
        self.check_words(self.merge(self.one, self.two, code=2, out="one/final/x"), "lies in " + self.one)
        self.check_words(self.merge(self.two, self.one, code=2, out="one/final/x"), "lies in " + self.one)
        self.check_words(self.error("remove-task", "--model", self.one, "--tasks", "sst", "--output", self.one + "/x",
                                    code=2), "lies in " + self.one)
        self.assertEqual(files_of(self.one), before)
        self.assertFalse(os.path.exists(self.path("merged")))


if __name__ == "__main__":
    unittest.main()
