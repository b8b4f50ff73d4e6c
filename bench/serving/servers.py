"""Servers as processes, ours and the peers', and the load that they all get."""

import atexit
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def output_of(command, **options):
    """What a program prints; if it fails, its words, and the end of this one."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if result.returncode:
        sys.exit(f"serve.py: {command[0]} {command[1]} ended with {result.returncode}:\n{result.stderr}")
    return result.stdout


class Server:
    """A process that listens on `port`; bodies for `target`, which a text and a task become by body()."""

    target = "/predict"

    def __init__(self, name, command, health="/health", **options):
        self.name = name
        say("starting", name)
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, text=True, **options)
        atexit.register(self.kill)
        self.wait(health)
        self.ready_seconds = time.monotonic() - self.started

    def wait(self, health):
        while time.monotonic() - self.started < 300:
            if self.process.poll() is not None:
                sys.exit(f"serve.py: {self.name} ended with status {self.process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{health}", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"serve.py: {self.name} did not answer {health}")

    def cpu_seconds(self):
        """User and system time so far."""
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self):
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

    def body(self, text, task):
        return {"inputs": text, "task": task}

    def load(self, bodies, generator, target=None, **flags):
        """What bench/http_load prints, with the server's CPU seconds for 1,000 answers."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(json.dumps(body) + "\n" for body in bodies)
            file.flush()
            command = [str(generator), "--port", str(self.port), "--target", target or self.target, "--bodies", file.name]
            for name, value in flags.items():
                command += ["--" + name, str(value)]
            cpu = self.cpu_seconds()
            result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        result["cpu_ms"] = 1e3 * (self.cpu_seconds() - cpu) / max(1, result["answered"])
        if result["failed"]:
            sys.exit(f"serve.py: {self.name} failed {result['failed']} requests")
        return result

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        """Nothing may be left on the port when a part fails."""
        self.process.kill()
        return self.process.wait()


class Pals(Server):
    def __init__(self, pals, model, *flags, name="pals serve"):
        super().__init__(name, [pals, "serve", model, "--port", 0, *flags], stderr=subprocess.PIPE)

    def wait(self, health):
        for line in self.process.stderr:
            if line.startswith("listening on "):
                self.port = int(line.rpartition(":")[2])
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        sys.exit(f"serve.py: {self.name} did not start")

    def post(self, target, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", target, json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def put(self, target, content, token):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", target, content, {"Authorization": "Bearer " + token})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status >= 300:
            sys.exit(f"serve.py: PUT {target}: {response.status} {text}")


class Infinity(Server):
    """infinity-emb, of one transformers folder: its heads if it has any, else vectors."""

    DTYPES = {"fp32": "float32", "bf16": "bfloat16", "auto": "auto"}

    def __init__(self, python, model, port, threads, classify, precision):
        self.port, self.classify = port, classify
        self.target = "/classify" if classify else "/embeddings"
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1", DO_NOT_TRACK="1",
                           INFINITY_ANONYMOUS_USAGE_STATS="0")
        command = [pathlib.Path(python).parent / "infinity_emb", "v2", "--model-id", model, "--served-model-name", "peer",
                   "--port", port, "--host", "127.0.0.1", "--engine", "torch", "--device", "cpu", "--no-bettertransformer",
                   "--dtype", self.DTYPES[precision], "--url-prefix", ""]
        said = "both as they come" if precision == "auto" else precision
        super().__init__(f"infinity {self.target[1:]}, {said}", command, env=environment, stderr=subprocess.DEVNULL)

    def body(self, text, task):
        return {"model": "peer", "input": [text]}


class FastApi(Server):
    """bench/peers/fastapi_peer.py."""

    def __init__(self, python, model, port, threads, tasks, adapter):
        self.port = port
        command = [python, REPOSITORY / "bench/peers/fastapi_peer.py", model, "--port", port, "--threads", threads,
                   "--tasks", ",".join(tasks), "--adapter", adapter]
        super().__init__("FastAPI", command, health="/openapi.json", stderr=subprocess.DEVNULL)
