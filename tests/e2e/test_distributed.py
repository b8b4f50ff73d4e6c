"""Many ranks that train together over MPI: the same run as one process alone, and no worse an end."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import support
from support import PALS, PalsTest, metrics, read_json, read_safetensors
from test_train import ADAPTERS

MPI = json.loads(subprocess.run([PALS, "info", "--json"], stdout=subprocess.PIPE, check=True).stdout)["mpi"]
STEPS = 50


def slurm_runs():
    """Whether Slurm starts processes on this machine, and knows PMIx."""
    try:
        return subprocess.run(["srun", "--mpi=pmix", "--immediate=5", "-n", "2", "true"], timeout=20,
                              stderr=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def environment(**changes):
    # Ranks of tests share few cores, and what this test was started by is none of their business.
    env = {name: value for name, value in support.environment().items()
           if not name.startswith(("OMPI_", "PMI", "SLURM_")) and name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**env, **changes}


def mpirun(*parts):
    """Each part is (ranks, program, arguments...)."""
    command = ["mpirun", "--oversubscribe"] + (["--allow-run-as-root"] if os.geteuid() == 0 else [])
    for number, (ranks, *arguments) in enumerate(parts):
        command += ([":"] if number else []) + ["-np", ranks, *arguments]
    return [str(word) for word in command]


@unittest.skipIf(MPI == "none", "this pals was built without MPI (libopenmpi-dev)")
class ManyRanks(PalsTest):
    def flags(self, run, *flags, **options):
        return self.train_arguments(run, "--dropout", "0", "--learning_rate", "1e-3", "--max_steps", str(STEPS), *flags,
                                    **options)

    def finish(self, process, code=0, timeout=120):
        output, errors = process.communicate(timeout=timeout)
        self.assertEqual(process.returncode, code, errors + output)
        return output, errors

    def start(self, command, **changes):
        return subprocess.Popen([str(word) for word in command], env=environment(**changes), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_ranks(self, ranks, run, *flags, code=0, **options):
        """Trains in the folder `run`; returns it and what came on stderr."""
        arguments = self.flags(run, *flags, **options)
        command = [PALS, *arguments] if ranks == 1 else mpirun((ranks, PALS, *arguments))
        _, errors = self.finish(self.start(command), code)
        return self.path(run), errors

    @staticmethod
    def speed(run):
        """The last line of metrics.jsonl."""
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as stream:
            return json.loads(stream.readlines()[-1])

    def check_close(self, run, other, tolerance=1e-5):
        (steps, evaluations), (others, other_evaluations) = metrics(run), metrics(other)
        self.assertEqual(len(steps), len(others))
        for step, at in zip(steps, others):
            self.assertEqual({**step, "loss": 0}, {**at, "loss": 0})
            self.assertAlmostEqual(step["loss"], at["loss"], delta=tolerance, msg=str(step))
        self.assertEqual(len(evaluations), len(other_evaluations))
        self.assertEqual(sorted(os.listdir(run)), sorted(os.listdir(other)))

    def write_mixed_tasks(self):
        """Questions of two or three choices, and spans."""
        lines = "".join(json.dumps({"context": "word1 word%d" % (number * 7 % 90), "label": number % 2,
                                    "choices": ["splendid word2", "dreadful word3", "word4"][:2 + number % 2]}) + "\n"
                        for number in range(30))
        choices = support.write_text(self.path("choices.jsonl"), lines)
        return support.write_json(self.path("mixed.json"), {"tasks": [
            {"name": "which", "kind": "multiple_choice", "context": "context", "choices": "choices", "label": "label",
             "train": choices},
            {"name": "where", "kind": "span", "doc_stride": 8,
             "train": support.make_squad(self.path("squad", "train.json"), 30)}]})


class EqualResults(ManyRanks):
    def test_every_adapter(self):
        for adapter in ADAPTERS:
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
        for number, flags in enumerate([["--adapter", "pals"], ["--freeze", "--adapter", "low_rank"]]):
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
        other = self.path("pals")
        shutil.copy(PALS, other)
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


class Ends(ManyRanks):
    """A rank that is gone, or a run that is stopped, and how it goes on."""

    flags_of_run = ["--max_steps", "400", "--save_checkpoints_steps", "10", "--do_train"]

    def start_run(self, run, *flags, ranks=3):
        command = mpirun((ranks, PALS, *self.flags(run, *self.flags_of_run, *flags)))
        return self.past_a_checkpoint(run, self.start(command))

    def start_local(self, run):
        return self.past_a_checkpoint(run, self.start([PALS, *self.flags(run, *self.flags_of_run, "--nproc", "2")]))

    def past_a_checkpoint(self, run, process):
        deadline = time.monotonic() + 60
        while not (os.path.isdir(self.path(run, "checkpoints")) and
                   any(name.startswith("step-") for name in os.listdir(self.path(run, "checkpoints")))):
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return process

    def ranks_of(self, process):
        """Process ids by rank, of what mpirun started."""
        return self.children_of(process.pid)

    @staticmethod
    def lives(pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
                return stream.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    @staticmethod
    def children_of(pid):
        """Process ids by rank, and of what is no rank as None."""
        found = {}
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as stream:
                    parent = int(stream.read().rpartition(")")[2].split()[1])
                with open("/proc/%s/environ" % name, "rb") as stream:
                    variables = dict(part.split(b"=", 1) for part in stream.read().split(b"\0") if b"=" in part)
            except (OSError, ValueError):
                continue
            if parent == pid:
                rank = variables.get(b"OMPI_COMM_WORLD_RANK")
                found[rank and int(rank)] = int(name)
        return found

    def check_goes_on(self, run, ranks, *flags):
        reached = len(metrics(self.path(run))[0])
        self.assertLess(reached, 400)
        _, errors = self.run_ranks(ranks, run, *self.flags_of_run, *flags)
        self.assertIn("going on at step", errors)
        whole, _ = self.run_ranks(1, "whole", *self.flags_of_run)
        steps, _ = metrics(self.path(run))
        self.assertEqual([step["step"] for step in steps], list(range(400)))
        # Rounding grows over hundreds of steps; what a wrong resumption changes is of another size.
        for step, at in zip(steps, metrics(whole)[0]):
            self.assertAlmostEqual(step["loss"], at["loss"], delta=1e-5 if step["step"] < STEPS else 2e-2)

    def test_dead_rank(self):
        process = self.start_run("run")
        os.kill(self.ranks_of(process)[1], signal.SIGKILL)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 30)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"process rank 1 .*\n?.*(signal 9|Killed)")
        self.assertEqual(self.ranks_of(process), {})
        self.check_goes_on("run", 2)

    def test_silent_rank(self):
        """A rank that neither works nor ends, like one on a machine that is cut off."""
        process = self.start_run("run", "--max_steps", "100000")
        os.kill(self.ranks_of(process)[2], signal.SIGSTOP)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 60)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"pals: rank 2 on \S+ has not been heard of for 40 s")

    def check_stopped(self, process, code):
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(process.returncode, code, errors)
        self.assertEqual(len(re.findall(r"pals: .*stopped at step \d+; the same command", errors)), 1, errors)

    def test_nproc_stops_and_goes_on(self):
        """mpirun gives its ranks a second when it is told to end, and the program is to give them more."""
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(number):
                run = "run%d" % number
                process = self.start_local(run)
                process.send_signal(number)
                self.check_stopped(process, 128 + number)
        self.check_goes_on(run, 1)

    def test_nproc_stops_in_a_terminal(self):
        """Ctrl-C reaches mpirun too."""
        process = subprocess.Popen([PALS, *self.flags("run", *self.flags_of_run, "--nproc", "2")], env=environment(),
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.past_a_checkpoint("run", process)
        os.killpg(process.pid, signal.SIGINT)
        self.check_stopped(process, 128 + signal.SIGINT)

    def test_mpirun_passes_a_signal_on(self):
        process = self.start_run("run", ranks=2)
        process.send_signal(signal.SIGUSR1)
        self.check_stopped(process, 128 + signal.SIGUSR1)

    def test_dead_rank_of_nproc(self):
        process = self.start_local("run")
        mpi = self.children_of(process.pid)[None]
        os.kill(self.children_of(mpi)[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(errors, r"process rank 1 .*\n?.*(signal 9|Killed)")
        self.assertEqual(self.children_of(mpi), {})

    def test_nproc_killed_leaves_nobody(self):
        process = self.start_local("run")
        mpi = self.children_of(process.pid)[None]
        ranks = self.children_of(mpi).values()
        self.assertEqual(len(ranks), 2)
        process.kill()
        process.communicate(timeout=30)
        deadline = time.monotonic() + 30
        while any(self.lives(pid) for pid in [mpi, *ranks]):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_stopped_run_goes_on_with_another_number_of_ranks(self):
        for number, (before, after) in enumerate([([], ["--shard_optimizer"]), (["--shard_optimizer"], [])]):
            run = "run%d" % number
            process = self.start_run(run, *before)
            os.kill(self.ranks_of(process)[number], signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(len(re.findall(r"pals: .*stopped at step \d+; the same command", errors)), 1, errors)
            self.assertNotEqual(process.returncode, 0)
            self.check_goes_on(run, 1 if number else 4, *after)


if __name__ == "__main__":
    unittest.main()
