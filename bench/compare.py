#!/usr/bin/env python3
"""Ours against others on the same real GLUE rows, in turns: medians of the rounds with their spread.

  bench/compare.py predict     BERT-base against ONNX Runtime and OpenVINO, fp32 and bf16, as it comes and sorted by
                               length; with PALs, and with eight tasks mixed, against our own without
  bench/compare.py train       BERT-base + Houlsby(50) and MiniLM + PALs against transformers with `adapters`, in bf16
  bench/compare.py adapters    our own training step with each kind of adapter, and with the shared part frozen
  bench/compare.py lora        LoRA: frozen against low rank, whole steps against no adapter, tasks mixed in prediction
  bench/compare.py memory      peak memory of `pals train` against the eager way
  bench/compare.py gpu         on an NVIDIA GPU: BERT-base + PALs in training against the reference's way and against
                               transformers, eager and compiled, prediction against torch.compile and ONNX Runtime; batches of 32 and of 256
  bench/compare.py tokenizer   one thread, against the `tokenizers` package
  bench/compare.py data        GLUE of full size (949,000 rows, made of the rows at hand): seconds until ready to train
  bench/compare.py all         one after the other, but for `gpu`

The others' programs are bench/peers/*_peer.py, run by --python, which has bench/peers/requirements.txt installed. Each
table is followed by a line of JSON. build/bench/train_step compares with eager training in time.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

from sides import Once, Side, say, show, show_gpu, show_lines, take_turns

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(REPOSITORY, "bench", "peers")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pals")
MINILM = os.environ.get("PALS_MINILM_DIR") or os.path.join(CACHE, "models", "all-MiniLM-L6-v2")

# GLUE's training files: rows of the full data, whether there is a header, the columns of texts.
FULL_GLUE = {"CoLA": (8551, False, [3]), "MRPC": (3668, True, [3, 4]), "MNLI": (392702, True, [8, 9]),
             "RTE": (2490, True, [1, 2]), "STS-B": (5749, True, [7, 8]), "SST-2": (67349, True, [0]),
             "QQP": (363849, True, [3, 4]), "QNLI": (104743, True, [1, 2])}
ADAPTERS = ["none", "pals", "low_rank", "houlsby", "houlsby_pals", "top_attention", "top_bert_layer", "lhuc",
            "pals_lhuc"]


# -- Comparisons ------------------------------------------------------------------------------------

class Comparisons:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.contestant = os.path.join(arguments.build, "bench", "contestant")
        self.rows = {}  # files, by rows of a batch

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def data_flags(self, work, batch_size=32):
        flags = ["--data_dir", self.arguments.data_dir, "--vocab_file", self.arguments.vocab_file]
        return flags if work == "data" else flags + ["--batches", self.arguments.batches, "--batch_size", batch_size]

    def sizes(self, model):
        return (["--model", model] if model else []) + (
            ["--layers", self.arguments.layers] if self.arguments.layers else [])

    def ours(self, work, *flags, model=None, name="ours", batch_size=32):
        return Side(name, [self.contestant, work, *self.data_flags(work, batch_size), "--threads", self.arguments.threads,
                           *self.sizes(model), *flags])

    def peer(self, program, name, *flags, model=None, batch_size=32, ready_seconds=None):
        if batch_size not in self.rows:
            self.rows[batch_size] = self.path(f"rows-{batch_size}.json")
            subprocess.run([str(part) for part in [self.contestant, "rows", *self.data_flags("rows", batch_size),
                                                   "--output", self.rows[batch_size]]], check=True)
        return Side(name, [self.arguments.python, os.path.join(PEERS, program), "--rows", self.rows[batch_size],
                           "--threads", self.arguments.threads, *self.sizes(model), *flags], ready_seconds)

    def peer_if_any(self, program, name, *flags, **more):
        """[peer], or [] where it does not run: it lacks a package, or one that knows the device, or compiles for long."""
        try:
            return [self.peer(program, name, *flags, ready_seconds=self.arguments.ready_seconds, **more)]
        except SystemExit as reason:
            say(f"{reason}; {name} is left out")
            return []

    def predict(self):
        rows, facts = [], {}
        cache = ["--cache_dir", self.arguments.cache_dir]
        for precision in self.arguments.precision:
            for order in ("unsorted", "sorted"):
                flags = ["--precision", precision, "--order", order]
                sides = [self.ours("predict", *flags), self.peer("predict_peer.py", "OpenVINO", "--engine", "openvino",
                                                                 *cache, *flags)]
                if precision == "fp32":  # ONNX Runtime has no bf16 on x86
                    sides.append(self.peer("predict_peer.py", "ONNX Runtime", "--engine", "onnxruntime", *cache, *flags))
                facts = sides[0].facts
                rows += take_turns(f"predict, {precision}, {order}", sides, self.arguments.rounds)
            flags = ["--precision", precision, "--order", "sorted"]
            sides = [self.ours("predict", *flags, name="no adapters"),
                     self.ours("predict", *flags, "--adapter", "pals", name="PALs"),
                     self.ours("predict", *flags, "--adapter", "pals", "--tasks", 8, name="PALs, 8 tasks mixed")]
            rows += take_turns(f"ours, {precision}, sorted", sides, self.arguments.rounds)
        show(rows, facts, comparison="predict")

    def train(self):
        rows, facts = [], {}
        for title, model, adapter, peers in (("BERT-base, Houlsby(50)", None, "houlsby", ["houlsby"]),
                                             ("MiniLM, PALs", self.arguments.model, "pals", ["houlsby", "none"])):
            flags = ["--precision", "bf16"]
            sides = [self.ours("train", *flags, "--adapter", adapter, model=model)]
            for theirs in peers:  # they have no PALs
                name = "transformers alone" if theirs == "none" else "transformers + adapters"
                sides.append(self.peer("train_peer.py", name, *flags, "--adapter", theirs, model=model))
            facts = sides[0].facts
            rows += take_turns(f"train, bf16, {title}", sides, self.arguments.rounds)
        show(rows, facts, comparison="train")

    def gpu(self):
        for size in self.arguments.batch_size:
            for part in self.arguments.part:
                rows, facts = {"train": self.gpu_train, "predict": self.gpu_predict}[part](size)
                show_gpu(rows, self.arguments.batches, facts)  # at once: what comes next may fail

    def gpu_train(self, size):
        device = ["--device", self.arguments.device]
        theirs = [*device, "--precision", "bf16"]
        sides = [self.ours("train", *theirs, "--adapter", "pals", "--products", batch_size=size, name="ours, bf16"),
                 *self.peer_if_any("reference_peer.py", "the reference's way, fp32", *device, batch_size=size),
                 *self.peer_if_any("train_peer.py", "transformers without PALs, bf16", *theirs, batch_size=size),
                 *self.peer_if_any("train_peer.py", "the same under torch.compile", *theirs, "--compile", batch_size=size)]
        facts = sides[0].facts
        return take_turns(f"train, {size} rows", sides, self.arguments.rounds), facts

    def gpu_predict(self, size):
        flags = ["--device", self.arguments.device, "--order", "sorted"]
        cache = ["--cache_dir", self.arguments.cache_dir]
        onnx = "fp32" if self.arguments.device == "cpu" else "fp16"  # ONNX Runtime has no bf16
        sides = [self.ours("predict", *flags, "--precision", "bf16", "--products", batch_size=size, name="ours, bf16"),
                 *self.peer_if_any("predict_peer.py", "torch.compile, bf16", "--engine", "compile", *cache, *flags,
                                   "--precision", "bf16", batch_size=size),
                 *self.peer_if_any("predict_peer.py", f"ONNX Runtime, {onnx}", "--engine", "onnxruntime", *cache, *flags,
                                   "--precision", onnx, batch_size=size)]
        facts = sides[0].facts
        return take_turns(f"predict, {size} rows, sorted", sides, self.arguments.rounds), facts

    def adapters(self):
        rows, facts = [], {}
        for precision in self.arguments.precision:
            flags = ["--precision", precision]
            sides = [self.ours("train", *flags, "--adapter", "pals", name="pals"),
                     self.ours("train", *flags, "--adapter", "pals", "--freeze", name="pals, --freeze")]
            facts = sides[0].facts
            rows += take_turns(f"train, {precision}", sides, self.arguments.rounds)
            # Two at a time: each model with its moments takes 2 GB.
            for adapter in ADAPTERS[1:]:
                sides = [self.ours("train", *flags, "--adapter", name, name=name) for name in (ADAPTERS[0], adapter)]
                rows += take_turns(f"train, {precision}", sides, self.arguments.rounds)
        show(rows, facts, comparison="adapters")

    def lora(self):
        """Where the first side is so many times as fast as LoRA, LoRA's step takes that many times as long."""
        rows, facts = [], {}
        for precision in self.arguments.precision:
            flags = ["--precision", precision]
            sides = [self.ours("train", *flags, "--adapter", "low_rank", "--freeze", name="low rank, --freeze"),
                     self.ours("train", *flags, "--adapter", "lora", "--freeze", name="LoRA, --freeze"),
                     self.ours("train", *flags, "--adapter", "lora", "--freeze_all", name="LoRA, --freeze_all")]
            facts = sides[0].facts
            rows += take_turns(f"train, {precision}", sides, self.arguments.rounds)
            sides = [self.ours("train", *flags, "--adapter", adapter, name=name)
                     for adapter, name in (("none", "no adapter"), ("lora", "LoRA"))]
            rows += take_turns(f"train, {precision}", sides, self.arguments.rounds)
            flags += ["--order", "sorted", "--adapter", "lora"]
            sides = [self.ours("predict", *flags, name="LoRA, one task"),
                     self.ours("predict", *flags, "--tasks", 8, name="LoRA, 8 tasks mixed")]
            rows += take_turns(f"predict, {precision}, sorted", sides, self.arguments.rounds)
        show(rows, facts, comparison="lora")

    def memory(self):
        eager = self.ours("train", "--side", "eager", "--adapter", "pals", name="eager, fp32, padded to 128")
        eager.turn()
        peaks = {eager.name: eager.results[-1]["peak_rss_bytes"]}
        facts = eager.facts
        eager.close()
        for precision in self.arguments.precision:
            for freeze in (False, True):
                name = f"pals train, {precision}" + (", --freeze" if freeze else "")
                peaks[name] = self.training_peak(precision, freeze)
        reference = peaks[eager.name]
        show_lines([["peak memory", "MB", "of eager's"]] +
                   [[name, "%.0f" % (peak / 1e6), "%.0f %%" % (100 * peak / reference)] for name, peak in peaks.items()])
        host = {key: facts[key] for key in ("cpu", "isa", "kernels", "threads")}
        print(json.dumps({"comparison": "memory", **host, "peak_rss_bytes": peaks}), flush=True)

    def training_peak(self, precision, freeze):
        """Of `pals train` itself: some steps of the paper's recipe, and the model written."""
        with open(os.path.join(REPOSITORY, "configs", "pals_config.json"), encoding="utf-8") as stream:
            config = json.load(stream)
        config["num_hidden_layers"] = self.arguments.layers or config["num_hidden_layers"]
        with open(self.path("config.json"), "w", encoding="utf-8") as stream:
            json.dump(config, stream)
        output = self.path("run")
        command = [os.path.join(self.arguments.build, "pals"), "train", "--do_train", "--tasks", "all", "--sample", "anneal",
                   "--data_dir", self.arguments.data_dir, "--vocab_file", self.arguments.vocab_file, "--do_lower_case",
                   "--bert_config_file", self.path("config.json"), "--precision", precision, "--threads",
                   self.arguments.threads, "--max_steps", self.arguments.batches, "--output_dir", output,
                   *(["--freeze"] if freeze else [])]
        say("running pals train,", precision, "--freeze" if freeze else "")
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        messages = process.stderr.read()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status  # so that nobody waits for it again
        shutil.rmtree(output, ignore_errors=True)
        if status != 0:
            sys.exit("compare.py: pals train failed:\n" + messages)
        return usage.ru_maxrss * 1024

    def tokenizer(self):
        text = self.path("texts.txt")
        with open(text, "w", encoding="utf-8") as stream:
            for folder in FULL_GLUE:
                _, rows, columns = read_glue(self.arguments.data_dir, folder)
                stream.writelines(row[column] + "\n" for row in rows for column in columns)
        sides = [Once("ours", [os.path.join(self.arguments.build, "bench", "bench_tokenizer"), text,
                               self.arguments.vocab_file]),
                 Side("tokenizers", [self.arguments.python, os.path.join(PEERS, "tokenizer_peer.py"), "--text", text,
                                     "--vocab_file", self.arguments.vocab_file])]
        rows = take_turns("tokenizer, one thread", sides, self.arguments.rounds)
        show(rows, {**sides[0].facts, "threads": 1}, comparison="tokenizer")

    def data(self):
        say("making GLUE of full size")
        rows = make_full_glue(self.arguments.data_dir, self.path("glue"), self.arguments.share)
        results = {"first": [], "again": []}
        command = [self.contestant, "data", "--data_dir", self.path("glue"), "--vocab_file", self.arguments.vocab_file,
                   "--cache_dir", self.path("features"), "--threads", self.arguments.threads]
        for number in range(self.arguments.rounds):
            shutil.rmtree(self.path("features"), ignore_errors=True)
            for time_of in results:
                result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
                results[time_of].append(json.loads(result.stdout))
                say(f"data: round {number + 1} of {self.arguments.rounds}, {time_of}: "
                    f"{results[time_of][-1]['seconds']:.1f} s")
        lines = [["ready to train", "rows", "seconds", "fastest to slowest", "peak memory, MB"]]
        for time_of, runs in results.items():
            seconds = [run["seconds"] for run in runs]
            lines.append([time_of, f"{runs[0]['rows']:,}", "%.1f" % statistics.median(seconds),
                          "%.1f to %.1f" % (min(seconds), max(seconds)),
                          "%.0f" % (max(run["peak_rss_bytes"] for run in runs) / 1e6)])
        show_lines(lines)
        print(json.dumps({"comparison": "data", "rows": rows, "threads": self.arguments.threads, "results": results}),
              flush=True)


# -- GLUE of full size ------------------------------------------------------------------------------

def read_glue(data_dir, folder):
    """The header line or None, the training rows as lists, and the columns of texts."""
    _, has_header, columns = FULL_GLUE[folder]
    with open(os.path.join(data_dir, folder, "train.tsv"), encoding="utf-8-sig", newline="\n") as stream:
        lines = stream.read().split("\n")
    header = lines.pop(0) if has_header else None
    rows = [line.rstrip("\r").split("\t") for line in lines if line]
    width = max(set(map(len, rows)), key=[len(row) for row in rows].count)
    return header, [row for row in rows if len(row) == width], columns


def perturbed(row, other, columns, generator):
    """The row with the ends of its texts taken from another one."""
    row = list(row)
    for column in columns:
        words, more = row[column].split(" "), other[column].split(" ")
        row[column] = " ".join(words[:generator.randint(1, len(words))] + more[generator.randint(0, len(more)):])
    return row


def make_full_glue(data_dir, target, share):
    """Training files with `share` of the full data's rows: those at hand, and then perturbed ones. Returns the rows."""
    total, generator = 0, random.Random(42)
    for folder, (full_size, _, _) in FULL_GLUE.items():
        header, rows, columns = read_glue(data_dir, folder)
        size = max(1, round(full_size * share))
        os.makedirs(os.path.join(target, folder))
        with open(os.path.join(target, folder, "train.tsv"), "w", encoding="utf-8", newline="\n") as stream:
            if header is not None:
                stream.write(header + "\n")
            for number in range(size):
                row = rows[number % len(rows)]
                if number >= len(rows):
                    row = perturbed(row, generator.choice(rows), columns, generator)
                stream.write("\t".join(row) + "\n")
        total += size
    return total


# -- Main -------------------------------------------------------------------------------------------

COMPARISONS = ["predict", "train", "adapters", "lora", "memory", "tokenizer", "data"]  # of `all`


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", choices=COMPARISONS + ["gpu", "all"])
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build"))
    parser.add_argument("--python", default=os.path.join(CACHE, "venv-bench", "bin", "python"), help="of the peers")
    parser.add_argument("--data_dir", default=os.environ.get("PALS_GLUE_DIR"), help="GLUE (default: PALS_GLUE_DIR)")
    parser.add_argument("--vocab_file", default=os.path.join(MINILM, "vocab.txt"), help="default: MiniLM's")
    parser.add_argument("--model", default=MINILM, help="the MiniLM of `train`; only its sizes count")
    parser.add_argument("--batches", type=int, default=12, help="in a turn, of 32 rows but for `gpu`")
    parser.add_argument("--batch_size", nargs="+", type=int, default=[32, 256], help="rows of a batch, for `gpu`")
    parser.add_argument("--part", nargs="+", choices=["train", "predict"], default=["train", "predict"], help="of `gpu`")
    parser.add_argument("--ready_seconds", type=float, default=150,
                        help="of `gpu`: a peer that takes longer to start, or to compile, is left out")
    parser.add_argument("--device", default="cuda", help="of `gpu`: cuda (default), or cpu to try it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--layers", type=int, help="fewer than the model has, to try it out")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows of the full data, to try `data` out")
    parser.add_argument("--cache_dir", default=os.path.join(CACHE, "peers"), help="where exported models stay")
    parser.add_argument("--folder", help="for temporary files; default: the system's")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        parser.error("--data_dir is missing: GLUE's folder, or set PALS_GLUE_DIR")
    return arguments


def main():
    arguments = parse_arguments()
    for name in COMPARISONS if arguments.comparison == "all" else [arguments.comparison]:
        with tempfile.TemporaryDirectory(prefix="pals-compare-", dir=arguments.folder) as folder:
            getattr(Comparisons(arguments, folder), name)()


if __name__ == "__main__":
    main()
