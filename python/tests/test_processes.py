"""Threads, signals and processes."""

import concurrent.futures
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest

import numpy as np
import pals
from common import PAIRS, SINGLE, PythonTest, environment

LONG = [" ".join(f"word{number % 240}" for number in range(start, start + 60)) for start in range(4000)]

CTRL_C = """
    import sys, time, pals
    model = pals.load(sys.argv[1], threads=1)
    texts = [" ".join(f"word{n % 240}" for n in range(start, start + 60)) for start in range(200000)]
    print("ready", flush=True)
    started = time.monotonic()
    try:
        model.embed(texts)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(len(model.embed(texts[:3])), flush=True)
"""

FORK = """
    import multiprocessing, sys, numpy, pals
    folder, texts = sys.argv[1], ["word1 splendid", "word2"] * 4
    model = pals.load(folder, precision="fp32", threads=2, device="cpu")
    wanted = model.predict_proba(texts, "sst")

    def inherited(_):
        return model.predict_proba(texts, "sst")

    def loaded(_):
        return pals.load(folder, precision="fp32", threads=2, device="cpu").predict_proba(texts, "sst")

    with multiprocessing.get_context("fork").Pool(2) as pool:
        for function in inherited, loaded:
            for given in pool.map(function, range(4)):
                numpy.testing.assert_array_equal(given, wanted)
    numpy.testing.assert_array_equal(model.predict_proba(texts, "sst"), wanted)
    print("the same")
"""

FORK_WHILE_COMPUTING = """
    import os, sys, threading, pals
    model = pals.load(sys.argv[1], threads=1)
    thread = threading.Thread(target=model.embed, args=([" ".join(["word1"] * 60)] * 20000,))
    thread.start()
    while not thread.is_alive():
        pass
    child = os.fork()
    if child == 0:
        code = 1
        try:
            model.embed(["word1"])
        except pals.PalsError as error:
            code = 0 if "forked while another thread" in str(error) else 2
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)
"""


class Processes(PythonTest):
    def test_the_lock_is_free_while_computing(self):
        model = pals.load(self.run_folder(), threads=1)
        counted = [0]
        end = threading.Event()

        def count():
            while not end.is_set():
                counted[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        started = time.monotonic()
        model.embed(LONG)
        seconds = time.monotonic() - started
        end.set()
        thread.join()
        self.assertGreater(counted[0], 20 * seconds, f"in {seconds} s")

    def test_threads_take_turns(self):
        model = pals.load(self.run_folder(), precision="fp32", threads=1)
        single, pairs = model.predict_proba(SINGLE, "sst"), model.predict_values(PAIRS, "sts")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [(pool.submit(model.predict_proba, SINGLE, "sst"), pool.submit(model.predict_values, PAIRS, "sts"))
                     for _ in range(10)]
            for one, other in asked:
                np.testing.assert_array_equal(one.result(), single)
                np.testing.assert_array_equal(other.result(), pairs)

    def test_models_have_threads_of_their_own(self):
        first, second = (pals.load(self.run_folder(), precision="fp32", threads=threads) for threads in (1, 2))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda model: model.predict_proba(LONG[:300], "sst"), (first, second)))
        np.testing.assert_allclose(results[0], results[1], atol=1e-5)

    def test_ctrl_c_ends_a_prediction(self):
        command = [sys.executable, "-c", textwrap.dedent(CTRL_C), self.run_folder()]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, rest), (0, "interrupted\n3\n"), errors)

    def test_after_fork(self):
        self.assertEqual(self.python(FORK, self.run_folder()), "the same\n")

    def test_after_a_fork_while_computing(self):
        self.assertEqual(self.python(FORK_WHILE_COMPUTING, self.model), "0\n")

    def test_models_go_away(self):
        before = threading.active_count()
        for _ in range(3):
            pals.load(self.model, threads=1).embed(["word1"])
        self.assertEqual(threading.active_count(), before)

    def test_threads_of_torch_are_left_alone(self):
        self.python("""
            import sys, torch, pals
            wanted = torch.get_num_threads()
            pals.load(sys.argv[1], threads=wanted + 1).embed(["word1"])
            assert torch.get_num_threads() == wanted
        """, self.model)


if __name__ == "__main__":
    unittest.main(verbosity=2)
