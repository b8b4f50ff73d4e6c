"""The installed package: the examples built against it, and what they print beside what `pals` prints.

PALS_BUILD names the folder that is installed from, CMAKE the cmake that made it.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

import support
import test_serve
from support import PalsTest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PALS_BUILD", REPOSITORY / "build"))
CMAKE = os.environ.get("CMAKE", "cmake")
TASKS = "sst,rte,sts,mnli"
TEXTS = ["word1 word2 splendid word3", "dreadful word9", "word4 word5 . word6 , splendid"]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=500, **options)


def require(result):
    assert result.returncode == 0, result.stdout
    return result.stdout


class Library(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = pathlib.Path(cls.model).parent
        cls.prefix, cls.examples = root / "moved", root / "examples"
        require(run(CMAKE, "--install", BUILD, "--prefix", root / "installed"))
        (root / "installed").rename(cls.prefix)  # the package does not depend on where it lies
        require(cls.configure("-DCMAKE_BUILD_TYPE=Debug"))
        require(run(CMAKE, "--build", cls.examples))
        test = cls("setUp")
        test.folder = str(root)
        cls.run_folder = os.path.join(test.train("library-run", "--max_steps", "60", "--adapter", "pals",
                                                 "--learning_rate", "1e-3", tasks=TASKS), "final")

    @classmethod
    def configure(cls, *flags):
        return run(CMAKE, "-G", "Ninja", "-S", REPOSITORY / "examples", "-B", cls.examples,
                   f"-DCMAKE_PREFIX_PATH={cls.prefix}", *flags)

    def example(self, name, *arguments, stdin="", code=0):
        result = subprocess.run([self.examples / name, *map(str, arguments)], input=stdin, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(),
                                check=False, timeout=60)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout if code == 0 else result.stderr

    def predict(self, tasks, stdin):
        lines = self.pals("predict", "--model", self.run_folder, "--tasks", tasks, "--json", "--precision",
                          "fp32", "--threads", 1, stdin=stdin).stdout.splitlines()
        return [json.loads(line) for line in lines]

    # -- The package ---------------------------------------------------------------------------------

    def test_files_name_neither_sources_nor_build(self):
        files = [file for folder in ("include", "lib/cmake") for file in (self.prefix / folder).rglob("*")
                 if file.is_file()]
        self.assertGreater(len(files), 10)
        for file in files:
            text = file.read_text(encoding="utf-8")
            for tree in (REPOSITORY, BUILD.resolve(), "installed"):
                self.assertNotIn(str(tree) + "/", text, file)

    def test_manual_pages_are_those_of_the_commands(self):
        pages = {page.name: page.read_text(encoding="ascii") for page in (self.prefix / "share/man/man1").iterdir()}
        listed = self.pals("--help").stdout.split("Subcommands:")[1]
        commands = re.findall(r"(?m)^  ([a-z-]+)", listed)
        self.assertEqual(set(pages), {"pals.1"} | {f"pals-{command}.1" for command in commands})
        self.assertEqual(pages["pals-train.1"], self.pals("man", "train").stdout)

    def test_headers_are_those_of_the_library_alone(self):
        include = self.prefix / "include"
        headers = {str(header.relative_to(include)) for header in include.rglob("*") if header.is_file()}
        self.assertEqual(headers, {"pals/" + source.name for room in ("api", "api_train")
                                   for source in (REPOSITORY / "src" / room / "pals").glob("*.h")})
        for header in headers:
            text = (include / header).read_text(encoding="utf-8")
            for name in re.findall(r"(?m)^#\s*include\s*(.+)$", text):
                self.assertRegex(name, r"^<(pals/\w+\.h|\w+)>$", header)  # ours or the standard's
                if name.startswith("<pals/"):
                    self.assertIn(name.strip("<>"), headers)

    def test_who_predicts_links_no_trainer(self):
        trainer = re.compile("pals::(TrainingLoop|World|DataParallel)::")
        for program in "multi_task", "encoder":
            self.assertNotRegex(require(run("readelf", "-d", self.examples / program)), r"libmpi|libnccl")
            self.assertNotRegex(require(run("nm", "-C", self.examples / program)), trainer)
        self.assertRegex(require(run("nm", "-C", self.examples / "train")), trainer)

    def test_the_program_runs(self):
        program = self.prefix / "bin/pals"
        environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
        self.assertEqual(require(run(program, "--version", env=environment)), self.pals("--version").stdout)
        self.assertIn("threads", require(run(program, "info", "--json", env=environment)))
        # It finds LibTorch beside itself, not where it was built.
        places = re.search(r"\(RPATH\).*\[(.*)\]", require(run("readelf", "-d", program))).group(1).split(":")
        self.assertEqual(places[0], "$ORIGIN/../lib/pals")
        self.assertNotIn(str(BUILD), places)
        if not (self.prefix / "lib/pals/libpals_cuda.so").exists():
            self.assertEqual(len(places), 1)
        loaded = dict(re.findall(r"(?m)^\s*(\S+) => (\S+)", require(run("ldd", program, env=environment))))
        for library in (self.prefix / "lib/pals").glob("*.so*"):
            if not library.name.startswith("libpals_"):
                self.assertEqual(os.path.realpath(loaded[library.name]), os.path.realpath(library))
        self.assertEqual(require(run(program, "info", "--json", env=environment)),
                         require(run(support.PALS, "info", "--json", env=environment)))

    def test_a_wrong_libtorch_is_named(self):
        result = self.configure("-DTORCH_ROOT=/nonexistent")
        self.assertNotEqual(result.returncode, 0)
        message = " ".join(result.stdout.split())
        self.assertIn("TORCH_ROOT is /nonexistent, which holds no LibTorch 2.11", message)
        root = re.search(r'set\(PALS_LIBTORCH_BUILT_WITH "(.+)"\)',
                         (self.prefix / "lib/cmake/pals/palsConfig.cmake").read_text(encoding="utf-8")).group(1)
        require(self.configure("-DTORCH_ROOT=" + root))
        require(self.configure("-UTORCH_ROOT"))

    def test_the_documented_program(self):
        page = (REPOSITORY / "docs/library.md").read_text(encoding="utf-8")
        cmake, source = (re.search(rf"```{language}\n(.*?)```", page, re.DOTALL).group(1)
                         for language in ("cmake", "cpp"))
        folder = pathlib.Path(self.folder)
        support.write_text(folder / "CMakeLists.txt", cmake)
        support.write_text(folder / "stars.cpp", source.replace("runs/glue/best", self.run_folder))
        require(run(CMAKE, "-G", "Ninja", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}"))
        require(run(CMAKE, "--build", folder / "build"))
        answer = self.predict("sst", "a moving, funny film\n")[0]
        self.assertEqual(require(run(folder / "build/stars")), answer["label"] + "\n")

    # -- The examples --------------------------------------------------------------------------------

    def test_tokenizer(self):
        output = self.example("tokenizer", self.model, "Splendid, word1!", "word2").splitlines()
        self.assertEqual(output, ["tokens: splendid , word1 [UNK]",
                                  "input: [CLS] splendid , word1 [UNK] [SEP] word2 [SEP]",
                                  "ids: 2 5 8 11 1 3 12 3", "tokens of type 0: 6"])

    def test_encoder(self):
        lines = self.example("encoder", self.model, *TEXTS).splitlines()
        self.assertEqual(lines[0], f"{support.LAYERS} layers of [18, {support.HIDDEN}]")
        self.assertEqual(lines[2], f"text 1: last layer [4, {support.HIDDEN}], "
                                   "tokens [CLS] dreadful word9 [SEP]")
        self.assertEqual(lines[4], f"pooled [3, {support.HIDDEN}]")
        shown = [json.loads(line)["vector"] for line in
                 self.pals("features", "--model", self.model, "--pooling", "mean", "--normalize", "--threads", 1,
                           stdin="\n".join(TEXTS) + "\n").stdout.splitlines()]
        for row, cosines in zip(shown, lines[5:]):
            for other, cosine in zip(shown, cosines.split()):
                self.assertAlmostEqual(sum(a * b for a, b in zip(row, other)), float(cosine), places=4)

    def check_classification(self, lines, answer):
        self.assertEqual(lines[0], answer["label"])
        shown = dict(line.split("\t") for line in lines[1:])
        self.assertEqual(list(shown), list(answer["probabilities"]))
        for label, probability in answer["probabilities"].items():
            self.assertAlmostEqual(float(shown[label]), probability, delta=1e-4)

    def test_sequence_classification(self):
        for text, answer in zip(TEXTS, self.predict("sst", "\n".join(TEXTS) + "\n")):
            lines = self.example("sequence_classification", self.run_folder, "sst", text).splitlines()
            self.check_classification(lines, answer)
        pair = self.predict("mnli", "word1 word2\tword2\n")[0]
        self.check_classification(self.example("sequence_classification", self.run_folder, "mnli",
                                               "word1 word2", "word2").splitlines(), pair)
        value = self.predict("sts", "word1 word2\tword2\n")[0]["value"]
        shown = self.example("sequence_classification", self.run_folder, "sts", "word1 word2", "word2")
        self.assertAlmostEqual(float(shown), value, delta=1e-4)

    def test_multi_task(self):
        stdin = "".join(f"{text}\tword7 word8\n" for text in TEXTS)
        lines = self.example("multi_task", self.run_folder, stdin=stdin).splitlines()
        answers = self.predict("all", stdin)  # the program leaves out sst, which takes one text
        self.assertEqual(len(lines), len(answers))
        for line, answer in zip(lines, answers):
            shown = dict(field.split("=") for field in line.split("\t"))
            self.assertEqual(list(shown), TASKS.split(","))
            self.assertEqual(list(answer), ["rte", "sts", "mnli"])
            for task, value in shown.items():
                if task not in answer:
                    continue
                if "label" in answer[task]:
                    self.assertEqual(value, answer[task]["label"])
                else:
                    self.assertAlmostEqual(float(value), answer[task]["value"], delta=1e-4)

    def single(self, kind, train, dev, *flags):
        self.pals("train", "--kind", kind, "--train_file", train, "--dev_file", dev, "--init_checkpoint", self.model,
                  "--output_dir", self.path("run"), "--train_batch_size", "8", "--precision", "fp32", "--threads", "1",
                  "--learning_rate", "1e-3", *flags)
        return self.path("run", "best")

    def test_question_answering(self):
        train, dev = (support.make_squad(self.path(name + ".json"), count)
                      for name, count in (("train", 40), ("dev", 6)))
        # Rows so short that contexts need several.
        model = self.single("span", train, dev, "--max_seq_length", "24", "--doc_stride", "8", "--num_train_epochs", "1")
        predictions = support.read_json(self.path("run", "predictions.json"))
        best = support.read_json(self.path("run", "nbest_predictions.json"))
        for paragraph in support.read_json(dev)["data"][0]["paragraphs"]:
            question = paragraph["qas"][0]
            lines = self.example("question_answering", model, question["question"],
                                 stdin=paragraph["context"]).splitlines()
            self.assertEqual(lines[0], predictions[question["id"]])
            self.assertAlmostEqual(float(lines[1].split("\t")[0]), best[question["id"]][0]["probability"], delta=1e-4)

    def test_multiple_choice(self):
        rows = []
        for number in range(20):
            choices = ["splendid word%d" % number, "dreadful word7", "word8 dreadful"][:2 + number % 2]
            rows.append({"context": "word%d word9" % number, "choices": choices, "label": number % len(choices)})
        data = support.write_text(self.path("rows.jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
        model = self.single("multiple_choice", data, data, "--num_train_epochs", "2")
        right = 0
        for row in rows:
            lines = self.example("multiple_choice", model, row["context"], *row["choices"]).splitlines()
            right += lines[0] == row["choices"][row["label"]]
            shown = {choice: float(value) for value, choice in (line.split("\t") for line in lines[1:])}
            self.assertEqual(list(shown), row["choices"])
            self.assertEqual(max(shown, key=shown.get), lines[0])
            self.assertAlmostEqual(sum(shown.values()), 1.0, delta=2e-4)
        scores = support.read_json(self.path("run", "eval_results.json"))["tasks"]["swag"]
        self.assertAlmostEqual(right / len(rows), scores["accuracy"], places=6)

    def test_http_client(self):
        with test_serve.Server(self, model=self.run_folder) as server:
            lines = self.example("http_client", "127.0.0.1", server.port, "sst", stdin="\n".join(TEXTS) + "\n")
            self.assertEqual([line.split("\t")[0] for line in lines.splitlines()],
                             [row["label"] for row in self.predict("sst", "\n".join(TEXTS) + "\n")])
            self.assertIn("422: ", self.example("http_client", "127.0.0.1", server.port, "other", stdin="a\n", code=1))

    def test_train(self):
        options = {"tasks": TASKS, "data_dir": self.glue, "init_checkpoint": self.model, "adapter": "pals",
                   "max_seq_length": 32, "max_steps": 40, "steps_per_epoch": 20, "train_batch_size": 8,
                   "precision": "fp32", "threads": 1}
        self.pals("train", "--output_dir", self.path("by-program"), *(f"--{name}={value}" for name, value in options.items()))
        words = [f"{name}={value}" for name, value in options.items()]
        folder = self.path("by-library")
        command = [self.examples / "train", folder, *words]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=support.environment()) as process:
            for line in process.stdout:
                if line.startswith("step 10 of 40: "):
                    process.send_signal(signal.SIGINT)
                    break
            process.stdout.read()
            self.assertIn("stopped", process.stderr.read())
        self.assertEqual(process.returncode, 1)
        output = self.example("train", folder, *words)
        self.assertRegex(output, r"going on at step \d+ of 40")  # a log line
        scores = support.read_json(self.path("by-program", "eval_results.json"))
        self.assertEqual(support.read_json(os.path.join(folder, "eval_results.json")), scores)
        self.assertRegex(output, rf"(?m)^after step 40: average {scores['average']:.4f}")
        self.assertRegex(output, r"(?m)^best after step \d+: average ")
        self.assertIn('unknown option "max_step"; did you mean "max_steps"?', self.example("train", folder, "max_step=1", code=1))

    def test_errors_are_messages(self):
        message = self.example("sequence_classification", self.run_folder, "cola", "word1", code=1)
        self.assertEqual(message, 'sequence_classification: task: the model has no task "cola"; its tasks: '
                                  "sst, rte, sts, mnli\n")
        self.assertIn("nowhere", self.example("encoder", "nowhere", "word1", code=1))
        self.assertIn("usage: ", self.example("tokenizer", code=1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
