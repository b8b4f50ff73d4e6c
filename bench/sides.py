"""Programs that take turns on the same work, and the tables of what came of it: for the comparisons of this folder."""

import json
import statistics
import subprocess
import sys
import threading
import time

REST_SECONDS = 0.2  # between two turns: threads that wait for more work go to sleep


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Side:
    """A program that does a turn for each line it gets (bench/peers/turns.py)."""

    def __init__(self, name, command, ready_seconds=None):
        self.name, self.results = name, []
        say("starting", name)
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        late = threading.Timer(ready_seconds, self.process.kill) if ready_seconds else None
        if late:
            late.start()
        try:
            self.facts = self.read()
        except SystemExit as reason:
            if late and not late.is_alive():
                sys.exit(f"compare.py: {name} was not ready in {ready_seconds:g} seconds")
            raise reason
        finally:
            if late:
                late.cancel()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # others may print on standard output too
                return json.loads(line)
        sys.exit(f"compare.py: {self.name} ended with status {self.process.wait()}")

    def turn(self):
        time.sleep(REST_SECONDS)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.results.append(self.read())

    def rates(self):
        return [result["tokens"] / result["seconds"] for result in self.results]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Once(Side):
    """A program that measures by itself, run anew for each turn; its last line has tokens_per_second."""

    def __init__(self, name, command):
        self.name, self.results, self.command = name, [], [str(part) for part in command]
        self.facts = {}

    def turn(self):
        time.sleep(REST_SECONDS)
        result = subprocess.run(self.command, stdout=subprocess.PIPE, text=True, check=True)
        self.results.append(json.loads(result.stdout.splitlines()[-1]))
        self.facts = self.results[-1]

    def rates(self):
        return [result["tokens_per_second"] for result in self.results]

    def close(self):
        pass


def take_turns(title, sides, rounds):
    """Rows of a table: each side's speed, and how many times as fast the first side is. Closes the sides."""
    for number in range(rounds):
        for side in sides:
            side.turn()
            say(f"{title}: round {number + 1} of {rounds}, {side.name}: {side.rates()[-1]:.0f} tokens/s")
    rows = []
    for side in sides:
        ratios = [first / this for first, this in zip(sides[0].rates(), side.rates())]
        rows.append({"work": title, "side": side.name, "tokens": side.results[0].get("tokens"),
                     "tokens_per_second": statistics.median(side.rates()),
                     "spread": [min(side.rates()), max(side.rates())], "first_is_times": statistics.median(ratios),
                     "ratio_spread": [min(ratios), max(ratios)],
                     **{key: side.facts[key] for key in ("version", "torch", "transformers", "adapters", "operations",
                                                         "operations_per_second")
                        if key in side.facts}})
    for side in sides:
        side.close()
    return rows


def show(rows, facts, **more):
    """The table, and the line of JSON."""
    lines = [["work", "side", "tokens/s", "slowest to fastest", "the first is", "smallest to largest"]]
    for row in rows:
        lines.append([row["work"], row["side"], "%.0f" % row["tokens_per_second"], "%.0f to %.0f" % tuple(row["spread"]),
                      "%.2f x" % row["first_is_times"], "%.2f to %.2f" % tuple(row["ratio_spread"])])
    show_lines(lines)
    host = {key: facts[key] for key in ("cpu", "isa", "kernels", "threads") if key in facts}
    print(json.dumps({**more, **host, "results": rows}), flush=True)


def show_gpu(rows, batches, facts):
    """The same with milliseconds, and how much of the speed of a large product the work's products have by its time."""
    lines = [["work", "side", "ms a batch", "tokens/s", "the first is", "smallest to largest", "of a large product"]]
    for row in rows:
        seconds = row["tokens"] / row["tokens_per_second"]
        row["milliseconds"] = 1000 * seconds / batches
        if "operations" in row:
            row["share"] = row["operations"] / seconds / row["operations_per_second"]
        lines.append([row["work"], row["side"], "%.2f" % row["milliseconds"], "%.0f" % row["tokens_per_second"],
                      "%.2f x" % row["first_is_times"], "%.2f to %.2f" % tuple(row["ratio_spread"]),
                      "%.0f %%" % (100 * row["share"]) if "share" in row else ""])
    show_lines(lines)
    host = {key: facts[key] for key in ("device", "cpu", "threads")}
    print(json.dumps({"comparison": "gpu", **host, "results": rows}), flush=True)


def show_lines(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    sys.stdout.flush()
