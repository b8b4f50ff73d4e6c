"""`pals bench` on a tiny model: its works, its table and its line of JSON."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import support
from support import PalsTest

BUILD = os.path.dirname(os.path.abspath(support.PALS))
SWEEP = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "sweep.py")
COMPARE = os.path.join(os.path.dirname(__file__), "..", "..", "bench", "compare.py")

WORKS = ["train", "train --freeze", "predict, as it comes", "predict, sorted", "predict, sorted, 8 tasks mixed",
         "predict, as it comes, no adapters", "predict, sorted, no adapters"]


class Bench(PalsTest):
    def bench(self, *flags):
        result = self.pals("bench", "--model", self.model, "--quick", "--batch_size", 4, "--threads", 1, *flags)
        table, _, line = result.stdout.rstrip("\n").rpartition("\n")
        return table, json.loads(line), result.stderr

    def test_sizes_are_enough(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(os.path.join(self.model, "config.json"), folder)
            result = self.pals("bench", "--model", folder, "--quick", "--batch_size", 4, "--threads", 1,
                               "--precision", "fp32", "--json")
        self.assertEqual([item["work"] for item in json.loads(result.stdout)["results"]], WORKS)

    def test_generated_rows(self):
        table, shown, progress = self.bench("--profile")
        self.assertEqual([(item["work"], item["precision"]) for item in shown["results"]],
                         [(work, precision) for precision in ("fp32", "bf16") for work in WORKS])
        self.check_words(table, "generated rows", "4 a batch", "1 thread", "adapter pals", "ms a batch", *WORKS)
        self.check_words(table, "matrix products", "attention", "normalisation", "activation", "gradient sums",
                         "embeddings", "optimizer", "data", "other", "at::mm on the products' shapes")
        self.check_words(progress, "train, fp32", "predict, bf16")
        self.assertEqual((shown["threads"], shown["batches"], shown["rounds"], shown["rows"], shown["tasks"]),
                         (1, 3, 1, "generated", 8))
        self.assertTrue(20 < shown["tokens_per_row"] < 50, shown["tokens_per_row"])
        for item in shown["results"]:
            self.assertGreater(item["tokens_per_second"], 0)
            self.assertEqual("ratio" in item, "against" in item)
            blocks = item["blocks"]
            self.assertAlmostEqual(sum(blocks.values()), item["batch_seconds"], delta=1e-6)
            self.assertGreaterEqual(min(blocks.values()), 0)
        self.assertGreater(shown["results"][0]["product_share"], 0)

    def test_real_rows_and_a_trained_model(self):
        run = self.train("run", "--max_steps", "2", "--adapter", "low_rank")
        result = self.pals("bench", "--model", run + "/best", "--quick", "--json", "--precision", "fp32", "--threads", 1)
        shown = json.loads(result.stdout)
        self.assertEqual((shown["adapter"], shown["tasks"], shown["rows"]), ("low_rank", 2, "generated"))
        table, shown, _ = self.bench("--data_dir", self.glue, "--tasks", "rte,sst", "--precision", "fp32",
                                     "--adapter", "none")
        self.assertEqual((shown["adapter"], shown["tasks"], shown["rows"]), ("none", 2, "real"))
        self.assertEqual(len(shown["results"]), 5)
        self.check_words(table, "real rows", "2 tasks mixed")

    def test_adapters_have_their_settings(self):
        _, shown, _ = self.bench("--precision", "fp32", "--adapter", "lora", "--rank", "3", "--alpha", "6", "--targets", "all")
        self.assertEqual((shown["adapter"], shown["adapter_size"]), ("lora", 3))
        for flags, words in ((["--adapter", "lora", "--adapter_size", "4"], ["--adapter_size", "rank, alpha, targets"]),
                             (["--rank", "4"], ["--rank", "pals", "size"]),
                             (["--adapter", "none", "--adapter_size", "4"], ["--adapter_size needs --adapter"]),
                             (["--adapter", "lora", "--targets", "quarry"], ["quarry"])):
            self.check_words(self.error("bench", "--model", self.model, *flags, code=2), *words)

    def test_int8_is_prediction_alone(self):
        known = json.loads(self.pals("info", "--json").stdout)["instruction_sets"]
        if "avx512_vnni" not in known:
            self.check_words(self.error("bench", "--model", self.model, "--precision", "int8", code=2), "VNNI")
            return
        _, shown, _ = self.bench("--precision", "int8")
        self.assertEqual([(item["work"], item["precision"]) for item in shown["results"]],
                         [(work, "int8") for work in WORKS if work.startswith("predict")])

    def test_errors(self):
        self.check_words(self.error("bench", "--model", self.path("nothing"), code=1), self.path("nothing"))
        self.check_words(self.error("bench", "--model", self.model, "--adapter", "palls", code=2), "pals")
        self.check_words(self.error("bench", "--model", self.model, "--precision", "fp32,fp8", code=2), "--precision",
                         '"fp8"')
        self.check_words(self.error("bench", "--model", self.model, "--max_seq_length", 4096, code=2), "4096",
                         str(support.POSITIONS))
        self.check_words(self.error("bench", "--data_dir", self.glue, code=2), "--vocab_file")


class Sweep(PalsTest):
    """bench/sweep.py, one small point of it."""

    def test_one_point(self):
        result = subprocess.run(
            [sys.executable, SWEEP, "hidden_size", "--build", BUILD, "--layers", "1", "--rounds", "1", "--points", "1",
             "--threads", "1", "--precision", "fp32"], capture_output=True, text=True, check=True)
        head, _, row, _, line = result.stdout.rstrip("\n").split("\n")
        self.check_words(head, "hidden_size", "training, fp32", "prediction, fp32")
        self.assertTrue(row.startswith("| 128 | "), row)
        points = json.loads(line)["sweeps"]["hidden_size"]["128"]
        self.assertEqual([point["work"] for point in points], ["train", "train --freeze", "predict, sorted"])
        for point in points:
            self.assertGreater(point["tokens_per_second"], 0)
            self.assertGreater(point["product_share"], 0)


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "bench", "contestant")), "bench/contestant is not built")
class Compare(PalsTest):
    """bench/compare.py, as far as it needs nothing but our own programs."""

    def test_data(self):
        result = subprocess.run(
            [sys.executable, COMPARE, "data", "--build", BUILD, "--data_dir", self.glue, "--vocab_file",
             self.model + "/vocab.txt", "--share", "0.001", "--rounds", "2", "--threads", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=support.environment(), check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        table, _, line = result.stdout.rstrip("\n").rpartition("\n")
        shown = json.loads(line)
        self.assertEqual(shown["rows"], 950)
        for time_of in ("first", "again"):
            self.check_words(table, time_of)
            self.assertEqual([run["rows"] for run in shown["results"][time_of]], [950, 950])
            self.assertGreater(shown["results"][time_of][0]["peak_rss_bytes"], 1 << 20)


KERNELS = [("void pals::cuda::(anonymous namespace)::walk_kernel<pals::cuda::Gelu<Bf16, 8>>(T1, long)", "1,500"),
           ("void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_bf16_64x64_32x6_tn_align2>(Params)", "16000"),
           ("nvjet_tst_128x64_64x10_1x2_h_bz_NTN", "9000"),
           ("void pals::cuda::(anonymous namespace)::walk_kernel<pals::cuda::Gelu<Bf16, 8>>(T1, long)", "2500")]


class GpuProfile(unittest.TestCase):
    """bench/gpu_profile.py on what Nsight Compute prints of a first batch and three that repeat."""

    SCRIPT = os.path.join(os.path.dirname(COMPARE), "gpu_profile.py")

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def csv_of(self, kernels):
        lines = ["==PROF== Connected to process 7", '"ID","Process ID","Kernel Name","Stream","Block Size","Grid Size",'
                 '"Section Name","Metric Name","Metric Unit","Metric Value"']
        for number, (name, time) in enumerate(kernels):
            lines.append(f'"{number}","7","{name}","7","(128, 1, 1)","(3, 135, 1)","Command line profiler metrics",'
                         f'"gpu__time_duration.sum","nsecond","{time}"')
        return "\n".join(lines + ["==PROF== Disconnected"]) + "\n"

    def profile(self, *arguments):
        return subprocess.run([sys.executable, self.SCRIPT, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def test_table_of_the_last_batch(self):
        text = self.csv_of([("eager_kernel(int)", "7000")] * 3 + 3 * KERNELS)
        # Stands in for ncu: it prints what ncu prints, once it was given batches on standard input.
        ncu = os.path.join(self.folder, "ncu")
        with open(ncu, "w", encoding="utf-8") as stream:
            stream.write(f"#!{sys.executable}\nimport sys\nassert sys.stdin.read().count('\\n') >= 3\nsys.stdout.write({text!r})\n")
        os.chmod(ncu, 0o755)
        output = os.path.join(self.folder, "profile.csv")
        result = self.profile("train", "--ncu", ncu, "--data_dir", self.folder, "--output", output)
        self.assertEqual(result.returncode, 0, result.stderr)
        table, _, line = result.stdout.rstrip("\n").rpartition("\n")
        self.assertEqual(json.loads(line), {"profile": "train", "kernels": 4, "microseconds": 29.0})
        rows = [row.split() for row in table.split("\n")]
        self.assertEqual(rows[1], ["Kernel2", "64x64_32x6_tn_align2", "1", "16.0", "16", "55.2", "%"])
        self.assertEqual(rows[2], ["nvjet_tst_128x64_64x10_1x2_h_bz_NTN", "1", "9.0", "9", "31.0", "%"])
        self.assertEqual(rows[3], ["walk_kernel", "2", "2.0", "4", "13.8", "%"])
        self.assertEqual(table.split("\n")[-1], "4 kernels, 29 us one after the other")
        in_order = self.profile("table", output, "--in_order").stdout.split("\n")
        self.assertEqual([row.split()[0] for row in in_order[1:5]], ["walk_kernel", "Kernel2", "nvjet_tst_128x64_64x10_1x2_h_bz_NTN",
                                                                     "walk_kernel"])

    def test_what_is_wrong_is_said(self):
        path = os.path.join(self.folder, "profile.csv")
        for text, words in (("==ERROR== ERR_NVGPUCTRPERM\n", "no line of CSV"),
                            (self.csv_of(KERNELS).replace("time_duration", "cycles"), "no gpu__time_duration.sum"),
                            (self.csv_of(KERNELS).replace('"nsecond"', '"cycle"'), "in cycle; expected")):
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            result = self.profile("table", path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(words, result.stderr)
        for arguments, words in ((["table", path + ".none"], "No such file"), (["train", "--ncu", "no-ncu"], "there is no no-ncu"),
                                 (["train", "--ncu", "true", "--data_dir", self.folder, "--output", path], "no line of CSV")):
            result = self.profile(*arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(words, result.stderr)


if __name__ == "__main__":
    unittest.main()
