"""Many ranks that train together over MPI: the same run as one process alone."""

import json
import os
import shutil
import subprocess
import time
import unittest

import support
from ranks import MPI, STEPS, ManyRanks, copy_program, mpirun
from support import PALS, metrics, read_json, read_safetensors


def slurm_runs():
    """Whether Slurm starts processes on this machine, and knows PMIx."""
    try:
        return subprocess.run(["srun", "--mpi=pmix", "--immediate=5", "-n", "2", "true"], timeout=20,
                              stderr=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class EqualResults(ManyRanks):
    def test_every_adapter(self):
        for adapter in support.adapter_kinds():
            with self.subTest(adapter=adapter):
                flags = ["--adapter", adapter, "--do_train"]
                whole, _ = self.run_ranks(1, adapter + "1", *flags, tasks="rte,sst,sts")
                losses = [step["loss"] for step in metrics(whole)[0]]
                self.assertGreater(max(losses) - min(losses), 0.1)
                for ranks in 2, 4:
                    run, _ = self.run_ranks(ranks, adapter + str(ranks), *flags, tasks="rte,sst,sts")
                    self.check_close(whole, run)

    def test_evaluation_over_all_ranks(self):
        flags = ["--num_train_epochs", "2", "--adapter", "pals"]
        whole, _ = self.run_ranks(1, "one", *flags, tasks="mnli,sts,cola")
        run, _ = self.run_ranks(3, "three", *flags, tasks="mnli,sts,cola")
        self.check_close(whole, run)
        for one, other in zip(metrics(whole)[1], metrics(run)[1]):
            for task, scores in one["evaluation"]["tasks"].items():
                for name, value in scores.items():
                    self.assertAlmostEqual(value, other["evaluation"]["tasks"][task][name], delta=1e-4, msg=name)
        # `pals eval` too; only rank 0 speaks.
        arguments = ["eval", "--model", run + "/final", "--data_dir", self.glue, "--json", "--precision", "fp32"]
        alone = json.loads(self.pals(*arguments).stdout)
        output, _ = self.finish(self.start(mpirun((2, PALS, *arguments))))
        for task, scores in json.loads(output)["tasks"].items():
            for name, value in scores.items():
                self.assertAlmostEqual(value, alone["tasks"][task][name], delta=1e-6, msg=name)

    def test_spans_and_multiple_choice(self):
        flags = ["--task_file", self.write_mixed_tasks(), "--do_train", "--max_seq_length", "48"]
        whole, _ = self.run_ranks(1, "one", *flags, tasks="which,where,sst")
        for ranks in 2, 3:
            self.check_close(whole, self.run_ranks(ranks, "ranks%d" % ranks, *flags, tasks="which,where,sst")[0])

    def test_accumulation_pooler_and_frozen_parts(self):
        shared = 4 * sum(len(values) for _, values in support.random_weights().values())
        words = 4 * len(support.VOCABULARY) * support.HIDDEN
        for number, (flags, most) in enumerate([
                # Once a step, and not the word embeddings whole.
                (["--train_batch_size", "4", "--gradient_accumulation_steps", "4", "--task_pooler"],
                 shared - words / 2),
                # Of a frozen encoder only the LayerNorms.
                (["--freeze", "--adapter", "lhuc"], shared / 20)]):
            whole, _ = self.run_ranks(1, "one%d" % number, *flags, "--do_train")
            run, _ = self.run_ranks(2, "two%d" % number, *flags, "--do_train")
            self.check_close(whole, run)
            self.assertLess(self.speed(run)["bytes_a_step"], most)

    def test_more_ranks_than_examples(self):
        flags = ["--train_batch_size", "2", "--max_steps", "8", "--do_train"]
        whole, _ = self.run_ranks(1, "one", *flags)
        self.check_close(whole, self.run_ranks(4, "four", *flags)[0])
        self.check_close(whole, self.run_ranks(4, "sharded", *flags, "--shard_optimizer")[0])

    def test_dropout_does_not_depend_on_ranks(self):
        flags = ["--dropout", "0.1", "--do_train", "--max_steps", "20"]
        whole, _ = self.run_ranks(1, "one", *flags)
        self.check_close(whole, self.run_ranks(3, "three", *flags)[0], 1e-4)

    def test_bf16_gradients(self):
        whole, _ = self.run_ranks(1, "one", "--do_train")
        fp32, _ = self.run_ranks(2, "fp32", "--do_train")
        bf16, _ = self.run_ranks(2, "bf16", "--do_train", "--gradient_type", "bf16")
        self.check_close(whole, bf16, 1e-3)
        with self.assertRaises(AssertionError):
            self.check_close(fp32, bf16, 0.0)  # it is another way
        self.assertEqual(2 * self.speed(bf16)["bytes_a_step"], self.speed(fp32)["bytes_a_step"])

    def test_sharded_optimizer(self):
        recipe = ["--adapter_lr", "2e-3", "--layer_decay", "0.9", "--ema", "0.9", "--polish_epochs", "1"]
        for number, flags in enumerate([["--adapter", "pals"], ["--freeze", "--adapter", "low_rank"],
                                        ["--adapter", "pals", *recipe]]):
            whole, _ = self.run_ranks(1, "one%d" % number, *flags)
            for ranks in 2, 4:
                run, _ = self.run_ranks(ranks, "ranks%d%d" % (number, ranks), *flags, "--shard_optimizer")
                self.check_close(whole, run)
                for file in "final/model.safetensors", "final/adapters/rte/pals_adapter.safetensors":
                    one, other = (read_safetensors(os.path.join(folder, file)) for folder in (whole, run))
                    for name, data in one.items():
                        for a, b in zip(support.floats(data), support.floats(other[name])):
                            self.assertAlmostEqual(a, b, delta=1e-4, msg=name)

    def test_bf16_weights_of_a_sharded_optimizer(self):
        flags = ["--precision", "bf16", "--do_train"]
        plain, _ = self.run_ranks(2, "plain", *flags)
        self.check_close(plain, self.run_ranks(2, "sharded", *flags, "--shard_optimizer")[0], 1e-5)


class Launchers(ManyRanks):
    def test_nproc(self):
        whole, _ = self.run_ranks(1, "one")
        output, errors = self.finish(self.start([PALS, *self.flags("two", "--nproc", "2", "--json")]))
        self.check_close(whole, self.path("two"))
        self.assertEqual(json.loads(output), read_json(self.path("two"), "eval_results.json"))
        self.assertIn("2 ranks", errors)
        self.assertRegex(errors, r"2 ranks: .* MB a step between ranks in .* % of it behind computation")
        speed = self.speed(self.path("two"))
        self.assertEqual((speed["until_step"], speed["ranks"], speed["steps"]), (STEPS, 2, STEPS))
        # The same configuration under a launcher counts its ranks.
        config = self.path("two", "run_config.json")
        _, errors = self.finish(self.start(mpirun((3, PALS, "train", "--config", config, "--output_dir",
                                                   self.path("three")))))
        self.assertIn("3 ranks", errors)
        self.check_close(whole, self.path("three"))

    def test_local_rank_of_the_reference(self):
        whole, _ = self.run_ranks(1, "one", "--do_train")
        run = self.flags("two", "--do_train")
        self.finish(self.start(mpirun((1, PALS, *run, "--local_rank", 0), (1, PALS, *run, "--local_rank=1"))))
        self.check_close(whole, self.path("two"))

    def test_impossible_numbers(self):
        for number in 0, 1025, "two":
            self.assertIn("--nproc", self.error(*self.flags("run", "--nproc", str(number)), code=2))
        self.assertIn("--gradient_type", self.error(*self.flags("run", "--gradient_type", "fp8"), code=2))

    def test_torchrun_on_cpus(self):
        process = self.start([PALS, *self.flags("run")], RANK="0", WORLD_SIZE="2", LOCAL_RANK="0",
                             MASTER_ADDR="127.0.0.1", MASTER_PORT="29500")
        _, errors = self.finish(process, 2)
        self.check_words(errors, "torchrun", "mpirun -np 2", "--nproc 2")

    def test_without_mpi(self):
        lost = {"PALS_MPI_LIBRARY": self.path("lost.so")}
        launched = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
        for flags, changes, words in [(["--nproc", "2"], {}, "--nproc 2: there is no "),
                                      ([], launched, "started by mpirun as one of 2 ranks, but there is no ")]:
            _, errors = self.finish(self.start([PALS, *self.flags("run", *flags)], **lost, **changes), 2)
            self.assertEqual(errors.count("\n"), 1, errors)
            self.check_words(errors, "pals: " + words, lost["PALS_MPI_LIBRARY"])
        self.assertIn("mpi: none\n", self.finish(self.start([PALS, "info"], **lost))[0])
        self.finish(self.start([PALS, *self.flags("alone", "--do_train")], **lost))

    def test_a_launcher_that_mpi_does_not_know(self):
        process = self.start([PALS, *self.flags("run")], PMI_RANK="0", PMI_SIZE="2")
        _, errors = self.finish(process, 2)
        self.check_words(errors, "mpiexec says rank 0 of 2, but MPI says rank 0 of 1", "--mpi=pmix")

    @unittest.skipUnless(MPI.startswith("Open MPI"), "another MPI may do without PMIx")
    def test_srun_without_pmix(self):
        process = self.start([PALS, *self.flags("run")], SLURM_PROCID="0", SLURM_STEP_NUM_TASKS="2")
        _, errors = self.finish(process, 2)
        self.check_words(errors, "srun started 2 ranks without PMIx", "srun --mpi=pmix")

    @unittest.skipUnless(slurm_runs(), "no Slurm with PMIx runs here")
    def test_srun(self):
        whole, _ = self.run_ranks(1, "one")
        _, errors = self.finish(self.start(["srun", "--mpi=pmix", "-n", "2", PALS, *self.flags("two")]))
        self.assertIn("2 ranks", errors)
        self.check_close(whole, self.path("two"))
        _, errors = self.finish(self.start(["srun", "--mpi=none", "-n", "2", PALS, *self.flags("three")]), 2)
        self.assertIn("srun started 2 ranks without PMIx", errors)


class Refusals(ManyRanks):
    def refused(self, *parts, code=1):
        began = time.monotonic()
        _, errors = self.finish(self.start(mpirun(*parts)), code)
        self.assertLess(time.monotonic() - began, 60)
        ours = [line for line in errors.splitlines() if line.startswith("pals: ")]
        self.assertEqual(len(ours), 1, errors)
        self.assertFalse(os.path.exists(self.path("run")))
        return ours[0]

    def test_other_options(self):
        for flags, name in [(["--seed", "7"], "seed"), (["--eval_batch_size", "7"], "eval_batch_size"),
                            (["--adapter", "lhuc"], "adapter")]:
            line = self.refused((1, PALS, *self.flags("run")), (1, PALS, *self.flags("run", *flags)))
            self.check_words(line, "rank 1 has other values of " + name, "than rank 0")

    def test_other_data(self):
        other = self.path("other")
        shutil.copytree(self.glue, other)
        path = os.path.join(other, "SST-2", "train.tsv")
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        # The same number of rows, of the same lengths.
        support.write_text(path, text.replace(support.GOOD, support.BAD, 1))
        line = self.refused((2, PALS, *self.flags("run")), (1, PALS, *self.flags("run", "--data_dir", other)))
        self.check_words(line, "rank 2 has another content of data files")

    def test_other_program(self):
        other = copy_program(self.path("other"))
        with open(other, "ab") as stream:
            stream.write(b"\0")
        line = self.refused((1, PALS, *self.flags("run")), (1, other, *self.flags("run")))
        self.check_words(line, "rank 1 has another pals than rank 0")

    def test_a_mistake_is_told_once(self):
        line = self.refused((3, PALS, *self.flags("run", "--sample", "wrong")), code=2)
        self.assertIn("wrong", line)
        self.assertNotIn("rank", line)

    def test_a_rank_without_its_files_says_so(self):
        line = self.refused((1, PALS, *self.flags("run")),
                            (1, PALS, *self.flags("run", "--data_dir", self.path("nowhere"))))
        self.check_words(line, "rank 1: ", "nowhere")


if __name__ == "__main__":
    unittest.main()
