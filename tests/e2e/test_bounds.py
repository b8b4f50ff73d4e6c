"""What a file or a flag asks for is bounded: memory by the file's size, vocabularies, threads by the cores."""

import os
import subprocess
import unittest

import support
from support import PalsTest

MB = 1 << 20


class Bounds(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("setUp")
        test.folder = cls.place = os.path.join(os.path.dirname(cls.model), "bounds")
        support.make_squad(test.path("squad.json"), 8)
        test.pals("train", "--kind", "span", "--train_file", test.path("squad.json"), "--dev_file",
                  test.path("squad.json"), "--init_checkpoint", cls.model, "--output_dir", test.path("run"),
                  "--max_seq_length", 32, "--max_steps", 1, "--threads", 1)

    def peak(self, *arguments, code=0):
        """The most memory that a command took, in bytes, and its message."""
        with open(self.path("stderr"), "w+", encoding="utf-8") as stream:
            process = subprocess.Popen([support.PALS, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=stream,
                                       env=support.environment())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            stream.seek(0)
            message = stream.read()
        self.assertEqual(process.returncode, code, message)
        return usage.ru_maxrss * 1024, message

    def predict(self, path, code=0):
        return self.peak("predict", "--model", os.path.join(self.place, "run", "final"), "--input", path, "--threads",
                         1, "--precision", "fp32", code=code)

    def test_memory_of_question_files(self):
        alone, _ = self.predict(os.path.join(self.place, "squad.json"))
        context = "word1" + " " * 4000 + "word2"
        paragraphs = [{"context": context, "qas": [{"id": str(number), "question": "word1 ?", "answers": []}]}
                      for number in range(4000)]
        path = support.write_json(self.path("long.json"), {"data": [{"paragraphs": paragraphs}]})
        size = os.path.getsize(path)
        self.assertGreater(size, 15 * MB)
        taken, _ = self.predict(path)
        self.assertLess(taken - alone, 4 * size + 50 * MB)

    def test_memory_of_tiny_values(self):
        alone, _ = self.predict(os.path.join(self.place, "squad.json"))
        path = support.write_text(self.path("tiny.json"), '{"data": [' + "{}," * (12 * MB) + "{}]}")
        taken, message = self.predict(path, code=1)
        self.check_words(message, "tiny.json", "memory")
        self.assertLess(taken - alone, 4 * os.path.getsize(path) + 50 * MB)

    def test_vocabularies(self):
        words = "\n".join(support.VOCABULARY) + "\n"
        for text, message in ((words + "x" * (16 * MB), "16777216"), (words + "x\n" * 1_000_000, "1000000")):
            path = support.write_text(self.path("vocab.txt"), text)
            line = self.error("features", "--model", self.model, "--vocab_file", path, code=1)
            self.check_words(line, "vocab.txt", message)

    def test_threads_beyond_the_cores(self):
        cores = len(os.sched_getaffinity(0))
        for threads in cores, cores + 1:
            for command in (["features", "--model", self.model, "--pooling", "cls"],
                            ["predict", "--model", os.path.join(self.place, "run", "final")],
                            ["eval", "--model", os.path.join(self.place, "run", "final")],
                            self.train_arguments("run%d" % threads, "--max_steps", "1")):
                result = self.pals(*command, "--threads", threads, stdin="word1\tword2\n")
                warned = [line for line in result.stderr.splitlines() if "--threads" in line]
                self.assertEqual(len(warned), threads > cores, result.stderr)
                for line in warned:
                    self.check_words(line, "warning: --threads %d is more than the %d cores" % (threads, cores))


if __name__ == "__main__":
    unittest.main()
