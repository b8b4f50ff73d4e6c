"""The parts of bench/serve.py: each gives rows of the table, and what it measured."""

import collections
import itertools
import json
import resource
import statistics

from . import models
from .servers import FastApi, Infinity, Pals, output_of, say

Row = collections.namedtuple("Row", "what value target")
CONNECTIONS = 32
MOST_CONNECTIONS = 500
QUEUE_TOKENS, BATCH_TOKENS = 8192, 1024  # when there is too much load


def median_and_spread(values):
    return f"{statistics.median(values):.2f}", f"{min(values):.2f} to {max(values):.2f}"


def ratio_row(what, values, target):
    value, spread = median_and_spread(values)
    return Row(f"{what} ({spread})", value + " x", target)


def start(arguments, model, *flags, precision="fp32", **keywords):
    return Pals(arguments.pals, model, "--threads", arguments.threads, "--precision", precision, *flags, **keywords)


def predict(arguments, model, lines):
    """`pals predict`'s CPU milliseconds and rows a second; what loading the model takes is taken off."""
    def run(text):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answers = output_of([arguments.pals, "predict", "--model", model, "--task", "task0", "--threads",
                             str(arguments.threads), "--precision", "fp32"], input=text)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if len(answers.splitlines()) < text.count("\n"):
            raise SystemExit("serve.py: pals predict left rows out")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return 1e3 * (run("".join(line + "\n" for line in lines)) - run("\n")) / len(lines)


def bare_forward(arguments, model, length):
    """What `pals bench` says of one row of that many tokens through the network alone."""
    command = [arguments.pals, "bench", "--model", model, "--row_length", str(length), "--batch_size", "1", "--batches", "10", "--rounds", "3",
               "--precision", "fp32", "--threads", str(arguments.threads), "--json"]
    return json.loads(output_of(command))


def basics(arguments):
    rows, facts = [], {}
    lines = models.sentences(arguments)
    for name, model in ("MiniLM", models.minilm(arguments)), ("BERT-base", models.bert_base(arguments)):
        some = lines if name == "MiniLM" else lines[:max(200, len(lines) // 8)]
        server = start(arguments, model)
        bodies = [server.body(text, "task0") for text in some]
        mixed = [server.body(text, f"task{number % 8}") for number, text in enumerate(some)]
        short = [server.body("a small wonder of a film", "task0")]
        server.load(bodies, arguments.generator, connections=CONNECTIONS, requests=len(some) // 2)  # warm
        cpu, speed, shares = [], [], []
        for _ in range(arguments.rounds):
            alone = predict(arguments, model, some)
            one = server.load(bodies, arguments.generator, connections=CONNECTIONS, requests=len(some))
            eight = server.load(mixed, arguments.generator, connections=CONNECTIONS, requests=len(some))
            cpu.append(one["cpu_ms"] / alone)
            speed.append(one["requests_per_second"])
            shares.append(eight["requests_per_second"] / one["requests_per_second"])
        tokens = len(server.post("/tokenize", {"inputs": "a small wonder of a film"})[0])
        latency = [server.load(short, arguments.generator, connections=1, requests=300)["median_ms"] for _ in range(3)]
        server.stop()
        facts[name] = {"cpu_ratio": cpu, "requests_per_second": speed, "mixed": shares, "latency_ms": latency, "tokens": tokens,
                       "bench": bare_forward(arguments, model, tokens)}
        rows += [ratio_row(f"{name}: CPU time of a row, of `pals predict`'s", cpu, "<= 1.11 x"),
                 Row(f"{name}: requests a second, {CONNECTIONS} clients", f"{statistics.median(speed):.0f}", ""),
                 ratio_row(f"{name}: 8 tasks mixed, of one's requests a second", shares, ">= 0.90 x"),
                 Row(f"{name}: one short request ({tokens} tokens)", f"{statistics.median(latency):.2f} ms", "")]
        forward = forward_ms(facts[name]["bench"])
        rows.append(Row(f"{name}: the network alone, {tokens} tokens", f"{forward:.2f} ms",
                        f"<= {max(1.3 * forward, forward + 0.3):.2f} ms for it"))
    return rows, facts


def forward_ms(bench):
    """Of what `pals bench --json` prints: milliseconds of a batch of prediction."""
    return 1e3 * next(result["batch_seconds"] for result in bench["results"] if result["work"].startswith("predict"))


def take_turns(arguments, ours, theirs, bodies):
    """Ratios of requests a second, ours to theirs, and both sides' results. We may take as many clients at once as keep our
    p99 at theirs."""
    ratios, results = [], {"ours": [], "theirs": []}
    target = "/v1/embeddings" if theirs.target == "/embeddings" else theirs.target
    target = ours.target if theirs.target == "/classify" else target
    for _ in range(arguments.rounds):
        flags = {"seconds": arguments.seconds}
        peer = theirs.load(bodies["theirs"], arguments.generator, connections=CONNECTIONS, **flags)
        own = [ours.load(bodies["ours"], arguments.generator, target, connections=CONNECTIONS * times, **flags)
               for times in (1, 2, 3)]
        best = max([result for result in own if result["p99_ms"] <= peer["p99_ms"]] or own[:1],
                   key=lambda result: result["requests_per_second"])
        results["theirs"].append(peer)
        results["ours"].append(best)
        ratios.append(best["requests_per_second"] / peer["requests_per_second"])
    return ratios, results


def compared(name, arguments, ours, theirs, bodies, target):
    ratios, results = take_turns(arguments, ours, theirs, bodies)
    p99 = {side: statistics.median(result["p99_ms"] for result in results[side]) for side in results}
    speed = {side: statistics.median(result["requests_per_second"] for result in results[side]) for side in results}
    say(f"{name}: {speed['ours']:.0f} and {speed['theirs']:.0f} requests a second")
    return [ratio_row(f"{name}: requests a second", ratios, target),
            Row("  p99, ours and theirs", f"{p99['ours']:.0f}, {p99['theirs']:.0f} ms", "no more")], results


def peers(arguments):
    rows, facts = [], {}
    lines = models.sentences(arguments)
    if arguments.infinity_python:
        for precision, classify in itertools.product(("fp32", "bf16", "auto"), (False, True)):
            ours = start(arguments, models.minilm(arguments), precision=precision)
            folder = models.transformers_classifier(arguments) if classify else arguments.minilm
            theirs = Infinity(arguments.infinity_python, folder, 8501, arguments.threads, classify, precision)
            bodies = {"theirs": [theirs.body(text, "") for text in lines],
                      "ours": [ours.body(text, "task0") if classify else theirs.body(text, "") for text in lines]}
            found, facts[theirs.name] = compared(theirs.name, arguments, ours, theirs, bodies, ">= 3 x")
            rows += found
            ours.stop()
            theirs.stop()
    if arguments.fastapi_python:
        tasks = [f"task{number}" for number in range(8)]
        theirs = FastApi(arguments.fastapi_python, arguments.minilm, 8502, arguments.threads, tasks, "double_seq_bn")
        for precision, said in ("fp32", "fp32"), ("auto", "both as they come"):
            ours = start(arguments, models.minilm(arguments, "houlsby"), precision=precision)
            bodies = [ours.body(text, tasks[number % 8]) for number, text in enumerate(lines)]
            name = f"FastAPI, 8 tasks with Houlsby adapters, {said}"
            found, facts[name] = compared(name, arguments, ours, theirs, {"ours": bodies, "theirs": bodies}, ">= 5 x")
            rows += found
            ours.stop()
        theirs.stop()
    if not rows:
        say("peers: --infinity_python and --fastapi_python are not given")
    return rows, facts


def overload(arguments):
    lines = models.sentences(arguments)
    server = start(arguments, models.minilm(arguments), "--queue_tokens", QUEUE_TOKENS, "--max_batch_tokens", BATCH_TOKENS)
    bodies = [server.body(text, f"task{number % 8}") for number, text in enumerate(lines)]
    tokens = statistics.mean(len(server.post("/tokenize", {"inputs": text})[0]) for text in lines[:200])
    most = server.load(bodies, arguments.generator, connections=CONNECTIONS, seconds=arguments.seconds)["requests_per_second"]
    say(f"saturated at {most:.0f} requests a second")
    bound = 1e3 * 1.2 * (QUEUE_TOKENS + BATCH_TOKENS) / (most * tokens)  # what waits, and one batch
    flags = {"connections": MOST_CONNECTIONS, "rate": 2 * most}
    tenth = 60 * arguments.minutes / 10
    first = server.load(bodies, arguments.generator, seconds=tenth, **flags)
    after_one = server.memory_mb()
    rest = server.load(bodies, arguments.generator, seconds=9 * tenth, **flags)
    after_all = server.memory_mb()
    lost = first["unanswered"] + rest["unanswered"]
    facts = {"saturated": most, "first_tenth": first, "rest": rest, "memory_mb": [after_one, after_all],
             "longest_wait_ms": bound}
    status = server.stop()
    rows = [Row(f"twice the load for {arguments.minutes:g} minutes, {MOST_CONNECTIONS} connections: memory, of that after a tenth",
                f"{after_all / after_one:.3f} x", "<= 1.05 x"),
            Row("  requests without an answer", str(lost), "0"),
            Row("  refused with 429, of them with Retry-After",
                f"{rest['refused']}, {100 * rest['with_retry_after'] / max(1, rest['refused']):.0f} %", "100 %"),
            Row("  answered a second, of the saturated", f"{rest['requests_per_second'] / most:.2f} x", ""),
            Row("  p99 of those answered", f"{rest['p99_ms']:.0f} ms", f"<= {bound:.0f} ms"),
            Row("  exit status after SIGTERM", str(status), "0")]
    return rows, facts


def many_tasks(arguments):
    lines = models.sentences(arguments)
    count = arguments.lora_tasks
    server = start(arguments, models.many_lora_tasks(arguments))
    one = [server.body(text, "task0") for text in lines]
    hundred = [server.body(text, f"task{number * 7 % min(100, count)}") for number, text in enumerate(lines)]
    server.load(hundred, arguments.generator, connections=100, requests=len(lines))
    shares, speed = [], []
    for _ in range(arguments.rounds):
        alone = server.load(one, arguments.generator, connections=100, requests=len(lines))["requests_per_second"]
        speed.append(server.load(hundred, arguments.generator, connections=100, requests=len(lines))["requests_per_second"])
        shares.append(speed[-1] / alone)
    memory, seconds = server.memory_mb(), server.ready_seconds
    server.stop()
    base = start(arguments, models.minilm(arguments))
    base.load(one, arguments.generator, connections=100, requests=len(lines))
    bare = base.memory_mb()
    base.stop()
    rows = [Row(f"{count} LoRA tasks: memory, and of 8 tasks without adapters", f"{memory:.0f}, {bare:.0f} MB", "stated"),
            Row(f"{count} LoRA tasks: ready", f"{seconds:.2f} s", "stated"),
            Row("rows of 100 tasks in a batch: requests a second", f"{statistics.median(speed):.0f}", "stated"),
            ratio_row("  of one task's", shares, "stated")]
    return rows, {"memory_mb": memory, "memory_without_mb": bare, "ready_seconds": seconds, "requests_per_second": speed,
                  "of_one_task": shares}


def ready(arguments):
    seconds = []
    for _ in range(arguments.rounds + 1):  # the first fills the page cache
        server = start(arguments, models.bert_base(arguments))
        seconds.append(server.ready_seconds)
        server.stop()
    return [Row("BERT-base with PALs for 8 tasks: ready", f"{statistics.median(seconds[1:]):.2f} s", "<= 2 s")], seconds
