#!/usr/bin/env python3
"""Tokens a second of training and prediction, and their share of the limit, by one size at a time.

  bench/sweep.py batch_size     8 to 512 rows of GLUE's lengths
  bench/sweep.py row_length     8 to 512 tokens, as many rows as make about 4,096 tokens
  bench/sweep.py hidden_size    128 to 1024
  bench/sweep.py adapter        each kind of adapter
  bench/sweep.py all            one after the other (about an hour on two cores)

Every point is a run of `pals bench` on a BERT of --layers layers (BERT-base's sizes but for the one that varies) with
PALs(204), or of the size that suits the hidden size. The share of the limit is the time that LibTorch's at::mm takes
for the products of the same shapes. A table goes to standard output, then a line of JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKENS = 4096  # of a batch, where the row length varies
BERT_BASE = {"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
             "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu",
             "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
ADAPTERS = ["none", "pals", "low_rank", "houlsby", "houlsby_pals", "top_attention", "top_bert_layer", "lhuc",
            "pals_lhuc"]
WORKS = {"train": "training", "train --freeze": "training, frozen", "predict, sorted": "prediction"}


def points(sweep):
    """Of each point: its name, what differs in the configuration, and the flags."""
    if sweep == "batch_size":
        return [(str(n), {}, ["--batch_size", n, "--batches", max(1, 256 // n)])
                for n in (8, 16, 32, 64, 128, 256, 512)]
    if sweep == "row_length":
        return [(str(n), {}, ["--row_length", n, "--max_seq_length", 512, "--batch_size", TOKENS // n, "--batches", 1,
                              "--tasks", "mrpc"]) for n in (8, 16, 32, 64, 128, 256, 512)]
    if sweep == "hidden_size":
        return [(str(n), {"hidden_size": n, "intermediate_size": 4 * n, "num_attention_heads": max(2, n // 64)},
                 ["--batches", 8]) for n in (128, 256, 384, 512, 768, 1024)]
    return [(kind, {}, ["--adapter", kind, "--batches", 8]) for kind in ADAPTERS]


def measure(arguments, folder, config, flags):
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({**BERT_BASE, "num_hidden_layers": arguments.layers, **config}, file)
    command = [os.path.join(arguments.build, "pals"), "bench", "--json", "--model", folder, "--precision",
               arguments.precision, "--threads", arguments.threads, "--rounds", arguments.rounds, *flags]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows_of(facts):
    """Tokens a second and share of the limit of each work that has a limit."""
    rows = {}
    for result in facts["results"]:
        if result["work"] in WORKS:
            rows[result["precision"], result["work"]] = (result["tokens_per_second"], result["product_share"])
    return rows


def print_row(sweep, name, rows, is_first):
    """A row of the table as soon as it is known, before the first one the heads."""
    if is_first:
        heads = [sweep] + [f"{WORKS[work]}, {precision}" for precision, work in rows]
        print("| " + " | ".join(heads) + " |")
        print("|" + "---|" * len(heads))
    cells = [f"{speed:,.0f} ({100 * share:.0f} %)" for speed, share in rows.values()]
    print("| " + " | ".join([name] + cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", choices=["batch_size", "row_length", "hidden_size", "adapter", "all"])
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build"))
    parser.add_argument("--layers", type=int, default=3, help="of the encoder (default: 3, to be quick)")
    parser.add_argument("--precision", default="bf16", help="as of `pals bench` (default: bf16)")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--points", type=int, default=0, help="only the first so many of each sweep")
    arguments = parser.parse_args()

    sweeps = ["batch_size", "row_length", "hidden_size", "adapter"] if arguments.sweep == "all" else [arguments.sweep]
    report = {"layers": arguments.layers, "rounds": arguments.rounds, "sweeps": {}}
    with tempfile.TemporaryDirectory() as folder:
        for sweep in sweeps:
            measured = {}
            for name, config, flags in points(sweep)[:arguments.points or None]:
                print(f"{sweep} {name}", file=sys.stderr, flush=True)
                facts = measure(arguments, folder, config, flags)
                report.update({key: facts[key] for key in ("cpu", "isa", "kernels", "threads")})
                measured[name] = rows_of(facts)
                print_row(sweep, name, measured[name], len(measured) == 1)
            print()
            report["sweeps"][sweep] = {
                name: [{"precision": precision, "work": work, "tokens_per_second": speed, "product_share": share}
                       for (precision, work), (speed, share) in rows.items()] for name, rows in measured.items()}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
