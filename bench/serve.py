#!/usr/bin/env python3
"""Times `pals serve` against `pals predict` on the same rows: rows a second, CPU seconds, latency.

  serve.py MODEL --task NAME [--tasks A,B,...] [--texts FILE] [options]

MODEL is a model folder, FILE has a text a line (a tab between those of a pair). Prints a table, and as its
last line the same as JSON. Needs Python's standard library alone.
"""

import argparse
import http.client
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    """User and system time of a process that runs."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / SECOND


def memory_mb(process):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


class Server:
    def __init__(self, arguments, *flags):
        command = [arguments.pals, "serve", arguments.model, "--port", "0", "--threads", str(arguments.threads),
                   "--precision", arguments.precision, *flags]
        started = time.monotonic()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("listening on "):
                self.port = int(line.rpartition(":")[2])
                self.ready_seconds = time.monotonic() - started
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        sys.exit("the server did not start")

    def stop(self):
        self.process.terminate()
        return self.process.wait()


def body_of(line, task):
    texts = line.split("\t")
    return json.dumps({"inputs": texts if len(texts) > 1 else texts[0], "task": task})


def ask(connection, body):
    """The status of an answer and the seconds that it took."""
    started = time.perf_counter()
    connection.request("POST", "/predict", body)
    response = connection.getresponse()
    response.read()
    return response.status, time.perf_counter() - started


def load(server, bodies, clients):
    """Has clients send all bodies, each its own one after the other: seconds, CPU seconds, latencies."""
    latencies, refused = [], []

    def client(own):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for body in own:
            status, seconds = ask(connection, body)
            (latencies if status == 200 else refused).append(seconds)
        connection.close()

    threads = [threading.Thread(target=client, args=(bodies[number::clients],)) for number in range(clients)]
    cpu, started = cpu_seconds(server.process), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    return {"rows_per_second": len(latencies) / seconds, "seconds": seconds, "refused": len(refused),
            "cpu_seconds_per_1000_rows": 1000 * (cpu_seconds(server.process) - cpu) / max(1, len(latencies)),
            "median_ms": 1000 * statistics.median(latencies), "p99_ms": 1000 * sorted(latencies)[len(latencies) * 99 // 100]}


def predict(arguments, lines):
    """`pals predict` on the same rows; what it takes to load the model is taken off."""
    def run(text):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run([arguments.pals, "predict", "--model", arguments.model, "--task", arguments.task,
                        "--threads", str(arguments.threads), "--precision", arguments.precision],
                       input=text, stdout=subprocess.DEVNULL, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    empty, full = run(""), run("".join(line + "\n" for line in lines))
    seconds, cpu = full[0] - empty[0], full[1] - empty[1]
    return {"rows_per_second": len(lines) / max(seconds, 1e-9), "seconds": seconds,
            "cpu_seconds_per_1000_rows": 1000 * cpu / len(lines)}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--task", required=True)
    parser.add_argument("--tasks", default="", help="to mix, with commas between; default: none")
    parser.add_argument("--texts", help="default: made-up ones")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--pals", default=str(REPOSITORY / "build/pals"))
    return parser.parse_args()


def texts_of(arguments):
    if not arguments.texts:
        words = ["the", "film", "moves", "slowly", "but", "its", "ending", "is", "a", "small", "wonder"]
        return [" ".join(words[(number * 7 + i) % len(words)] for i in range(4 + number * 5 % 24))
                for number in range(arguments.rows)]
    lines = pathlib.Path(arguments.texts).read_text(encoding="utf-8").splitlines()
    return [lines[number % len(lines)] for number in range(arguments.rows)]


def main():
    arguments = parse()
    lines = texts_of(arguments)
    results = {"predict": predict(arguments, lines)}
    server = Server(arguments)
    results["ready_seconds"] = server.ready_seconds
    bodies = [body_of(line, arguments.task) for line in lines]
    load(server, bodies[:arguments.clients * 4], arguments.clients)  # warm
    results["serve"] = load(server, bodies, arguments.clients)
    short = [body_of(lines[0].split("\t")[0][:40], arguments.task)] * 200
    results["one_client"] = load(server, short, 1)
    if arguments.tasks:
        names = arguments.tasks.split(",")
        mixed = [body_of(line, names[number % len(names)]) for number, line in enumerate(lines)]
        load(server, mixed[:arguments.clients * 4], arguments.clients)
        results["mixed"] = load(server, mixed, arguments.clients)
    results["memory_mb"] = memory_mb(server.process)
    server.stop()
    print(f"{'':<24}{'rows/s':>10}{'CPU s / 1000 rows':>20}{'median ms':>12}{'p99 ms':>10}")
    for name, title in ("predict", "pals predict"), ("serve", f"{arguments.clients} clients"), \
            ("one_client", "one client, short"), ("mixed", "tasks mixed"):
        row = results.get(name)
        if row:
            times = f"{row['median_ms']:>12.2f}{row['p99_ms']:>10.2f}" if "median_ms" in row else ""
            print(f"{title:<24}{row['rows_per_second']:>10.1f}{row['cpu_seconds_per_1000_rows']:>20.3f}{times}")
    print(f"ready in {results['ready_seconds']:.2f} s, {results['memory_mb']:.0f} MB")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
