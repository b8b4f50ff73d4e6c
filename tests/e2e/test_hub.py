"""Models by name, hf://owner/name: from a server that is well, and from one that is not."""

import os
import shutil
import signal
import subprocess
import time
import unittest
from unittest import mock

import support
from fake_hub import FakeHub, etag_of
from support import PalsTest, read_json

WEIGHTS = "model.safetensors"
NAME = "hf://some/model"


class HubTest(PalsTest):
    def setUp(self):
        super().setUp()
        self.hub = FakeHub()
        self.addCleanup(self.hub.close)
        self.hub.add_folder(self.model)
        self.hub.files["README.md"] = b"not wanted"
        self.hub.files["pytorch_model.bin"] = b"not wanted"
        self.cache = self.path("cache")
        names = {"HF_ENDPOINT": self.hub.url(), "HF_HUB_CACHE": self.cache, "HF_HUB_DOWNLOAD_TIMEOUT": "2"}
        patch = mock.patch.dict(os.environ, names)
        patch.start()
        self.addCleanup(patch.stop)
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
                del os.environ[name]
        self.pinned = f"{NAME}@{self.hub.commit}"

    def features(self, model=NAME):
        return self.pals("features", "--model", model, "--layers=-1", "--threads", 1, "--precision", "fp32", stdin="good word1\n")

    def fails(self, *words, code=1, model=NAME):
        message = self.error("features", "--model", model, "--layers=-1", code=code, stdin="good\n")
        self.check_words(message, *words)
        self.assertFalse(os.path.exists(self.cached("refs", "main")))
        return message

    def cached(self, *parts):
        return os.path.join(self.cache, "models--some--model", *parts)

    def blob(self, name):
        return self.cached("blobs", etag_of(name, self.hub.files[name]))

    def check_cached(self):
        """The cache holds all that is wanted and nothing else, as huggingface_hub lays it out."""
        snapshot = self.cached("snapshots", self.hub.commit)
        for name in ("config.json", "vocab.txt", "tokenizer_config.json", WEIGHTS):
            link = os.path.join(snapshot, name)
            self.assertEqual(os.readlink(link), "../../blobs/" + etag_of(name, self.hub.files[name]))
            with open(link, "rb") as stream:
                self.assertEqual(stream.read(), self.hub.files[name])
        self.assertEqual(len(os.listdir(snapshot)), 4)
        self.assertEqual(len(os.listdir(self.cached("blobs"))), 4)
        with open(self.cached("refs", "main"), encoding="ascii") as stream:
            self.assertEqual(stream.read(), self.hub.commit)


class Fetching(HubTest):
    def test_a_model_becomes_a_folder(self):
        expected = self.features(self.model).stdout
        first = self.features()
        self.assertEqual(first.stdout, expected)
        self.assertIn("fetching some/model", first.stderr)
        self.check_cached()
        self.assertNotIn("get README.md", self.hub.keys())
        self.hub.forget()
        self.assertEqual(self.features().stdout, expected)
        self.assertEqual(self.hub.keys(), ["api"])  # a branch may have moved
        self.hub.forget()
        again = self.features(self.pinned)
        self.assertEqual((again.stdout, again.stderr.count("fetching")), (expected, 0))
        with mock.patch.dict(os.environ, HF_HUB_OFFLINE="1"):
            self.assertEqual(self.features().stdout, expected)
        self.assertEqual(self.hub.keys(), [])

    def test_a_branch_that_moved(self):
        self.features()
        self.hub.forget()
        self.hub.commit = "f" * 40
        self.hub.files["vocab.txt"] += b"more\n"
        self.hub.files["config.json"] = self.hub.files["config.json"].replace(
            b'"vocab_size": %d' % len(support.VOCABULARY), b'"vocab_size": %d ' % len(support.VOCABULARY))
        self.error("features", "--model", NAME, "--layers=-1", code=1, stdin="good\n")  # a token too many
        self.assertEqual([key for key in self.hub.keys() if key.startswith("get")], ["get config.json", "get vocab.txt"])
        with open(self.cached("refs", "main"), encoding="ascii") as stream:
            self.assertEqual(stream.read(), "f" * 40)
        self.features(self.pinned)  # the former one is still there

    def test_every_command_takes_a_name(self):
        run = self.train("run", "--max_steps", "2", "--adapter", "lora")
        self.hub.files.clear()
        self.hub.add_folder(os.path.join(run, "best"))
        texts = self.path("texts.txt")
        support.write_text(texts, "good word1\n")
        for arguments in (["predict", "--task", "sst", "--input", texts, "--model"], ["info", "--json"],
                          ["eval", "--data_dir", self.glue, "--json", "--model"]):
            here, there = [self.pals(*arguments, model).stdout for model in (os.path.join(run, "best"), NAME)]
            self.assertEqual(here.replace(os.path.join(run, "best"), ""),
                             there.replace(self.cached("snapshots", self.hub.commit), ""), arguments[0])
        self.pals("convert", NAME, self.path("converted"))
        self.pals("export", NAME, self.path("exported"), "--format", "transformers", "--task", "sst")
        self.pals("remove-task", "--model", NAME, "--tasks", "rte", "--output", self.path("removed"))
        self.pals("convert", NAME, self.path("peft"), "--to", "peft", "--task", "sst")
        self.assertEqual(read_json(self.path("peft"), "adapter_config.json")["base_model_name_or_path"], "some/model")
        self.hub.forget()

    def test_a_run_names_the_commit(self):
        run = self.train("run", "--max_steps", "4", "--save_steps", "2", model=NAME)
        config = os.path.join(run, "run_config.json")
        self.assertEqual(read_json(config)["init_checkpoint"], self.pinned)
        self.hub.close()
        self.pals("train", "--config", config, "--output_dir", self.path("again"))
        self.assertEqual(read_json(self.path("again"), "run_config.json")["init_checkpoint"], self.pinned)
        self.pals("train", "--config", config)  # goes on, which has nothing left to do

    def test_two_at_once(self):
        self.hub.faults["get " + WEIGHTS] = [None, "stall"]
        arguments = ["features", "--model", NAME, "--layers=-1", "--threads", "1"]
        first = support.start(arguments, stdin=subprocess.PIPE)
        self.hub.wait_for("get " + WEIGHTS)
        second = support.start(arguments, stdin=subprocess.PIPE)
        outputs = [process.communicate("good\n", timeout=60) for process in (first, second)]
        self.assertEqual((first.returncode, second.returncode), (0, 0), outputs)
        self.assertEqual(outputs[0][0], outputs[1][0])
        self.assertIn("waiting for another process", outputs[1][1])
        self.assertEqual(self.hub.keys().count("get " + WEIGHTS), 4)  # two attempts, each of two servers
        self.check_cached()

    def test_names_from_the_server_stay_in_the_cache(self):
        self.hub.more_names = ["../../evil.json", "/tmp/evil.json", "adapters/../pals_adapter.json",
                               "adapters/a\x00b/pals_adapter.json", "a" * 2000]
        self.features()
        self.check_cached()

    def test_proxies(self):
        proxy = self.hub.url()
        with mock.patch.dict(os.environ, HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=proxy):
            self.features()
            self.assertTrue(all(request[3].startswith("http://") for request in self.hub.requests))
            self.assertIn("http://hub.invalid/api/models/some/model/revision/main", self.hub.requests[0][3])
        self.hub.forget()
        with mock.patch.dict(os.environ, HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1"):
            self.hub.commit = "e" * 40
            self.features()

    def test_names_that_are_none(self):
        for name in ("hf://", "hf://a/b/c", "hf://../x", "hf://a/b@../../x", "hf://a/b?x"):
            self.check_words(self.error("features", "--model", name, code=2, stdin="good\n"), "hf://OWNER/NAME")
        self.assertEqual(self.hub.keys(), [])
        self.check_words(self.error("features", NAME, code=2), "did you mean --model")


class Faults(HubTest):
    def test_cuts_go_on_where_they_were(self):
        self.hub.faults["get " + WEIGHTS] = [None, "cut", None, "cut"]  # of the hub, which redirects, and of its storage
        self.features()
        self.check_cached()
        size = len(self.hub.files[WEIGHTS])
        ranges = [headers.get("Range") for server, key, headers, _ in self.hub.requests if server == "cdn"]
        self.assertEqual(ranges, [None, f"bytes={size // 2}-", f"bytes={size // 2 + (size - size // 2) // 2}-"])

    def test_what_an_earlier_process_left(self):
        size = len(self.hub.files[WEIGHTS])
        for content, ranges in ((self.hub.files[WEIGHTS][:1000], ["bytes=1000-"]),
                                (b"x" * 1000, ["bytes=1000-", None]),
                                (b"x" * (size + 5), [None])):
            with self.subTest(content[:1]):
                shutil.rmtree(self.cache, ignore_errors=True)
                os.makedirs(self.cached("blobs"))
                with open(self.blob(WEIGHTS) + ".incomplete", "wb") as stream:
                    stream.write(content)
                self.hub.forget()
                self.features()
                self.check_cached()
                asked = [headers.get("Range") for server, _, headers, _ in self.hub.requests if server == "cdn"]
                self.assertEqual(asked, ranges)

    def test_a_server_without_ranges(self):
        self.hub.faults["get " + WEIGHTS] = [None, "cut", None, "no range"]
        self.features()
        self.check_cached()

    def test_stalls_end(self):
        self.hub.faults["get vocab.txt"] = ["stall"]
        self.features()
        self.check_cached()
        shutil.rmtree(self.cache)
        self.hub.faults["get vocab.txt"], self.hub.for_ever = ["stall"], True
        begin = time.monotonic()
        self.fails("some/model", "the next run goes on")
        self.assertLess(time.monotonic() - begin, 60)

    def test_wrong_bytes(self):
        for name in ("vocab.txt", WEIGHTS):  # in the order in which they are fetched
            with self.subTest(name):
                self.hub.faults = {"get " + name: [None, "wrong"] if name == WEIGHTS else ["wrong"]}
                self.fails(name, "another checksum")
                self.assertFalse(os.path.exists(self.blob(name)))
                self.assertEqual(os.path.getsize(self.blob(name) + ".incomplete"), 0)
        self.features()
        self.check_cached()

    def test_lengths_that_are_lies(self):
        for fault in ("short", "long", "endless"):
            with self.subTest(fault):
                self.hub.faults = {"get vocab.txt": [fault]}
                self.fails("vocab.txt", "more than" if fault == "endless" else "expected the")
        self.hub.faults = {"get vocab.txt": ["cut", "other range"]}
        self.fails("vocab.txt", "bytes 0-")

    def test_facts_that_are_none(self):
        for facts, word in (({"ETag": '"abc"'}, "ETag"), ({"X-Repo-Commit": "f" * 40}, "X-Repo-Commit"),
                            ({"X-Linked-Size": "9" * 15}, "size"), ({"X-Linked-Size": "-1"}, "size"),
                            ({"X-Linked-Etag": '"../../../x"'}, "ETag")):
            with self.subTest(word):
                self.hub.facts = facts
                self.fails(word)

    def test_answers_that_refuse(self):
        for status, words in ((401, ["HF_TOKEN"]), (403, ["HF_TOKEN"]), (404, ["revision"]), (410, ["410"])):
            with self.subTest(status):
                self.hub.forget()
                self.hub.faults = {"api": [status]}
                self.fails(NAME + "@main", *words)
                self.assertEqual(self.hub.keys(), ["api"])
        self.fails("404", model="hf://other/model")

    def test_answers_that_ask_for_patience(self):
        self.hub.faults = {"api": [503, 429], "head vocab.txt": [500], "get vocab.txt": [429, 502]}
        self.features()
        self.check_cached()

    def test_redirects(self):
        for place, word in ((self.hub.url() + "/some/model/resolve/" + self.hub.commit + "/vocab.txt", "without end"),
                            ("file:///etc/passwd", "file:///etc/passwd"), ("ftp://127.0.0.1/x", "ftp:")):
            with self.subTest(place):
                self.hub.faults, self.hub.for_ever = {"get vocab.txt": [place]}, True
                self.fails(word)

    def test_the_token_stays_with_the_hub(self):
        with mock.patch.dict(os.environ, HF_TOKEN="hf_secret"):
            result = self.features()
        self.assertNotIn("hf_secret", result.stderr)
        for server, key, headers, _ in self.hub.requests:
            self.assertEqual(headers.get("Authorization"), "Bearer hf_secret" if server == "hub" else None, key)
        self.assertIn("cdn", {request[0] for request in self.hub.requests})

    def test_a_network_that_fails(self):
        expected = self.features().stdout
        self.hub.faults, self.hub.for_ever = {"api": [503]}, True
        result = self.features()
        self.assertEqual(result.stdout, expected)
        self.check_words(result.stderr, "warning:", "503", "the cached", self.hub.commit)
        self.hub.close()
        result = self.features()
        self.assertEqual(result.stdout, expected)
        self.check_words(result.stderr, "warning:", "the cached")
        os.remove(self.cached("refs", "main"))
        self.fails("some/model", "failed")
        with mock.patch.dict(os.environ, HF_HUB_OFFLINE="1"):
            self.fails("HF_HUB_OFFLINE")

    def test_a_stop(self):
        self.hub.faults["get " + WEIGHTS], self.hub.for_ever = [None, "stall"], False
        with mock.patch.dict(os.environ, HF_HUB_DOWNLOAD_TIMEOUT="60"):
            process = support.start(["features", "--model", NAME, "--layers=-1"], stdin=subprocess.PIPE)
            self.hub.wait_for("get " + WEIGHTS)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate("good\n", timeout=15)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("stopped", errors)
        self.features()  # goes on
        ranges = [headers.get("Range") for server, _, headers, _ in self.hub.requests if server == "cdn"]
        self.assertEqual(ranges, [None, f"bytes={len(self.hub.files[WEIGHTS]) // 2}-"])


if __name__ == "__main__":
    unittest.main()
