"""What the peers of bench/compare.py share: their protocol, and the rows.

A peer prints a line of JSON with "ready" once it is; then it does one turn for each line on standard input and
prints a line of JSON with "seconds" and "tokens". The rows are those that `build/bench/contestant rows` wrote.
"""

import json
import resource
import sys
import time


def load_rows(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def length(row):
    return len(row["ids"])


def in_order(stream, order):
    """The stream's batches as they come, or of rows sorted by length, the longest first."""
    if order == "unsorted":
        return stream
    size = len(stream[0])
    rows = sorted((row for batch in stream for row in batch), key=length, reverse=True)
    return [rows[first:first + size] for first in range(0, len(rows), size)]


def padded(batch, numpy, longest=None):
    """input_ids, attention_mask and token_type_ids [rows, longest] int64; by default, of the longest row."""
    longest = longest or max(map(length, batch))
    ids, mask, types = (numpy.zeros((len(batch), longest), dtype=numpy.int64) for _ in range(3))
    for number, row in enumerate(batch):
        ids[number, :length(row)] = row["ids"]
        mask[number, :length(row)] = 1
        types[number, row["first_length"]:length(row)] = 1
    return ids, mask, types


def targets(batch, outputs, torch):
    """Of a regression (one output) [rows] fp32, else classes [rows] int64."""
    return torch.tensor([row["value"] for row in batch] if outputs == 1 else [row["label"] for row in batch])


def synchronize(device, torch):
    if device != "cpu":
        torch.cuda.synchronize(device)


def warm_up(device, rows, step, turn):
    """The longest batch, so that buffers have grown; on a GPU all of them, since libraries choose by shape."""
    step(max(rows["batches"], key=lambda batch: sum(map(length, batch))))
    if device != "cpu":
        turn()


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def answer(tokens, turn, **facts):
    print(json.dumps({"ready": True, "peak_rss_bytes": peak_rss_bytes(), **facts}), flush=True)
    for _ in sys.stdin:
        start = time.monotonic()
        turn()
        seconds = time.monotonic() - start
        print(json.dumps({"seconds": seconds, "tokens": tokens, "peak_rss_bytes": peak_rss_bytes()}), flush=True)
