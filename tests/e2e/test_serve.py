"""`pals serve` from start to end: its answers are those of `pals predict` and `pals features`, bit for bit."""

import base64
import concurrent.futures
import http.client
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tarfile
import time
import unittest

import support
from support import PalsTest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "tests/data/012c666/model"
PAGE = REPOSITORY / "docs/serving.md"
EXACT = ["--precision", "fp32", "--threads", "1"]
REVIEWS = ["word1 splendid word2", "dreadful", "", "word3 , word4 word5 splendid . " * 9, "Word1 größer"]
PAIRS = [["word4 ?", "word39 word34 word4 , word16. word34"], ["word9 ?", "word9 , word13. " + "word35 " * 40]]


class Server:
    """A server that is ready; ends with the `with` block."""

    def __init__(self, test, *flags, model=MODEL, env=None):
        self.test = test
        environment = support.environment(**(env or {}))
        port = [] if "PALS_PORT" in environment else ["--port", "0"]
        self.process = subprocess.Popen([support.PALS, "serve", str(model), *port, *EXACT, *map(str, flags)],
                                        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
            if found:
                self.port = int(found.group(1))
                return
        test.fail("the server ended with %d before it was ready" % self.process.wait())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self, number=signal.SIGTERM):
        """Its exit status after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """Status, headers, and the body, read if it is JSON."""
        one = connection or self.connect()
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        one.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        response = one.getresponse()
        text = response.read().decode()
        if connection is None:
            one.close()
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return response.status, response.headers, json.loads(text) if is_json else text

    def post(self, path, body, **options):
        status, _, answer = self.ask("POST", path, body, **options)
        self.test.assertEqual(status, 200, answer)
        return answer


class Serve(PalsTest):
    def predicted(self, task, lines):
        result = self.pals("predict", "--model", MODEL, "--task", task, "--json", *EXACT,
                           stdin="".join(line + "\n" for line in lines))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def sorted_scores(self, answer):
        return sorted(({"label": label, "score": score} for label, score in answer["probabilities"].items()),
                      key=lambda row: -row["score"])

    def test_answers_are_those_of_predict(self):
        pair_lines = ["\t".join(pair) for pair in PAIRS]
        with Server(self) as server:
            expected = [self.sorted_scores(answer) for answer in self.predicted("reviews", REVIEWS)]
            for text, answer in zip(REVIEWS, expected):
                self.assertEqual(server.post("/predict", {"inputs": text, "task": "reviews"}), answer)
            self.assertEqual(server.post("/predict", {"inputs": [[text] for text in REVIEWS], "task": "reviews"}),
                             expected)
            values = [[{"label": "value", "score": answer["value"]}]
                      for answer in self.predicted("similarity", pair_lines)]
            self.assertEqual(server.post("/predict", {"inputs": PAIRS, "task": "similarity"}), values)
            answers = self.predicted("where", pair_lines)
            self.assertEqual(server.post("/predict", {"inputs": PAIRS, "task": "where"}), answers)
            choices = ["word1 splendid", "dreadful word2", "word3"]
            self.assertEqual(server.post("/predict", {"inputs": "word5 word6", "choices": choices, "task": "which"}),
                             self.predicted("which", ["\t".join(["word5 word6", *choices])])[0])
            together = server.post("/predict", {"inputs": PAIRS[0], "tasks": "all"})
            self.assertEqual(together["similarity"], values[0])
            self.assertEqual(together["where"], answers[0])
            self.assertIsNone(together["reviews"])
            self.assertIsNone(together["which"])

    def test_answers_do_not_depend_on_what_shares_the_batch(self):
        expected = [self.sorted_scores(answer) for answer in self.predicted("reviews", REVIEWS)]
        values = [answer["value"] for answer in self.predicted("similarity", ["\t".join(pair) for pair in PAIRS])]

        def client(number):
            connection = server.connect()
            for turn in range(20):
                i = (number + turn) % len(REVIEWS)
                got = server.post("/predict", {"inputs": REVIEWS[i], "task": "reviews"}, connection=connection)
                if got != expected[i]:
                    return REVIEWS[i]
                i = turn % len(PAIRS)
                got = server.post("/predict", {"inputs": PAIRS[i], "task": "similarity"}, connection=connection)
                if got[0]["score"] != values[i]:
                    return PAIRS[i]
            connection.close()
            return None

        with Server(self, "--max-batch-tokens", 100) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(client, range(8))), [None] * 8)
            sizes = server.ask("GET", "/metrics")[2]
        batches, rows = (float(re.search(r"^te_batch_next_size_%s (\S+)$" % name, sizes, re.M).group(1))
                         for name in ("count", "sum"))
        self.assertEqual(rows, 320)
        self.assertLess(batches, 320)  # some shared one

    def test_vectors_are_those_of_features(self):
        with Server(self) as server:
            for flags, fields in (["--pooling", "mean", "--normalize"], {}), \
                    (["--pooling", "cls", "--task", "reviews"],
                     {"pooling": "cls", "normalize": False, "task": "reviews"}):
                result = self.pals("features", "--model", MODEL, "--max_seq_length", 32, *EXACT, *flags,
                                   stdin="".join(text + "\n" for text in REVIEWS))
                expected = [json.loads(line)["vector"] for line in result.stdout.splitlines()]
                got = server.post("/embed", {"inputs": REVIEWS, **fields})
                as_floats = [struct.pack("<%df" % len(row), *row) for row in got]
                self.assertEqual(as_floats, [struct.pack("<%df" % len(row), *row) for row in expected])
            data = server.post("/v1/embeddings", {"input": REVIEWS[0], "model": "x", "encoding_format": "base64"})
            floats = server.post("/v1/embeddings", {"input": REVIEWS[0], "model": "x"})["data"][0]["embedding"]
            self.assertEqual(base64.b64decode(data["data"][0]["embedding"]), struct.pack("<24f", *floats))
            near = server.post("/similarity", {"inputs": {"source_sentence": "word1 word2",
                                                          "sentences": ["word1 word2", "dreadful"]}})
            self.assertAlmostEqual(near[0], 1.0, places=5)
            self.assertLess(near[1], 0.9999)

    def test_ends_when_told_to(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with Server(self) as server:
                kept = server.connect()
                self.assertEqual(server.ask("GET", "/health", connection=kept)[0], 200)
                self.assertEqual(server.stop(number), 0)
                kept.close()
                with self.assertRaises(OSError):
                    server.ask("GET", "/health")

    def test_tells_the_service_manager(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path("notify"))
            manager.settimeout(60)
            with Server(self, env={"NOTIFY_SOCKET": self.path("notify")}) as server:
                self.assertEqual(manager.recv(100), b"READY=1")
                self.assertEqual(server.stop(), 0)
            self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_finishes_what_it_accepted(self):
        with Server(self, "--max-batch-tokens", 40, "--max-client-batch-size", 2000) as server:
            body = {"inputs": [[REVIEWS[3]]] * 1500, "task": "reviews"}
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                answer = pool.submit(server.post, "/predict", body)
                while "te_batch_next_size_count" not in server.ask("GET", "/metrics")[2]:
                    time.sleep(0.01)
                self.assertEqual(server.stop(), 0)
                self.assertEqual(len(answer.result()), 1500)

    def test_gives_up_after_drain_seconds(self):
        with Server(self, "--drain-seconds", 0.2) as server:
            slow = socket.create_connection(("127.0.0.1", server.port))
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            server.ask("GET", "/health")
            started = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - started, 8)
            slow.close()

    def archive(self, task="similarity", name=None, damage=None):
        """A tar of a task's files, perhaps under another name."""
        folder, name = pathlib.Path(self.path("staged")), name or task
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(MODEL / "adapters" / task, folder / "adapters" / name)
        tasks = json.loads((MODEL / "tasks.json").read_text(encoding="utf-8"))["tasks"]
        own = next(one for one in tasks if one["name"] == task)
        support.write_json(folder / "tasks.json", {"tasks": [{**own, "name": name}]})
        # The adapter says whose it is.
        for file in (folder / "adapters" / name).glob("*.json"):
            config = json.loads(file.read_text(encoding="utf-8"))
            support.write_json(file, {**config, "task": name})
        if damage:
            damage(folder / "adapters" / name)
        # An older folder has its adapter in config.json, which goes along.
        shutil.copy(MODEL / "config.json", folder)
        bytes_of = io.BytesIO()
        with tarfile.open(fileobj=bytes_of, mode="w") as tar:
            tar.add(folder, ".")
        return bytes_of.getvalue()

    def test_tasks_come_and_go(self):
        token = {"Authorization": "Bearer token"}
        body = {"inputs": PAIRS[1], "task": "similarity"}
        expected = self.predicted("similarity", ["\t".join(PAIRS[1])])[0]["value"]

        def client(_):
            """Asks a task that stays, all the time."""
            connection = server.connect()
            answers = {server.post("/predict", {"inputs": REVIEWS[0], "task": "reviews"},
                                   connection=connection)[0]["score"] for _ in range(150)}
            connection.close()
            return answers

        with Server(self, "--admin-token", "token") as server, concurrent.futures.ThreadPoolExecutor(3) as pool:
            asking = pool.map(client, range(3))
            self.assertEqual(server.ask("PUT", "/tasks/copy", self.archive(name="copy"))[0], 401)
            for _ in range(4):
                status, _, tasks = server.ask("PUT", "/tasks/copy", self.archive(name="copy"), token)
                self.assertEqual((status, [task["name"] for task in tasks][-1]), (200, "copy"), tasks)
                self.assertEqual(server.post("/predict", {**body, "task": "copy"})[0]["score"], expected)
                status, _, tasks = server.ask("DELETE", "/tasks/similarity", headers=token)
                self.assertEqual((status, len(tasks)), (200, 5))
                self.assertEqual(server.ask("POST", "/predict", body)[0], 422)
                self.assertEqual(server.ask("PUT", "/tasks/similarity", self.archive(), token)[0], 200)
                self.assertEqual(server.post("/predict", body)[0]["score"], expected)
                self.assertEqual(server.ask("DELETE", "/tasks/copy", headers=token)[0], 200)
            answers = list(asking)
            self.assertEqual([len(own) for own in answers], [1, 1, 1])
            self.assertEqual(len(set.union(*answers)), 1)
            self.assertEqual(server.ask("DELETE", "/tasks/none", headers=token)[0], 404)

    def test_tasks_that_do_not_fit_are_refused(self):
        def other_weights(folder):
            for file in folder.glob("*.json"):
                config = json.loads(file.read_text(encoding="utf-8"))
                file.write_text(json.dumps({**config, "shared_weights": "0" * 32}), encoding="utf-8")

        def cut(folder):
            for file in folder.glob("*.safetensors"):
                file.write_bytes(file.read_bytes()[:200])

        def extra(folder):
            (folder.parent / "run.sh").write_text("x", encoding="utf-8")

        with Server(self, "--admin-token", "token") as server:
            for damage, words in (other_weights, "shared weights"), (cut, "safetensors"), \
                    (extra, "adapters/run.sh"):
                status, _, error = server.ask("PUT", "/tasks/copy", self.archive(name="copy", damage=damage),
                                              {"Authorization": "Bearer token"})
                self.assertEqual(status, 422)
                self.assertIn(words, error["error"])
            self.assertEqual(server.ask("PUT", "/tasks/copy", self.archive(), {"Authorization": "Bearer token"})[0], 422)
            self.assertEqual(len(server.ask("GET", "/tasks")[2]), 5)
            self.assertEqual(server.post("/predict", {"inputs": REVIEWS[0], "task": "reviews"}),
                             self.sorted_scores(self.predicted("reviews", REVIEWS[:1])[0]))

    def test_hangup_loads_the_folder_again(self):
        folder = self.path("served")
        shutil.copytree(MODEL, folder)
        tasks = support.read_json(folder, "tasks.json")
        with Server(self, model=folder) as server:
            self.assertEqual(len(server.ask("GET", "/tasks")[2]), 5)
            support.write_json(os.path.join(folder, "tasks.json"), {"tasks": tasks["tasks"][:2]})
            server.process.send_signal(signal.SIGHUP)
            self.assertIn("by an earlier version", server.process.stderr.readline())
            self.assertIn("loaded the model folder again", server.process.stderr.readline())
            self.assertEqual(len(server.ask("GET", "/tasks")[2]), 2)
            support.write_text(os.path.join(folder, "tasks.json"), "{")
            server.process.send_signal(signal.SIGHUP)
            self.assertIn("warning: the model folder was not loaded again", server.process.stderr.readline())
            self.assertEqual(server.post("/predict", {"inputs": REVIEWS[0], "task": "reviews"}),
                             self.sorted_scores(self.predicted("reviews", REVIEWS[:1])[0]))

    def test_flags_of_the_environment(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with Server(self, "--max-client-batch-size", "3",
                    env={"PALS_PORT": str(port), "PALS_API_KEY": "secret", "PALS_MAX_CLIENT_BATCH_SIZE": "2"}) as server:
            self.assertEqual(server.port, port)
            self.assertEqual(server.ask("GET", "/info")[0], 401)
            status, _, info = server.ask("GET", "/info", headers={"Authorization": "Bearer secret"})
            self.assertEqual((status, info["max_client_batch_size"]), (200, 3))
            self.check_words(self.error("serve", MODEL, "--port", port, code=1), "cannot listen on", str(port))

    def test_the_access_log(self):
        log = self.path("access.jsonl")
        with Server(self, "--access-log", log) as server:
            server.ask("GET", "/health", headers={"X-Request-Id": "mine"})
            with socket.create_connection(("127.0.0.1", server.port)) as raw:
                raw.sendall("GET /no\u00e9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                while raw.recv(4096):
                    pass
            self.assertEqual(server.stop(), 0)
        with open(log, encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        self.assertEqual([(line["method"], line["status"]) for line in lines], [("GET", 200), ("GET", 404)])
        self.assertEqual((lines[0]["id"], lines[0]["target"]), ("mine", "/health"))

    def test_mistakes(self):
        self.check_words(self.error("serve", code=2), "--model")
        self.check_words(self.error("serve", self.path("nowhere"), code=1), "no such model folder")
        self.check_words(self.error("serve", MODEL, "--port", 70000, code=2), "--port", "65535")
        self.check_words(self.error("serve", MODEL, "--host", "no such host", "--port", 0, code=2), "--host")
        self.check_words(self.error("serve", MODEL, "--drain-second", 3, code=2), "--drain_seconds")

    def test_the_page_has_no_outside_resources(self):
        with Server(self) as server:
            status, headers, page = server.ask("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("text/html", headers["Content-Type"])
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(re.findall(r"https?://|src=", page), [])


def curl(command, server):
    """What a curl line of the documentation gives; by curl itself where there is one."""
    command = command.replace("localhost:8080", "127.0.0.1:%d" % server.port)
    if shutil.which("curl") or not command.startswith("curl"):
        result = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                check=True, timeout=60)
        return result.stdout
    words = shlex.split(command.replace("\\\n", " "))
    method, body, headers, path = "GET", None, {}, None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "--data-binary":
            body = pathlib.Path(words.pop(0)[1:]).read_bytes()
        elif word == "-d":
            method, body = "POST", words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word.startswith("127.0.0.1:"):
            path = "/" + word.partition("/")[2]
    answer = server.ask(method, path, body, headers)[2]
    return answer if isinstance(answer, str) else json.dumps(answer)


class Documentation(PalsTest):
    """Each endpoint has a curl line in docs/serving.md, which gives what is shown below it."""

    def examples(self):
        blocks = re.findall(r"^```sh\n(.*?)^```\n(?:\n*^```json\n(.*?)^```)?",
                            PAGE.read_text(encoding="utf-8"), re.M | re.S)
        return [(command, shown if command == block.splitlines()[-1] else "") for block, shown in blocks
                for command in block.replace("\\\n", "").splitlines() if command.startswith(("curl", "tar"))]

    def check_like(self, got, shown):
        """Numbers are those of the page to three digits."""
        if isinstance(shown, dict):
            self.assertEqual(list(got), list(shown))
            for key, value in shown.items():
                self.check_like(got[key], value)
        elif isinstance(shown, list):
            if shown and shown[-1] == "...":
                got, shown = got[:len(shown) - 1], shown[:-1]
            self.assertEqual(len(got), len(shown))
            for one, other in zip(got, shown):
                self.check_like(one, other)
        elif isinstance(shown, float):
            self.assertAlmostEqual(got, shown, delta=2e-3)
        else:
            self.assertEqual(got, shown)

    def test_every_curl_line(self):
        asked = set()
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        os.symlink(REPOSITORY / "tests", "tests")
        with Server(self, "--admin_token", "token") as server:
            for command, shown in self.examples():
                with self.subTest(command=command):
                    answer = curl(command, server)
                    path = re.search(r"localhost:8080(/[\w./]*)", command)
                    if path:
                        asked.add(re.sub("^/tasks/.*", "/tasks/{name}", path.group(1)))
                    if shown:
                        self.check_like(json.loads(answer), json.loads(shown))
            paths = server.ask("GET", "/openapi.json")[2]["paths"]
        self.assertEqual(asked, set(paths))


if __name__ == "__main__":
    unittest.main()
