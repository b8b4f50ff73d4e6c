"""`pals train`: the reference's flags and today's, configuration files, own tasks, sampling."""

import collections
import json
import os
import random
import shutil
import unittest

import support
from support import PalsTest, metrics, read_json, read_safetensors


def adapter_of(run, task):
    return read_json(run, "final", "adapters", task, "pals_adapter.json")["adapter"]


class ReferenceCommand(PalsTest):
    def bert_base(self):
        """The files that the reference's README speaks of."""
        support.write_json(self.path("pals_config.json"),
                           support.bert_config(hidden_size_aug=12, mult=True, pals=True))
        support.write_text(self.path("vocab.txt"), "\n".join(support.VOCABULARY) + "\n")
        weights = {support.reference_name(name): value for name, value in support.random_weights().items()}
        support.write_pytorch(self.path("pytorch_model.bin"), weights)
        return self.folder

    def test_readme_command(self):
        base = self.bert_base()
        run = self.path("saved", "pals")
        self.pals("train", "--seed", 42, "--output_dir", run, "--tasks", "all", "--sample", "anneal", "--multi",
                  "--do_train", "--do_eval", "--do_lower_case", "--data_dir", self.glue + "/",
                  "--vocab_file", base + "/vocab.txt", "--bert_config_file", base + "/pals_config.json",
                  "--init_checkpoint", base + "/pytorch_model.bin", "--max_seq_length", 128,
                  "--train_batch_size", 32, "--learning_rate", "2e-5", "--num_train_epochs", "25.0",
                  "--gradient_accumulation_steps", 1, "--max_steps", 50)
        steps, evaluations = metrics(run)
        self.assertEqual([line["step"] for line in steps], list(range(50)))
        self.assertEqual(len(evaluations), 25)
        results = read_json(run, "eval_results.json")
        self.assertEqual(sorted(results["tasks"]), sorted(support.TASKS))
        names = {task: sorted(set(scores) - {"loss", "examples", "score"})
                 for task, scores in results["tasks"].items()}
        self.assertEqual(names, {"cola": ["matthews"], "mrpc": ["accuracy", "f1"],
                                 "mnli": ["accuracy", "accuracy_mismatched"], "rte": ["accuracy"],
                                 "sts": ["pearson", "spearman"], "sst": ["accuracy"], "qqp": ["accuracy", "f1"],
                                 "qnli": ["accuracy"]})
        for folder in ["final", "best"] + ["best_tasks/" + task for task in support.TASKS]:
            self.assertTrue(os.path.exists(os.path.join(run, folder, "model.safetensors")), folder)
        # Anneal: 25 epochs, the rates go up to 2e-5 over the first tenth, then down.
        rates = [line["learning_rate"] for line in steps]
        self.assertEqual(rates[0], 0.0)
        self.assertAlmostEqual(max(rates), 2e-5 * 0.9, places=9)
        self.assertEqual(rates.index(max(rates)), 5)

    def test_reference_defaults_to_three_hundred_steps_a_task(self):
        run = self.train("run", "--num_train_epochs", "0.01", "--do_train", tasks="inf")
        self.assertEqual(len(metrics(run)[0]), 9)

    def test_one_task_is_a_pass_over_its_rows(self):
        run = self.train("run", "--task_id", "4", "--num_train_epochs", "2", "--do_train", tasks="single")
        steps, evaluations = metrics(run)
        self.assertEqual({line["task"] for line in steps}, {"sts"})
        self.assertEqual(len(steps), 2 * 8)  # 60 rows in batches of 8
        for epoch in steps[:8], steps[8:]:
            self.assertEqual(sum(line["rows"] for line in epoch), 60)
        self.assertEqual(evaluations, [])
        self.assertFalse(os.path.exists(run + "/best"))

    def test_qqp_skips_bad_rows_and_says_so(self):
        result = self.pals(*self.train_arguments("run", "--num_train_epochs", "1", "--do_train", tasks="qqp"))
        self.assertEqual(sum(line["rows"] for line in metrics(self.path("run"))[0]), 180)
        self.check_words(result.stderr, "qqp train: 36 rows", "skipped")

    def test_h_aug_is_the_adapter_size(self):
        one = self.train("one", "--max_steps", "2", "--adapter", "pals", "--h_aug", "18")
        two = self.train("two", "--max_steps", "2", "--adapter", "pals", "--adapter_size", "18")
        self.assertEqual(adapter_of(one, "rte")["size"], 18)
        self.assertEqual(read_safetensors(one + "/final/adapters/rte/pals_adapter.safetensors"),
                         read_safetensors(two + "/final/adapters/rte/pals_adapter.safetensors"))

    def test_checkpoint_formats_are_the_same_to_us(self):
        base = self.bert_base()
        support.write_safetensors(self.path("weights.safetensors"), support.random_weights())
        files = ["--vocab_file", base + "/vocab.txt", "--bert_config_file", base + "/pals_config.json",
                 "--do_lower_case", "--multi", "--max_steps", "3"]
        runs = [self.train("zip", *files, model=base + "/pytorch_model.bin"),
                self.train("safetensors", *files, model=base + "/weights.safetensors"),
                self.train("folder", "--multi", "--max_steps", "3", "--adapter", "pals", "--adapter_size", "12"),
                self.train("keys", "--multi", "--max_steps", "3", "--bert_config_file",
                           base + "/pals_config.json")]
        first = read_safetensors(runs[0] + "/final/model.safetensors")
        self.assertEqual(len(first), len(support.model_shapes()))
        for run in runs[1:]:
            self.assertEqual(first, read_safetensors(run + "/final/model.safetensors"), run)

    def test_train_further_from_a_finished_run(self):
        flags = ["--max_steps", "1", "--seed", "5"]  # the first rate is 0: what was loaded comes out
        one = self.train("one", "--max_steps", "9", "--adapter", "low_rank", "--adapter_size", "5", tasks="rte,sst")
        two = self.train("two", *flags, model=one + "/final", tasks="sst,cola,rte")
        three = self.train("three", *flags, "--multi", "--adapter", "low_rank", model=one + "/final")
        four = self.train("four", *flags, "--adapter", "pals", model=one + "/final")
        self.assertEqual(adapter_of(four, "rte")["kind"], "pals")
        for run in two, three, four:
            self.assertEqual(read_safetensors(one + "/final/model.safetensors"),
                             read_safetensors(run + "/final/model.safetensors"))
        for task in "rte", "sst":
            file = "/final/adapters/%s/pals_adapter.safetensors" % task
            self.assertEqual(read_safetensors(one + file), read_safetensors(two + file))
            fresh = read_safetensors(three + file)
            self.assertEqual({name: len(data) for name, data in read_safetensors(one + file).items()},
                             {name: len(data) for name, data in fresh.items()})
            self.assertNotEqual(read_safetensors(one + file), fresh)

class Options(PalsTest):
    def test_dashes_and_comma_lists(self):
        run = self.path("run")
        self.pals("train", "--data-dir", self.glue, "--init-checkpoint=" + self.model, "--tasks", "mrpc,cola,sts",
                  "--output-dir", run, "--max-seq-length", 24, "--train-batch-size=4", "--max-steps", 6)
        steps, _ = metrics(run)
        self.assertEqual([line["task"] for line in steps], ["mrpc", "cola", "sts"] * 2)
        self.assertEqual({line["rows"] for line in steps}, {4})
        self.assertEqual(sorted(read_json(run, "eval_results.json")["tasks"]), ["cola", "mrpc", "sts"])

    def test_config_file_replays_a_run(self):
        one = self.train("one", "--max_steps", "5", "--adapter", "pals", "--sample", "sqrt", "--seed", "3",
                         "--multi", "--freeze", "--dropout", "0.2", "--save_best_tasks", "false")
        two = self.path("two")
        self.pals("train", "--config", one + "/run_config.json", "--output_dir", two)
        self.assertEqual(metrics(one), metrics(two))
        self.assertEqual(read_safetensors(one + "/final/model.safetensors"),
                         read_safetensors(two + "/final/model.safetensors"))
        self.assertFalse(os.path.exists(two + "/best_tasks"))
        first, second = read_json(one, "run_config.json"), read_json(two, "run_config.json")
        self.assertEqual({key for key in first if first[key] != second[key]}, {"output_dir"})
        # Flags override the file, wherever they stand.
        self.pals("train", "--seed", 4, "--config=" + one + "/run_config.json", "--output_dir", self.path("three"))
        self.assertEqual(read_json(self.path("three"), "run_config.json")["seed"], 4)

    def test_config_file_with_a_task_number(self):
        config = support.write_json(self.path("options.json"), {
            "data-dir": self.glue, "init_checkpoint": self.model, "tasks": "single", "task_id": 3, "max_steps": 2,
            "do_train": True, "do_eval": False, "output_dir": self.path("run")})
        self.pals("train", "--config", config)
        self.assertEqual({line["task"] for line in metrics(self.path("run"))[0]}, {"rte"})

    def test_json_output(self):
        result = self.pals(*self.train_arguments("run", "--max_steps", "2", "--json"))
        self.assertEqual(json.loads(result.stdout), read_json(self.path("run"), "eval_results.json"))
        info = json.loads(self.pals("info", "--json").stdout)
        for key in "version", "devices", "instruction_sets", "threads":
            self.assertIn(key, info)
        self.assertIn("version: ", self.pals("info").stdout)

    def test_predictions_of_dev_rows_give_the_scores(self):
        run = self.train("run", "--max_steps", "6", "--num_train_epochs", "2", tasks="mnli,sts,mrpc")
        results, (_, evaluations) = read_json(run, "eval_results.json"), metrics(run)
        self.assertEqual(results["version"], 2)
        for place, scores, step in ("", results, results["step"]), ("last/", results["last"], 6):
            rows = {}
            for task in "mnli", "sts", "mrpc":
                with open(run + "/dev_predictions/%s%s.jsonl" % (place, task), encoding="utf-8") as stream:
                    head, *rows[task] = [json.loads(line) for line in stream]
                self.assertEqual((head["version"], head["task"], head["step"]), (1, task, step))
            for split, metric in ("dev_matched", "accuracy"), ("dev_mismatched", "accuracy_mismatched"):
                own = [row for row in rows["mnli"] if row["split"] == split]
                self.assertEqual([row["row"] for row in own], list(range(24)))
                right = sum(row["gold"] == row["prediction"] for row in own)
                self.assertAlmostEqual(right / 24, scores["tasks"]["mnli"][metric])
                with open(os.path.join(self.glue, "MNLI", split + ".tsv"), encoding="utf-8") as stream:
                    self.assertEqual([row["gold"] for row in own],
                                     [line.rstrip("\n").split("\t")[-1] for line in stream][1:])
            for row in rows["mnli"] + rows["mrpc"]:
                self.assertAlmostEqual(sum(row["probabilities"]), 1.0, places=5)
            with open(os.path.join(self.glue, "STS-B", "dev.tsv"), encoding="utf-8") as stream:
                values = [float(line.split("\t")[-1]) for line in stream.readlines()[1:]]
            for row, value in zip(rows["sts"], values):
                self.assertAlmostEqual(row["gold"], value, places=5)
            loss = sum(((row["gold"] - row["prediction"]) / 5) ** 2 for row in rows["sts"]) / 24
            self.assertAlmostEqual(loss, scores["tasks"]["sts"]["loss"], places=5)
        self.assertEqual(evaluations[-1]["evaluation"], results["last"])

    def test_evaluate_only(self):
        run = self.train("run", "--do_eval")
        self.assertEqual(set(read_json(run, "eval_results.json")["tasks"]), {"rte", "sst"})
        self.assertFalse(os.path.exists(run + "/final"))

    def test_help(self):
        text = self.pals("--help").stdout
        self.check_words(text, "train", "eval", "predict", "info")
        self.check_words(self.pals("train", "--help").stdout, "--adapter_layers", "--max_steps", "Example")
        self.assertIn("pals 0", self.pals("--version").stdout)

    def test_own_task_files(self):
        """TSV by number, CSV with quotes and line ends in them, JSONL; labels given or collected."""
        rows = support.glue_rows("SST-2", random.Random(5), 60, "train")
        support.write_text(self.path("data", "a.tsv"), "".join("%s\t%s\n" % (b, a) for a, b in rows))
        support.write_text(self.path("data", "b.csv"), "verdict,review\r\n" + "".join(
            '%s,"%s, ""so""\nto speak"\r\n' % ("good" if b == "1" else "bad", a) for a, b in rows))
        support.write_text(self.path("data", "c.jsonl"), "".join(
            json.dumps({"one": a, "two": b + " \u00fc", "value": 5.0 * int(b)}) + "\n" for a, b in rows))
        tasks = [{"name": "numbers", "kind": "classification", "text_a": 1, "label": 0, "train": "data/a.tsv",
                  "dev": "data/a.tsv", "metrics": ["accuracy", "matthews"]},
                 {"name": "reviews", "kind": "classification", "labels": ["bad", "good"], "text_a": "review",
                  "label": "verdict", "train": "data/b.csv", "dev": "data/b.csv", "metrics": ["f1"]},
                 {"name": "similar", "kind": "regression", "label_scale": 5, "text_a": "one", "text_b": "two",
                  "label": "value", "train": "data/c.jsonl", "dev": "data/c.jsonl"}]
        file = support.write_json(self.path("mine.json"), {"tasks": tasks})
        run = self.path("run")
        result = self.pals("train", "--task_file", file, "--init_checkpoint", self.model, "--adapter", "pals",
                           "--output_dir", run, "--max_steps", "240", "--learning_rate", "2e-3",
                           "--num_train_epochs", "1", "--max_seq_length", 40, "--train_batch_size", 16)
        self.assertIn("numbers", result.stdout)
        scores = read_json(run, "eval_results.json")["tasks"]
        self.assertEqual(sorted(scores), ["numbers", "reviews", "similar"])
        # A word tells the label: learned, or something is wrong on the way.
        self.assertGreater(scores["numbers"]["accuracy"], 0.95)
        self.assertGreater(scores["reviews"]["f1"], 0.95)
        self.assertGreater(scores["similar"]["pearson"], 0.9)
        predicted = self.pals("predict", "--model", run + "/best", "--task", "reviews",
                              stdin="word1 splendid word2\nword1 dreadful word2\n").stdout
        self.assertEqual([line.split("\t")[0] for line in predicted.splitlines()], ["good", "bad"])
        # Together with GLUE's.
        both = self.train("both", "--task_file", file, "--max_steps", "4", tasks="reviews,rte")
        self.assertEqual([line["task"] for line in metrics(both)[0]], ["reviews", "rte"] * 2)


class Average(PalsTest):
    def test_it_is_evaluated_and_saved(self):
        flags = ["--max_steps", "40", "--num_train_epochs", "2", "--adapter", "pals", "--learning_rate", "1e-3"]
        plain, averaged = self.train("plain", *flags), self.train("averaged", *flags, "--ema", "0.9")
        self.assertEqual(metrics(plain)[0], metrics(averaged)[0])  # training does not know of it
        self.assertNotEqual(metrics(plain)[1], metrics(averaged)[1])
        for folder in "best", "final":
            scores = json.loads(self.pals("eval", "--model", os.path.join(averaged, folder), "--data_dir", self.glue, "--json",
                                          "--precision", "fp32", "--threads", "1").stdout)
            results = read_json(averaged, "eval_results.json")
            expected = results if folder == "best" else results["last"]
            self.assertEqual(scores["tasks"], expected["tasks"])
            for file in "model.safetensors", "adapters/rte/pals_adapter.safetensors":
                self.assertNotEqual(read_safetensors(os.path.join(plain, folder, file)),
                                    read_safetensors(os.path.join(averaged, folder, file)))
        # The weights that go on are in the checkpoint, beside their average.
        def checkpoint(run):
            return read_safetensors(os.path.join(run, "checkpoints", "step-0000000040.safetensors"))
        self.assertNotIn("average", checkpoint(plain))
        self.assertEqual(checkpoint(plain)["weights"], checkpoint(averaged)["weights"])
        self.assertNotEqual(checkpoint(averaged)["average"], checkpoint(averaged)["weights"])
        # What is missing of a finished run is written again, averaged.
        before = read_safetensors(os.path.join(averaged, "final", "model.safetensors"))
        shutil.rmtree(os.path.join(averaged, "final"))
        self.train("averaged", *flags, "--ema", "0.9")
        self.assertEqual(read_safetensors(os.path.join(averaged, "final", "model.safetensors")), before)
        self.check_words(self.error(*self.train_arguments("averaged", *flags), code=2), "ema (0.9, now 0")


class SecondPhase(PalsTest):
    flags = ["--max_steps", "20", "--num_train_epochs", "2", "--adapter", "pals", "--learning_rate", "1e-3"]

    def shared(self, run, folder="final"):
        return read_safetensors(os.path.join(run, folder, "model.safetensors"))

    def own(self, run, task):
        return read_safetensors(os.path.join(run, "final", "adapters", task, "pals_adapter.safetensors"))

    def test_it_trains_what_is_the_tasks_own(self):
        first = self.train("first", *self.flags)
        both = self.train("both", *self.flags, "--polish_epochs", "2")
        (steps, evaluations), (before, _) = metrics(both), metrics(first)
        self.assertEqual(steps[:20], before)
        self.assertEqual([line["step"] for line in steps], list(range(20 + 2 * (5 + 15))))
        self.assertEqual([(line["after_step"], line["epoch"]) for line in evaluations], [(10, 1), (20, 2), (40, 3), (60, 4)])
        for begin in 20, 40:  # a pass over 40 rows of one task and 120 of the other, in batches of 8
            drawn = collections.Counter(line["task"] for line in steps[begin:begin + 20])
            self.assertEqual(drawn, {"rte": 5, "sst": 15})
        # The schedule begins anew, over both passes.
        rates = [line["learning_rate"] for line in steps[20:]]
        self.assertEqual(rates[0], 0)
        self.assertAlmostEqual(rates[20], 5e-4)
        self.assertEqual(self.shared(first), self.shared(both))
        for task in "rte", "sst":
            self.assertNotEqual(self.own(first, task), self.own(both, task))
        results = read_json(both, "eval_results.json")
        self.assertIn(results["step"], (10, 20, 40, 60))
        scores = json.loads(self.pals("eval", "--model", both + "/best", "--data_dir", self.glue, "--json", "--precision",
                                      "fp32", "--threads", "1").stdout)
        self.assertEqual(scores["tasks"], results["tasks"])
        self.check_words(self.error(*self.train_arguments("both", *self.flags, "--polish_epochs", "2", "--max_steps", "30"),
                                    code=2), "max_steps", "does not become longer")

    def test_it_begins_with_the_average(self):
        first = self.train("first", *self.flags, "--ema", "0.9")
        both = self.train("both", *self.flags, "--ema", "0.9", "--polish_epochs", "1")
        plain = self.train("plain", *self.flags)
        self.assertEqual(self.shared(both), self.shared(first))
        self.assertNotEqual(self.shared(both), self.shared(plain))

    def test_a_plan_counts_it(self):
        arguments = self.train_arguments("none", *self.flags, "--polish_epochs", "2")
        del arguments[arguments.index("--output_dir"):arguments.index("--output_dir") + 2]
        plan = self.pals("plan", *arguments[1:])
        self.check_words(plan.stdout, "steps: 60 in 4 epochs, the last 40 with the shared part as it is")


class Sampling(PalsTest):
    def drawn(self, sample, *flags, steps=160, tasks="rte,mnli,sst"):
        run = self.train(sample, "--sample", sample, "--max_steps", str(steps), "--do_train", "--seed", "5",
                         *flags, tasks=tasks)
        lines, _ = metrics(run)
        self.assertEqual([line["step"] for line in lines], list(range(steps)))
        for line in lines:
            self.assertGreater(line["loss"], 0.0)
        return [line["task"] for line in lines]

    def test_round_robin_alternates(self):
        self.assertEqual(self.drawn("rr", steps=12), ["rte", "mnli", "sst"] * 4)

    def test_shares_follow_the_sizes(self):
        sizes = {"rte": 40, "mnli": 200, "sst": 120}
        for sample, power in ("prop", 1.0), ("sqrt", 0.5):
            tasks = collections.Counter(self.drawn(sample))
            total = sum(size ** power for size in sizes.values())
            for task, size in sizes.items():
                expected = 160 * size ** power / total
                self.assertLess(abs(tasks[task] - expected), 4 * expected ** 0.5, (sample, tasks))

    def test_anneal_evens_out(self):
        tasks = self.drawn("anneal", "--num_train_epochs", "2", steps=400, tasks="rte,mnli")
        first, second = tasks[:200].count("rte"), tasks[200:].count("rte")
        self.assertLess(abs(first - 200 / 6), 20)           # alpha 1: 40 of 240
        self.assertLess(abs(second - 200 * 0.42), 28)       # alpha 0.2
        self.drawn("anneal", "--num_train_epochs", "1", "--overwrite_output_dir", steps=3)

    def epoch_odds(self, run):
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        return [line["probabilities"] for line in lines if "epoch_begins" in line]

    def test_temperature(self):
        flags = ["--sample_alpha", "1", "--sample_cap", "80", "--report_to", "none"]
        tasks = collections.Counter(self.drawn("temperature", *flags))
        odds = {"rte": 0.2, "mnli": 0.4, "sst": 0.4}  # of 40, 80 and 80 rows
        for task, share in odds.items():
            self.assertLess(abs(tasks[task] - 160 * share), 4 * (160 * share) ** 0.5, tasks)
        for epoch in self.epoch_odds(self.path("temperature")):
            self.assertEqual({task: round(p, 9) for task, p in epoch.items()}, odds)
        # The page says it; a run goes on with the same odds alone.
        with open(self.path("temperature", "report.html"), encoding="utf-8") as stream:
            self.assertIn("temperature, alpha 1.0, at most 80 rows count", stream.read())
        arguments = self.train_arguments("temperature", "--max_steps", "160", "--do_train", "--seed", "5", "--sample",
                                         "temperature", "--sample_alpha", "0.5", "--sample_cap", "80", tasks="rte,mnli,sst")
        self.check_words(self.error(*arguments, code=2), "sample_alpha")

    def test_a_minimum_share(self):
        self.drawn("prop", "--min_share", "0.3", steps=6)
        for epoch in self.epoch_odds(self.path("prop")):
            self.assertEqual({task: round(p, 9) for task, p in epoch.items()}, {"rte": 0.3, "mnli": 0.4, "sst": 0.3})
        arguments = self.train_arguments("more", "--min_share", "0.4", tasks="rte,mnli,sst")
        self.check_words(self.error(*arguments, code=2), "--min_share 0.4", "3 tasks")
        self.assertFalse(os.path.exists(self.path("more")))

    def test_each_pass_is_shuffled_afresh(self):
        """Two passes with a rate of nearly 0 and no dropout: the same rows, so the same losses in all, batches of
        other rows each."""
        run = self.train("run", "--num_train_epochs", "2", "--do_train", "--learning_rate", "1e-30", "--dropout",
                         "0", "--max_seq_length", "64", tasks="rte")
        steps, _ = metrics(run)
        first, second = steps[:5], steps[5:]
        self.assertEqual(len(steps), 10)
        self.assertEqual(sum(line["tokens"] for line in first), sum(line["tokens"] for line in second))
        self.assertAlmostEqual(sum(line["loss"] for line in first), sum(line["loss"] for line in second), places=4)
        self.assertNotEqual([line["loss"] for line in first], [line["loss"] for line in second])

    def test_seeds(self):
        one = self.train("one", "--max_steps", "4", "--seed", "1")
        same = self.train("same", "--max_steps", "4", "--seed", "1")
        other = self.train("other", "--max_steps", "4", "--seed", "2")
        self.assertEqual(metrics(one), metrics(same))
        self.assertNotEqual(metrics(one), metrics(other))

if __name__ == "__main__":
    unittest.main()
