"""What the end-to-end tests share: a tiny random model, small data (made_data.py), and ways to run `pals`."""

import atexit
import io
import json
import os
import pickle
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

# Tests find all of these here.
from made_data import (BAD, GOOD, TASKS, TEST_ROWS, WORDS, glue_rows, make_glue, make_squad, make_swag,  # noqa: F401
                       make_test_sets, sentence, write_json, write_text)

PALS = os.environ.get("PALS_BINARY") or sys.exit("PALS_BINARY names no program")

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS = 48, 2, 4, 96, 512
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", GOOD, BAD, ".", ",", "?"] + WORDS

_root = tempfile.mkdtemp(prefix="pals-e2e-")
atexit.register(shutil.rmtree, _root, ignore_errors=True)


# -- Models -----------------------------------------------------------------------------------------

def bert_config(**changes):
    config = {"vocab_size": len(VOCABULARY), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "intermediate_size": INTERMEDIATE, "hidden_act": "gelu",
              "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
              "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "initializer_range": 0.02}
    config.update(changes)
    return config


def model_shapes():
    """Names as transformers has them."""
    shapes = {"embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN),
              "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
              "embeddings.token_type_embeddings.weight": (2, HIDDEN)}

    def norm(name):
        shapes[name + ".weight"] = shapes[name + ".bias"] = (HIDDEN,)

    def dense(name, inner, outer):
        shapes[name + ".weight"], shapes[name + ".bias"] = (outer, inner), (outer,)

    norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = "encoder.layer.%d." % layer
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            dense(at + "attention." + part, HIDDEN, HIDDEN)
        norm(at + "attention.output.LayerNorm")
        dense(at + "intermediate.dense", HIDDEN, INTERMEDIATE)
        dense(at + "output.dense", INTERMEDIATE, HIDDEN)
        norm(at + "output.LayerNorm")
    dense("pooler.dense", HIDDEN, HIDDEN)
    return shapes


def random_weights(seed=1):
    """Name -> (shape, list of floats)."""
    generator = random.Random(seed)
    weights = {}
    for name, shape in model_shapes().items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if "LayerNorm.weight" in name:
            values = [1.0] * count
        elif name.endswith("bias"):
            values = [0.0] * count
        else:
            values = [generator.gauss(0.0, 0.1) for _ in range(count)]
        weights[name] = shape, struct.unpack("<%df" % count, struct.pack("<%df" % count, *values))
    return weights


def write_safetensors(path, weights):
    header, bodies, offset = {}, [], 0
    for name, (shape, values) in weights.items():
        body = struct.pack("<%df" % len(values), *values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + len(body)]}
        bodies.append(body)
        offset += len(body)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text + b"".join(bodies))


def read_safetensors(path):
    """Name -> bytes."""
    with open(path, "rb") as stream:
        data = stream.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for name, entry in header.items()}


def floats(data):
    return struct.unpack("<%df" % (len(data) // 4), data)


class _Storage:
    def __init__(self, key, values):
        self.key, self.values = key, values


class _Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        strides = (self.shape[1], 1) if len(self.shape) > 1 else (1,)
        return _rebuild_tensor_v2, (self.storage, 0, tuple(self.shape), strides, False, {})


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"


class _Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        if not isinstance(thing, _Storage):
            return None
        return "storage", sys.modules["torch"].FloatStorage, thing.key, "cpu", len(thing.values)


def write_pytorch(path, weights):
    """As torch.save writes a state dict, without torch: stand-ins take the names that end up in the pickle."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils, utils._rebuild_tensor_v2 = utils, _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
    try:
        storages = {name: _Storage(str(number), values)
                    for number, (name, (_, values)) in enumerate(weights.items())}
        stream = io.BytesIO()
        _Pickler(stream, 2).dump({name: _Tensor(storages[name], shape)
                                  for name, (shape, _) in weights.items()})
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        archive.writestr("archive/byteorder", "little")
        for storage in storages.values():
            archive.writestr("archive/data/" + storage.key,
                             struct.pack("<%df" % len(storage.values), *storage.values))
        archive.writestr("archive/version", "3\n")


def reference_name(name):
    """The reference's name of a shared tensor."""
    name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return "bert." + name


def read_json(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as stream:
        return json.load(stream)


def make_model(path, weights=None):
    """A model folder as transformers writes it."""
    os.makedirs(path)
    config = bert_config(architectures=["BertModel"], model_type="bert", transformers_version="4.57.0")
    write_json(os.path.join(path, "config.json"), config)
    write_json(os.path.join(path, "tokenizer_config.json"), {"do_lower_case": True})
    write_text(os.path.join(path, "vocab.txt"), "\n".join(VOCABULARY) + "\n")
    write_safetensors(os.path.join(path, "model.safetensors"), weights or random_weights())
    return path


# -- Runs -------------------------------------------------------------------------------------------

def exchange_last_words(vocabulary):
    """Gives the last two words of a vocabulary each other's number."""
    with open(vocabulary, encoding="utf-8") as stream:
        words = stream.read().split("\n")
    words[-3], words[-2] = words[-2], words[-3]
    write_text(vocabulary, "\n".join(words))


def environment(**changes):
    env = dict(os.environ, OMP_NUM_THREADS="1", XDG_CACHE_HOME=os.path.join(_root, "cache"), **changes)
    env.pop("HOME", None)
    return env


def start(arguments, **options):
    return subprocess.Popen([PALS] + [str(argument) for argument in arguments], env=environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def adapter_kinds():
    """All kinds of adapters that `pals train --help` names; of those with LHUC beside them two."""
    text = subprocess.run([PALS, "train", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    kinds = re.search(r"task-specific parts: ([\w, ]+)", text).group(1).split(", ")
    return [kind for kind in kinds if not kind.endswith("_lhuc") or kind in ("pals_lhuc", "low_rank_lhuc")]


def metrics(folder):
    """The lines of metrics.jsonl: those of steps, and those of evaluations."""
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    return [line for line in lines if "step" in line], [line for line in lines if "after_step" in line]


class PalsTest(unittest.TestCase):
    """A folder for each test, one model and one set of data for all."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.model, cls.glue = os.path.join(_root, "model"), os.path.join(_root, "glue")
        if not os.path.exists(cls.model):
            make_model(cls.model)
            make_glue(cls.glue)

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=_root)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def pals(self, *arguments, code=0, stdin="", **options):
        result = subprocess.run([PALS] + [str(argument) for argument in arguments], input=stdin, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                                timeout=300, check=False, **options)
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        return result

    def train_arguments(self, run, *flags, tasks="rte,sst", model=None):
        return ["train", "--data_dir", self.glue, "--init_checkpoint", model or self.model, "--tasks", tasks,
                "--output_dir", self.path(run), "--max_seq_length", "32", "--train_batch_size", "8",
                "--precision", "fp32", "--threads", "1", *flags]

    def train(self, run, *flags, code=0, **options):
        """Trains in the folder `run`, whose path it returns."""
        self.pals(*self.train_arguments(run, *flags, **options), code=code)
        return self.path(run)

    def error(self, *arguments, code, stdin="", **options):
        """Runs a command that must fail: the message, which must be one line that begins as ours do."""
        result = self.pals(*arguments, code=code, stdin=stdin, **options)
        lines = [line for line in result.stderr.splitlines() if line.startswith("pals: ")]
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(result.stderr.endswith(lines[0] + "\n"), result.stderr)
        self.assertNotIn("internal error", lines[0])
        return lines[0]

    def check_words(self, message, *words):
        for word in words:
            self.assertIn(word, message)
