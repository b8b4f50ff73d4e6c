"""Compares the programs of two build folders: the same commands, and then what they made, bit for bit.

Losses, scores, tensors of checkpoints and model folders, and standard output must be the same; IGNORED in
compare_outputs.py lists what may differ, and why. Prints a line for each command and ends with 1 if something differs.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from compare_outputs import Difference, compare_bytes, compare_file, compare_folders, ignored_lines

ADAPTERS = ["none", "pals", "low_rank", "houlsby", "houlsby_pals", "top_attention", "top_bert_layer", "lhuc",
            "pals_lhuc", "houlsby_lhuc", "lora"]
TASKS = "reviews,wet,similarity,where,which"  # a text, a pair, a regression, a span, multiple choice
LENGTH = ["--max_seq_length", "32"]


# -- Data -------------------------------------------------------------------------------------------

def write_tables(support, folder):
    """Small files of each format; which label is right follows from a word."""
    generator = support.random.Random(5)
    for split, count in ("train", 48), ("dev", 16):
        rows = [(generator.randrange(2), support.sentence(generator), support.sentence(generator))
                for _ in range(count)]
        mark = [support.BAD, support.GOOD]
        support.write_text(folder + "/reviews-%s.csv" % split, "review,verdict\n" + "".join(
            '"%s, %s",%s\n' % (a, mark[label], ("bad", "good")[label]) for label, a, _ in rows))
        support.write_text(folder + "/wet-%s.jsonl" % split, "".join(json.dumps(
            {"premise": a + " " + mark[label], "hypothesis": b, "entailed": bool(label)}) + "\n"
            for label, a, b in rows))
        support.write_text(folder + "/similarity-%s.tsv" % split, "".join(
            "%d\t%s %s\t%s\t%.1f\n" % (number, a, mark[label], b, label * 4 + 0.5)
            for number, (label, a, b) in enumerate(rows)))
        support.make_squad(folder + "/where-%s.json" % split, count, 2)
        support.make_swag(folder + "/which-%s.csv" % split, count)


def task_file(support, folder):
    def files(name, ending):
        return {split: "%s-%s.%s" % (name, split, ending) for split in ("train", "dev")}

    return support.write_json(folder + "/tasks.json", {"tasks": [
        dict(name="reviews", kind="classification", labels=["bad", "good"], text_a="review", label="verdict",
             metrics=["accuracy", "f1", "matthews"], **files("reviews", "csv")),
        dict(name="wet", kind="classification", text_a="premise", text_b="hypothesis", label="entailed",
             **files("wet", "jsonl")),
        dict(name="similarity", kind="regression", label_scale=5, text_a=1, text_b=2, label=-1,
             **files("similarity", "tsv")),
        dict(name="where", kind="span", unanswerable=True, doc_stride=8, **files("where", "json")),
        dict(name="which", kind="multiple_choice", context="sent1", start="sent2", label="label",
             choices=["ending%d" % i for i in range(4)], **files("which", "csv"))]})


# -- Runs -------------------------------------------------------------------------------------------

class Build:
    """A program, and the folder in which it works: paths on its command lines are relative to it."""

    def __init__(self, folder, work):
        self.program = os.path.join(os.path.abspath(folder), "pals")
        if not os.access(self.program, os.X_OK):
            sys.exit("compare_builds: no program %s; build it first" % self.program)
        self.work = work
        os.makedirs(work)

    def start(self, arguments, stdin=None):
        environment = dict(os.environ, XDG_CACHE_HOME=self.work + "/cache", OMP_WAIT_POLICY="passive")
        return subprocess.Popen([self.program] + [str(a) for a in arguments], cwd=self.work, env=environment,
                                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, arguments, stdin=None):
        process = self.start(arguments, stdin)
        out, err = process.communicate(stdin)
        return process.returncode, out, err.decode(errors="replace").strip().splitlines()[-1:]

    def knows_adapter(self, kind):
        _, out, _ = self.run(["train", "--help"])
        return re.search(r"\b%s\b" % kind, out.decode()) is not None


class Comparison:
    def __init__(self, old, new, only):
        self.old, self.new, self.only = old, new, only
        self.rows, self.differences = [], 0

    def note(self, what, result, detail=""):
        self.rows.append((what, result))
        self.differences += result == "differs"
        print("%-62s %-8s %s" % (what, result, detail), flush=True)

    def wanted(self, what):
        return not self.only or self.only in what

    def command(self, what, arguments, *results, stdin=None):
        """One command with both builds; `results` are files or folders that it writes. Whether all is the same."""
        outcomes = [build.run(arguments, stdin) for build in (self.old, self.new)]
        return self.judge(what, outcomes, results)

    def judge(self, what, outcomes, results):
        (old_code, old_out, old_error), (code, out, error) = outcomes
        try:
            if code != old_code:
                raise Difference("exit code %d, was %d: %s" % (code, old_code, " ".join(error or old_error)))
            compare_bytes(old_out, out)
            files = sum(self.compare_path(path) for path in results)
        except Difference as difference:
            self.note(what, "differs", str(difference))
            return False
        if code != 0:
            self.note(what, "differs", "fails with both: " + " ".join(error))
            return False
        if not old_out and not files:
            self.note(what, "differs", "nothing was made that could be compared")
            return False
        self.note(what, "same", "%d bytes on stdout, %d files" % (len(out), files))
        return True

    def compare_path(self, path):
        old, new = (os.path.join(build.work, path) for build in (self.old, self.new))
        if os.path.isdir(old):
            return compare_folders(old, new)
        if not os.path.exists(new):
            raise Difference("%s is missing" % path)
        compare_file("/" + path, old, new)
        return 1

    def table(self):
        same = sum(result == "same" for _, result in self.rows)
        skipped = sum(result == "skipped" for _, result in self.rows)
        print("\n%d same, %d differ, %d skipped" % (same, self.differences, skipped))
        print("not compared:")
        print("\n".join("  " + line for line in ignored_lines()))


class Plan:
    """What is run. A run's folder is called after what made it."""

    def __init__(self, comparison, shared, quick):
        self.comparison, self.shared, self.quick = comparison, shared, quick

    def train(self, run, *flags, tasks=TASKS):
        # The sampling of own tasks where none is given became another one with `pals plan`.
        flags = flags if "--sample" in flags else ("--sample", "rr", *flags)
        return ["train", "--task_file", self.shared + "/tasks.json", "--tasks", tasks, "--init_checkpoint",
                self.shared + "/model", "--output_dir", run, "--train_batch_size", "8", "--learning_rate", "1e-3",
                "--num_train_epochs", "2", "--seed", "3", "--keep_checkpoints", "2", *LENGTH, *flags]

    def precisions(self, every):
        pairs = [(precision, threads) for precision in ("fp32", "bf16") for threads in ("1", "2")]
        return [("--precision", p, "--threads", t) for p, t in (pairs if every else (pairs[0], pairs[3]))]

    def all(self):
        self.adapters()
        self.options()
        self.resume()
        for flags in self.precisions(not self.quick):
            self.use(flags, "%s, threads %s" % (flags[1], flags[3]))
        self.convert()

    def adapters(self):
        kinds = ["pals", "none"] if self.quick else ADAPTERS
        for kind in kinds:
            if not all(build.knows_adapter(kind) for build in (self.comparison.old, self.comparison.new)):
                self.comparison.note("train --adapter " + kind, "skipped", "one build does not have this adapter")
                continue
            for flags in self.precisions(not self.quick):
                run = "%s-%s-%s" % (kind, flags[1], flags[3])
                what = "train --adapter %s, %s, threads %s" % (kind, flags[1], flags[3])
                needed = run == "pals-fp32-1"  # later commands use this model
                if needed or self.comparison.wanted(what):
                    self.comparison.command(what, self.train(run, "--adapter", kind, "--max_steps", "10", *flags), run)

    def options(self):
        """Each way to train once."""
        ways = {"sampling": ["--sample", "anneal", "--save_checkpoints_steps", "4"],
                "accumulation": ["--gradient_accumulation_steps", "2", "--bias_correction", "--recompute"],
                "frozen": ["--freeze", "--task_pooler", "--schedule", "warmup_cosine"],
                "layers": ["--adapter_layers", "1", "--optim", "split", "--sample", "sqrt", "--dropout", "0.2"],
                "evaluation": ["--do_eval", "--json"]}
        for name, flags in list(ways.items())[:1 if self.quick else None]:
            what = "train: " + name
            if self.comparison.wanted(what):
                self.comparison.command(what, self.train(name, "--adapter", "pals", "--adapter_size", "12",
                                                         "--max_steps", "8", "--precision", "fp32", "--threads", "1",
                                                         *flags), name)

    def resume(self):
        """Killed and started again; and begun by the old build, gone on by the new one."""
        precisions = self.precisions(False)[:1 if self.quick else 2]
        for flags in precisions:
            more = ["--adapter", "pals", "--max_steps", "60", "--save_checkpoints_steps", "5", *flags]
            name = "resume-" + flags[1]
            what = "kill and resume, %s, threads %s" % (flags[1], flags[3])
            if not self.comparison.wanted(what):
                continue
            old, new = self.comparison.old, self.comparison.new
            arguments = self.train(name, *more)
            for build in old, new:
                self.kill_after_a_checkpoint(build, arguments, name)
            for build in old, new:
                shutil.copytree(os.path.join(old.work, name), os.path.join(build.work, name + "-handed"))
            self.comparison.command(what, arguments, name)
            going_on = [build.run(self.train(name + "-handed", *more)) for build in (old, new)]
            self.comparison.judge("begun by OLD, gone on by NEW, " + flags[1], going_on, [name + "-handed"])

    def kill_after_a_checkpoint(self, build, arguments, run):
        process, folder = build.start(arguments), os.path.join(build.work, run, "checkpoints")
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if os.path.isdir(folder) and any(n.endswith(".safetensors") for n in os.listdir(folder)):
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def use(self, flags, how):
        """The commands that use a trained model."""
        model, shared = "pals-fp32-1/final", self.shared
        pairs = b"word1 splendid word2\tword3 word4\nword7 dreadful\tword8\n\tword9\n" * 3
        lines = b"word1 splendid word2\n\nword7, dreadful word300?\n" * 3
        plain = ["predict", "--model", model, *flags]
        folder = how.replace(", ", "-").replace(" ", "-")
        wanted = [
            ("eval", ["eval", "--model", model, "--json", "--output_dir", "eval-" + folder, *flags],
             ["eval-" + folder], None),
            ("predict lines", plain + ["--task", "reviews"], [], lines),
            ("predict pairs, several tasks, JSON", plain + ["--tasks", "wet,similarity,where", "--json"], [], pairs),
            ("predict pairs, several tasks, TSV", plain + ["--tasks", "wet,similarity"], [], pairs),
            ("predict TSV", plain + ["--task", "similarity", "--input", shared + "/similarity-dev.tsv",
                                     "--input_format", "tsv", "--text_a", "1", "--text_b", "2", "--id", "0"], [], None),
            ("predict CSV to a file", plain + ["--task", "reviews", "--input", shared + "/reviews-dev.csv", "--text_a",
                                               "review", "--output", folder + ".tsv"], [folder + ".tsv"], None),
            ("predict JSONL", plain + ["--task", "wet", "--input", shared + "/wet-dev.jsonl", "--text_a", "premise",
                                       "--text_b", "hypothesis", "--format", "jsonl"], [], None),
            ("predict SQuAD", plain + ["--task", "where", "--input", shared + "/where-dev.json", "--json"], [], None),
            ("predict multiple choice", plain + ["--task", "which", "--input", shared + "/which-dev.csv", "--json"],
             [], None),
            ("submit", ["submit", "--model", "glue-run/final", "--data_dir", shared + "/glue", "--output",
                        folder + ".zip", *flags], [folder + ".zip"], None)]
        features = ["features", "--model", model, *flags]
        wanted += [("features tokens", features + ["--task", "wet", "--layers=-1,-2"], [], pairs.replace(b"\t", b" ||| "))]
        for pooling in ("cls",) if self.quick else ("cls", "mean", "max", "pooled"):
            name = "%s-%s" % (folder, pooling)
            wanted += [("features %s %s" % (pooling, kind),
                        features + ["--pooling", pooling, "--output", name + ending,
                                    *(["--normalize"] if kind == "npy" else []),
                                    *(["--task", "reviews"] if kind == "jsonl" else [])], [name + ending], lines)
                       for kind, ending in (("jsonl", ".jsonl"), ("npy", ".npy"), ("safetensors", ".safetensors"))]
        wanted = [(what + ", " + how, *rest) for what, *rest in wanted if self.comparison.wanted(what + ", " + how)]
        if any(what.startswith("submit") for what, *_ in wanted):
            self.train_glue()
        for what, arguments, results, stdin in wanted:
            self.comparison.command(what, arguments, *results, stdin=stdin)

    def train_glue(self):
        """A model of GLUE's tasks, once."""
        if not os.path.exists(os.path.join(self.comparison.old.work, "glue-run")):
            self.comparison.command("train: GLUE", [
                "train", "--data_dir", self.shared + "/glue", "--tasks", "cola,mrpc,mnli,sts", "--init_checkpoint",
                self.shared + "/model", "--output_dir", "glue-run", "--max_steps", "8", "--adapter", "low_rank",
                "--precision", "fp32", "--threads", "1", "--learning_rate", "1e-3", "--keep_checkpoints", "2", *LENGTH],
                "glue-run")

    def convert(self):
        model, tasks = "pals-fp32-1/final", ["--task_file", self.shared + "/tasks.json", *LENGTH]
        for what, arguments, result in (
                ("convert to PyTorch", [model, "out/pytorch_model.bin"], "out"),
                ("convert to safetensors", [model, "safe/m.safetensors", "--names", "transformers"], "safe"),
                ("convert to our names", [model, "own/m.safetensors", "--names", "pals"], "own"),
                ("convert back to a folder", ["out/pytorch_model.bin", "back", *tasks], "back"),
                ("convert the encoder", [model, "encoder", "--encoder_only"], "encoder")):
            if self.comparison.wanted(what) or "PyTorch" in what:
                self.comparison.command(what, ["convert", *arguments], result)


def self_test(comparison):
    """Changes a bit of each kind of output of NEW and asks that it is seen."""
    def flip(path):
        with open(path, "r+b") as stream:
            stream.seek(-3, os.SEEK_END)
            byte = stream.read(1)[0]
            stream.seek(-3, os.SEEK_END)
            stream.write(bytes([byte ^ 1]))

    def other_digit(path):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        at = text.index('"loss":') + 10
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1:])

    missed = 0
    for path, change in (("final/model.safetensors", flip), ("metrics.jsonl", other_digit),
                         ("eval_results.json", other_digit), ("predictions.json", os.remove)):
        file = os.path.join(comparison.new.work, "pals-fp32-1", path)
        shutil.copy(file, file + ".kept")
        change(file)
        try:
            compare_folders(*(os.path.join(b.work, "pals-fp32-1") for b in (comparison.old, comparison.new)))
            print("self-test: a change of %s was not seen" % path)
            missed += 1
        except Difference as difference:
            print("self-test: seen: %s" % difference)
        os.replace(file + ".kept", file)
    for name, changed in (("standard output", (0, b"a\tc\n", [])), ("exit code", (1, b"a\tb\n", ["pals: x"]))):
        probe = Comparison(comparison.old, comparison.new, "")
        probe.note = lambda *row: print("self-test: seen:", *row)
        missed += probe.judge(name, [(0, b"a\tb\n", []), changed], [])
    return missed


def main():
    parser = argparse.ArgumentParser(prog="scripts/compare_builds.sh", description=__doc__)
    parser.add_argument("old", metavar="OLD", help="a build folder, such as one of an older commit")
    parser.add_argument("new", metavar="NEW", help="the build folder that is compared with it")
    parser.add_argument("--quick", action="store_true", help="the main commands, fp32 on 1 thread and bf16 on 2")
    parser.add_argument("--only", default="", metavar="WORD", help="only lines with this word (and what they need)")
    parser.add_argument("--self-test", action="store_true", help="also change outputs, and ask that it is seen")
    options = parser.parse_args()
    root = tempfile.mkdtemp(prefix="pals-compare-")
    try:
        os.environ["PALS_BINARY"] = os.path.join(os.path.abspath(options.new), "pals")
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
        import support  # it asks for PALS_BINARY
        shared = root + "/shared"
        support.make_model(shared + "/model")
        write_tables(support, shared)
        task_file(support, shared)
        support.make_glue(shared + "/glue")
        support.make_test_sets(shared + "/glue")
        comparison = Comparison(Build(options.old, root + "/old"), Build(options.new, root + "/new"), options.only)
        Plan(comparison, shared, options.quick).all()
        comparison.table()
        missed = self_test(comparison) if options.self_test else 0
        return 1 if comparison.differences or missed else 0
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
