"""What two builds made, bit for bit: JSON, tensors, logs of steps, other files, and whole folders of them."""

import fnmatch
import json
import os
import struct

# What may differ between two builds: a pattern of paths within a folder of results (they begin with "/"), the keys (of
# JSON objects, at any depth) in question, or None for the whole file, and the reason.
IGNORED = [
    ("*/metrics.jsonl", {"until_step", "version", "from_step", "epoch_begins"},
     "lines of times, which no two runs share, of the version, and those that older builds lack"),
    ("*/report.html", None, "holds times and the command"),
    ("*/tensorboard/*", None, "holds times"),
    ("*", {"pals_version", "version", "format_version"}, "versions"),
    ("*/run_config.json", None, "options as each build lists them; what they decide shows in the results"),
    ("*/best_tasks/*", None, "of equal scores the model with the lower loss is kept now"),
    ("*/eval_results.json", {"best_by_task"}, "as best_tasks"),
    ("*/checkpoints/*", {"tasks"}, "of the state: as best_tasks"),
    ("*/.lock", None, "holds a process's number, if anything"),
    ("*/config.json", {"adapter", "adapter_size", "bottleneck_size", "adapter_layers", "task_pooler"},
     "an adapter's settings may stand in its task's folder alone"),
    ("*/pals_adapter.json", {"adapter", "adapter_size", "bottleneck_size", "adapter_layers", "task_pooler"},
     "the settings may be those of the kind; what they decide shows in the tensors"),
    ("*/tasks.json", None, "a task's description, whose keys grow; what it decides shows in the answers"),
    ("*/pals_adapter.json", {"shared_weights", "weights", "trained_with", "checksum"},
     "hashes and copies of what is compared itself"),
]
# Files that got another name.
RENAMED = {"adapter_config.json": "pals_adapter.json", "adapter_model.safetensors": "pals_adapter.safetensors"}


class Difference(Exception):
    """The first difference of two outputs."""


def short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def canonical(path):
    folder, name = os.path.split(path)
    return os.path.join("/", folder, RENAMED.get(name, name))


def files_below(folder):
    """Canonical path -> path, of all files that are not ignored as a whole."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(at, name), folder)
            whole = [pattern for pattern, keys, _ in IGNORED if keys is None]
            if not any(fnmatch.fnmatch(canonical(path), pattern) for pattern in whole):
                found[canonical(path)] = os.path.join(at, name)
    return found


def ignored_keys(path):
    keys = set()
    for pattern, some, _ in IGNORED:
        if some and fnmatch.fnmatch(path, pattern):
            keys |= some
    return keys


def compare_json(old, new, keys, at=""):
    """Whatever the old value has, the new one must have too; new keys of objects are additions."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if key in keys:
                continue
            if key not in new:
                raise Difference("%s.%s is missing" % (at, key))
            compare_json(old[key], new[key], keys, "%s.%s" % (at, key))
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            raise Difference("%s has %d elements, was %d" % (at, len(new), len(old)))
        for number, (a, b) in enumerate(zip(old, new)):
            compare_json(a, b, keys, "%s[%d]" % (at, number))
    elif type(old) is not type(new) or repr(old) != repr(new):
        raise Difference("%s: %s, was %s" % (at or "value", short(new), short(old)))


def json_lines(path, keys):
    """The lines of metrics.jsonl but those that an ignored key marks."""
    with open(path, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    return [line for line in lines if not keys & set(line)]


def read_tensors(path):
    """Name -> type, shape and bytes; and the state in a checkpoint's metadata."""
    with open(path, "rb") as stream:
        data = stream.read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    metadata = header.pop("__metadata__", {})
    tensors = {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
               for name, entry in header.items()}
    return tensors, json.loads(metadata.get("state", "{}"))


def compare_tensors(old, new, keys):
    (old, old_state), (new, new_state) = read_tensors(old), read_tensors(new)
    if sorted(old) != sorted(new):
        raise Difference("tensors %s" % ", ".join(sorted(set(old) ^ set(new))))
    for name, (kind, shape, data) in old.items():
        if (kind, shape) != new[name][:2]:
            raise Difference("%s is %s %s, was %s %s" % (name, *new[name][:2], kind, shape))
        if data != new[name][2]:
            first = next(i for i in range(len(data)) if data[i] != new[name][2][i])
            raise Difference("%s differs from byte %d of %d on" % (name, first, len(data)))
    compare_json(old_state, new_state, keys, "state")


def compare_bytes(old, new):
    if old != new:
        first = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        raise Difference("byte %d: %s, was %s" % (first, short(new[first:first + 24]), short(old[first:first + 24])))


def compare_file(path, old, new):
    keys = ignored_keys(path)
    if path.endswith(".safetensors"):
        compare_tensors(old, new, keys)
    elif path.endswith("metrics.jsonl"):
        compare_json(json_lines(old, keys), json_lines(new, keys), keys)
    elif path.endswith(".json"):
        with open(old, encoding="utf-8") as a, open(new, encoding="utf-8") as b:
            compare_json(json.load(a), json.load(b), keys)
    else:
        with open(old, "rb") as a, open(new, "rb") as b:
            compare_bytes(a.read(), b.read())


def compare_folders(old, new):
    """How many files are the same; additions are none of our business."""
    old, new = files_below(old), files_below(new)
    for path in sorted(old):
        if path not in new:
            raise Difference("%s is missing" % path[1:])
        try:
            compare_file(path, old[path], new[path])
        except Difference as difference:
            raise Difference("%s: %s" % (path[1:], difference)) from None
    return len(old)


def ignored_lines():
    """IGNORED for a reader, a line each."""
    lines = ["%-24s %s: %s" % (pattern, ", ".join(sorted(keys)) if keys else "whole files", reason)
             for pattern, keys, reason in IGNORED]
    return lines + ["%-24s whole files: made anew where their layout changed" % "the feature cache",
                    "%-24s that OLD does not have: additions" % "files and keys of NEW"]
