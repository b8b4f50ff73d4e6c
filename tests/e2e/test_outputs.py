"""Nothing of the user's is destroyed, and a result that cannot be written is an error."""

import os
import subprocess
import threading
import unittest

import support
from support import PalsTest

USAGE, RUN = 2, 1


class Outputs(PalsTest):
    def features(self, output, *flags, **options):
        arguments = ["features", "--model", self.model, "--pooling", "cls", "--threads", 1, "--output", output, *flags]
        return self.pals(*arguments, stdin="word1 splendid\n", **options)

    def test_a_link_is_followed(self):
        support.write_text(self.path("real", "vectors.jsonl"), "old")
        os.symlink("real/vectors.jsonl", self.path("link.jsonl"))
        self.features(self.path("link.jsonl"))
        self.assertTrue(os.path.islink(self.path("link.jsonl")))
        self.assertIn("vector", support.read_json(self.path("real", "vectors.jsonl")))
        self.assertEqual(os.listdir(self.path("real")), ["vectors.jsonl"])

    def test_a_pipe_is_written_through(self):
        os.mkfifo(self.path("pipe"))
        got = []

        def read():
            with open(self.path("pipe"), encoding="utf-8") as stream:
                got.append(stream.read())

        reader = threading.Thread(target=read)
        reader.start()
        self.features(self.path("pipe"))
        reader.join()
        self.assertIn('"vector"', got[0])
        self.assertEqual(os.listdir(self.folder), ["pipe"])

    def test_a_binary_format_needs_a_file(self):
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        error = self.error("features", "--model", self.model, "--pooling", "cls", "--output", self.path("pipe"),
                           "--format", "npy", stdin="word1\n", code=RUN)
        os.close(reader)
        self.check_words(error, self.path("pipe"), "expected a regular file")

    def test_standard_output_by_name(self):
        os.symlink("/proc/self/fd/1", self.path("stdout"))
        self.assertIn('"vector"', self.features(self.path("stdout")).stdout)
        self.assertTrue(os.path.islink(self.path("stdout")))
        log = support.write_text(self.path("log"), "before\n")
        with open(log, "a", encoding="utf-8") as stream:
            subprocess.run([support.PALS, "features", "--model", self.model, "--pooling", "cls", "--output",
                            self.path("stdout")], input=b"word1\n", stdout=stream, stderr=subprocess.DEVNULL,
                           env=support.environment(), check=True)
        with open(log, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        self.assertEqual(lines[0], "before")
        self.assertIn('"vector"', lines[1])

    def test_the_input_is_not_overwritten(self):
        text = support.write_text(self.path("in.txt"), "word1\n")
        os.symlink("in.txt", self.path("link"))
        for command in (["features", "--pooling", "cls"], ["predict"]):
            error = self.error(*command, "--model", self.model, "--input", text, "--output", self.path("link"),
                               code=USAGE)
            self.check_words(error, "--output", "input itself")
        copy = support.make_model(self.path("copy"))
        self.check_words(self.error("convert", copy, copy + "/.", "--encoder_only", "--overwrite", code=USAGE), copy)
        weights = copy + "/model.safetensors"
        self.check_words(self.error("convert", weights, weights, code=USAGE), weights)
        with open(text, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "word1\n")

    def test_a_full_standard_output(self):
        test = support.write_text(self.path("in.txt"), "word1\n")
        run = self.train("run", "--max_steps", "2", tasks="sst,mnli")
        support.make_test_sets(self.path("tests"))
        arguments = [("info",), ("--version",), ("train", "--help"),
                     ("convert", self.model, self.path("converted"), "--json"),
                     ("features", "--model", self.model, "--pooling", "cls", "--input", test),
                     ("predict", "--model", run + "/final", "--task", "sst", "--input", test),
                     ("eval", "--model", run + "/final", "--data_dir", self.glue, "--json"),
                     ("submit", "--model", run + "/final", "--data_dir", self.path("tests"), "--output",
                      self.path("x.zip")),
                     self.train_arguments("run", "--max_steps", "2", "--json", tasks="sst,mnli")]
        for command in arguments:
            with self.subTest(command[0]), open("/dev/full", "w", encoding="utf-8") as full:
                result = subprocess.run([support.PALS, *map(str, command)], stdout=full, stderr=subprocess.PIPE,
                                        text=True, env=support.environment(), check=False)
                self.assertEqual(result.returncode, RUN, result.stderr)
                self.assertEqual(result.stderr.splitlines()[-1], "pals: standard output: cannot be written")


class RunFolders(PalsTest):
    def refused(self, folder, *words, more=(), **options):
        arguments = self.train_arguments("run", "--max_steps", "2", "--output_dir", folder, *more)
        for flags in [], ["--overwrite_output_dir"]:
            self.check_words(self.error(*arguments, *flags, code=USAGE, **options), "--output_dir", *words)

    def test_what_is_not_a_run_stays(self):
        for name in "best", "notes.txt":
            folder = self.path("mine-" + name)
            support.write_text(os.path.join(folder, name), "mine")
            self.refused(folder, '"%s"' % name, "no run")
            self.assertEqual(os.listdir(folder), [name])
            # Before anything is read.
            self.refused(folder, "no run", more=["--data_dir", self.path("nowhere")])

    def test_what_is_no_folder_of_runs_stays(self):
        support.write_text(self.path("mine", "scores.json"), "mine")
        for command in ["compare", "--adapters", "pals"], ["transfer", "--budget_minutes", "5"]:
            arguments = self.train_arguments("mine", "--max_steps", "2")[1:]
            self.check_words(self.error(*command, *arguments, code=USAGE), "--output_dir", '"scores.json"', "no run")
        self.assertEqual(os.listdir(self.path("mine")), ["scores.json"])

    def test_the_root_and_a_home_folder(self):
        self.refused("/", "root")
        self.refused("/../", "root")
        os.makedirs(self.path("home"))
        arguments = self.train_arguments("run", "--max_steps", "2", "--output_dir", self.path("home"))
        result = subprocess.run([support.PALS, *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env=dict(support.environment(), HOME=self.path("home")), check=False)
        self.assertEqual(result.returncode, USAGE, result.stderr)
        self.assertIn("home folder", result.stderr)
        self.assertEqual(os.listdir(self.path("home")), [])

    def test_an_empty_folder_is_taken_and_one_with_its_log(self):
        os.makedirs(self.path("run"))
        self.train("run", "--max_steps", "2")
        os.makedirs(self.path("logged"))
        with open(self.path("logged", "log.txt"), "w", encoding="utf-8") as log:
            subprocess.run([support.PALS, *self.train_arguments("logged", "--max_steps", "2")], stdout=log, stderr=log,
                           env=support.environment(), check=True)

    def test_leftovers_of_killed_runs(self):
        run = self.train("run", "--max_steps", "2")
        process = subprocess.Popen(["true"])
        process.wait()
        dead = ".tmp.%d.3" % process.pid
        names = ["best" + dead + "/adapters/x", "checkpoints/step-0000000001.safetensors" + dead,
                 "best_tasks/rte" + dead + "/x", "eval_results.json" + dead]
        mine = ["mine.tmp.txt", "best.tmp.1.1"]
        for name in names + mine:
            support.write_text(os.path.join(run, name), "x")
        self.train("run", "--max_steps", "2")
        for name in names:
            self.assertFalse(os.path.exists(os.path.join(run, name.split("/x")[0])), name)
        for name in mine:
            self.assertTrue(os.path.exists(os.path.join(run, name)), name)


class Messages(PalsTest):
    def test_messages_and_warnings(self):
        name = "x" * 1000 + "\n\x1b[31m"
        error = self.error("features", "--model", name, code=RUN, stdin="")
        self.assertLessEqual(len(error), 300)
        error = self.error("eval", "--model", "no\nsuch\x1b[31m", code=RUN)
        self.check_words(error, "no\\nsuch\\x1b[31m")
        many = self.pals("features", "--model", self.model, "--pooling", "cls", "--threads", 1000, stdin="").stderr
        self.check_words(many, "warning: --threads 1000 is more than the ", "cores")
        self.assertEqual(self.pals("features", "--model", self.model, "--pooling", "cls", "--threads", 1,
                                   stdin="").stderr, "")
        tensors = {"wrong%d.weight" % i: ((2,), (0.0, 0.0)) for i in range(400)}
        model = support.make_model(self.path("model"), tensors)
        self.assertLessEqual(len(self.error("convert", model, self.path("out"), code=RUN)), 300)


if __name__ == "__main__":
    unittest.main()
