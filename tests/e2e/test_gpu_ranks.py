"""Training on several GPUs, which a library beside the program simulates: each rank has one, and they speak through
the store that they meet in, where on a machine with GPUs NCCL would be."""

import os
import shutil
import signal
import socket
import time
import unittest

from ranks import MPI, ManyRanks, copy_program, mpirun

SIMULATED = os.environ.get("PALS_SIMULATED")


@unittest.skipIf(MPI == "none", "this pals finds no MPI (openmpi-bin, libopenmpi-dev when it is built)")
class GpuRanks(ManyRanks):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("driver"))
        self.program = copy_program(self.path("bin"))
        library = shutil.copy(SIMULATED, self.path("bin", "libpals_cuda.so"))
        os.symlink(library, self.path("driver", "libcuda.so.1"))

    def start_on(self, devices, command, **changes):
        return self.start(command, LD_LIBRARY_PATH=self.path("driver"), PALS_SIMULATED_DEVICES=str(devices), **changes)

    def run_on(self, devices, run, *flags, **changes):
        """Trains by the program alone; what came on stderr."""
        return self.finish(self.start_on(devices, [self.program, *self.flags(run, *flags)], **changes))[1]

    @staticmethod
    def free_port():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return str(free.getsockname()[1])

    def start_mpirun(self, devices, *parts):
        return self.start_on(devices, mpirun(*parts), MASTER_PORT=self.free_port())

    def start_torchrun(self, devices, ranks, *arguments):
        """The processes that it would start."""
        port = self.free_port()
        return [self.start_on(devices, [self.program, *arguments], RANK=str(rank), WORLD_SIZE=str(ranks),
                              LOCAL_RANK=str(rank), LOCAL_WORLD_SIZE=str(ranks), MASTER_ADDR="127.0.0.1",
                              MASTER_PORT=port) for rank in range(ranks)]

    def test_a_plain_run_takes_all(self):
        for name, flags in [("plain", ["--adapter", "pals"]), ("sharded", ["--shard_optimizer", "--adapter", "low_rank"]),
                            ("frozen", ["--freeze", "--do_train"])]:
            whole, _ = self.run_ranks(1, name + "-cpu", *flags)
            errors = self.run_on(3, name, *flags)
            self.assertEqual(errors.count("on all 3 GPUs"), 1, errors)
            self.check_words(errors, "(a pretence), 3 ranks")
            self.check_close(whole, self.path(name))
            self.assertEqual(self.speed(self.path(name))["ranks"], 3)

    def test_kept_to_one(self):
        for number, (devices, flags) in enumerate([(2, ["--nproc", "1"]), (2, ["--device", "cuda:1"]), (1, [])]):
            errors = self.run_on(devices, "run%d" % number, "--do_train", *flags)
            self.assertIn("privateuseone:%d (a pretence)" % (number == 1), errors)
            self.assertNotIn("ranks", errors)
        for number, flags in enumerate([["--device", "cpu"], ["--no_cuda"]]):
            self.assertNotIn("a pretence", self.run_on(2, "cpu%d" % number, "--do_train", *flags))

    def test_without_mpirun_one_is_taken(self):
        errors = self.run_on(2, "run", "--do_train", PATH=self.path("driver"))
        self.check_words(errors, "2 GPUs, of which this run takes one", "torchrun --no-python --nproc-per-node 2")

    def test_launchers(self):
        whole, _ = self.run_ranks(1, "one", "--do_train")
        _, errors = self.finish(self.start_mpirun(2, (2, self.program, *self.flags("mpirun", "--do_train"))))
        self.assertIn("(a pretence), 2 ranks", errors)
        self.check_close(whole, self.path("mpirun"))
        for process in self.start_torchrun(2, 2, *self.flags("torchrun", "--do_train")):
            self.finish(process)
        self.check_close(whole, self.path("torchrun"))
        # More ranks than GPUs compute on the CPU.
        _, errors = self.finish(self.start_mpirun(2, (3, self.program, *self.flags("cpus", "--do_train"))))
        self.assertIn("1 thread, ", errors)
        self.check_close(whole, self.path("cpus"))

    def test_each_sees_one(self):
        """Slurm's --gpus-per-task."""
        whole, _ = self.run_ranks(1, "one", "--do_train")
        arguments = self.flags("two", "--do_train", "--device", "cuda")
        parts = [(1, "env", "PALS_SIMULATED_FIRST=%d" % rank, self.program, *arguments) for rank in range(2)]
        self.finish(self.start_mpirun(1, *parts))
        self.check_close(whole, self.path("two"))

    def test_two_on_one_are_refused(self):
        process = self.start_mpirun(2, (2, self.program, *self.flags("run", "--device", "cuda:0")))
        _, errors = self.finish(process, 2)
        ours = [line for line in errors.splitlines() if line.startswith("pals: ")]
        self.assertEqual(len(ours), 1, errors)
        self.check_words(ours[0], "ranks 0 and 1 have the same device, pretence-0", "--device be auto or cuda")

    def test_stopped_run_goes_on(self):
        flags = ["--max_steps", "300", "--save_checkpoints_steps", "10", "--do_train"]
        process = self.start_on(2, [self.program, *self.flags("run", *flags)])
        while not (os.path.isdir(self.path("run", "checkpoints")) and os.listdir(self.path("run", "checkpoints"))):
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.terminate()
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, errors)
        self.assertEqual(errors.count("the same command goes on"), 1, errors)
        self.assertIn("going on at step", self.run_on(0, "run", *flags))

    def test_dead_rank_is_named(self):
        """Where no launcher sees it."""
        processes = self.start_torchrun(2, 2, *self.flags("run", "--do_train", "--max_steps", "100000"))
        while not os.path.exists(self.path("run", "metrics.jsonl")):
            self.assertIsNone(processes[0].poll())
            time.sleep(0.02)
        processes[1].send_signal(signal.SIGKILL)
        began = time.monotonic()
        _, errors = self.finish(processes[0], 1)
        self.assertLess(time.monotonic() - began, 60)
        self.assertRegex(errors, r"pals: rank 1 on \S+ has not been heard of for 40 s")
        processes[1].communicate()


if __name__ == "__main__":
    unittest.main()
