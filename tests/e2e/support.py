"""What the end-to-end tests share: a tiny random model, small data in GLUE's layouts, and ways to run `pals`."""

import atexit
import io
import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

PALS = os.environ.get("PALS_BINARY") or sys.exit("PALS_BINARY names no program")

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS = 48, 2, 4, 96, 512
WORDS = ["word%d" % number for number in range(240)]
GOOD, BAD = "splendid", "dreadful"
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


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    return path


def write_text(path, text, encoding="utf-8"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding=encoding, newline="") as stream:
        stream.write(text)
    return path


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


# -- Data -------------------------------------------------------------------------------------------

def sentence(generator, mark=None):
    words = [generator.choice(WORDS) for _ in range(generator.randint(3, 12))]
    if mark:
        words.insert(generator.randrange(len(words) + 1), mark)
    return " ".join(words)


def glue_rows(folder, generator, count, split):
    """The rows of one file, as lists of columns; the label follows a word of the first text, or how much of
    the first text comes again in the second."""
    rows = []
    for number in range(count):
        yes = generator.random() < 0.5
        a = sentence(generator, GOOD if yes else BAD)
        b = sentence(generator)
        n, bit = str(number), str(int(yes))
        entail = "entailment" if yes else "not_entailment"
        if folder == "CoLA":
            rows.append(["gj04", bit, "" if yes else "*", a])
        elif folder == "MRPC":
            rows.append([bit, n, "7" + n, a, b])
        elif folder == "MNLI":
            gold = generator.choice(["contradiction", "entailment", "neutral"])
            votes = 1 if split == "train" else 5
            rows.append([n, n + "c", n + "p", "fiction", "( a )", "( b )", "(A)", "(B)", a, b] +
                        [gold] * (votes + 1))
        elif folder == "RTE":
            rows.append([n, a, b, entail])
        elif folder == "STS-B":
            rows.append([n, "main-news", "headlines", "2015", n, "none", "none", a, b,
                         "%.3f" % (generator.random() * 2 + (3 if yes else 0))])
        elif folder == "SST-2":
            rows.append([a, bit])
        elif folder == "QQP":
            rows.append([n, "1", "2", a + " ?", b + " ?", bit])
            if number % 10 == 3:
                rows.append([n, "1", "2", "a stray\tand another", "tab ?", bit])
            if number % 10 == 7:
                rows.append([n, "1", "2", "one text ?"])
        elif folder == "QNLI":
            rows.append([n, a + " ?", b, entail])
    return rows


HEADERS = {
    "CoLA": None,
    "MRPC": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "RTE": "index\tsentence1\tsentence2\tlabel",
    "STS-B": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
    "SST-2": "sentence\tlabel",
    "QQP": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "QNLI": "index\tquestion\tsentence\tlabel",
    "MNLI": "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
            "sentence2_parse\tsentence1\tsentence2\tlabel1",
}
TRAIN_ROWS = {"CoLA": 70, "MRPC": 50, "MNLI": 200, "RTE": 40, "STS-B": 60, "SST-2": 120, "QQP": 180, "QNLI": 90}
FOLDERS = {"cola": "CoLA", "mrpc": "MRPC", "mnli": "MNLI", "rte": "RTE", "sts": "STS-B", "sst": "SST-2",
           "qqp": "QQP", "qnli": "QNLI"}
TASKS = list(FOLDERS)


def glue_header(folder, split):
    header = HEADERS[folder]
    if folder == "MNLI":
        header += ("" if split == "train" else "\tlabel2\tlabel3\tlabel4\tlabel5") + "\tgold_label"
    return header


def make_glue(path):
    for folder, count in TRAIN_ROWS.items():
        dev = ["dev_matched", "dev_mismatched"] if folder == "MNLI" else ["dev"]
        for split in ["train"] + dev:
            generator = random.Random(folder + split)
            rows = glue_rows(folder, generator, count if split == "train" else 24, split)
            lines = ["\t".join(row) for row in rows]
            if HEADERS[folder]:
                lines.insert(0, glue_header(folder, split))
            write_text(os.path.join(path, folder, split + ".tsv"), "\n".join(lines) + "\n",
                       "utf-8-sig" if folder == "MRPC" else "utf-8")
    return path


# Folder, file, header, and the columns that stand before the texts after the index.
TEST_SETS = [
    ("CoLA", "test", "index\tsentence", 0, 1),
    ("SST-2", "test", "index\tsentence", 0, 1),
    ("MRPC", "test", "index\t#1 ID\t#2 ID\t#1 String\t#2 String", 2, 2),
    ("STS-B", "test", "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2", 6, 2),
    ("MNLI", "test_matched", "index\tpromptID\tpairID\tgenre\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2", 7, 2),
    ("MNLI", "test_mismatched", "index\tpromptID\tpairID\tgenre\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2", 7, 2),
    ("QNLI", "test", "index\tquestion\tsentence", 0, 2),
    ("RTE", "test", "index\tsentence1\tsentence2", 0, 2),
    ("AX", "diagnostic", "index\tsentence1\tsentence2", 0, 2),
]
TEST_ROWS = 9


def make_test_sets(path):
    """Test sets of most tasks, without labels, and the diagnostic set."""
    generator = random.Random(4)
    for folder, name, header, before, texts in TEST_SETS:
        lines = [header]
        for number in range(TEST_ROWS):
            words = [sentence(generator, generator.choice([GOOD, BAD])) for _ in range(texts)]
            lines.append("\t".join([str(number)] + ["-"] * before + words))
        write_text(os.path.join(path, folder, name + ".tsv"), "\n".join(lines) + "\n")


NAMES, PLACES = WORDS[:40], WORDS[40:80]


def squad_question(generator, number, impossible):
    """A context in which NAME lives in PLACE, and the question where NAME lives."""
    filler = [generator.choice(WORDS[80:]) for _ in range(generator.randint(10, 30))]
    name, place = generator.choice(NAMES), generator.choice(PLACES)
    at = generator.randrange(len(filler))
    words = filler[:at] + [name, ",", place + "."] + filler[at:]
    context = " ".join(words)
    asked = generator.choice([word for word in NAMES if word != name]) if impossible else name
    answers = [] if impossible else [{"text": place, "answer_start": context.index(", " + place) + 2}]
    question = {"id": "q%d" % number, "question": asked + " ?", "answers": answers}
    return context, question


def make_squad(path, count, version=1, seed=0):
    """A file in SQuAD's layout; in version 2 every third question has no answer."""
    generator = random.Random("%s%d" % (os.path.basename(path), seed))
    paragraphs = []
    for number in range(count):
        impossible = version == 2 and number % 3 == 2
        context, question = squad_question(generator, number, impossible)
        if version == 2:
            question["is_impossible"] = impossible
        paragraphs.append({"context": context, "qas": [question]})
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return write_json(path, {"version": "v2.0" if version == 2 else "1.1",
                             "data": [{"title": "tiny", "paragraphs": paragraphs}]})


def make_swag(path, count):
    """A file in SWAG's layout: the right ending is the one with the word GOOD."""
    generator = random.Random(os.path.basename(path))
    lines = [",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label"]
    for number in range(count):
        label = generator.randrange(4)
        endings = [sentence(generator, GOOD if i == label else BAD) for i in range(4)]
        lines.append(",".join([str(number), "v", "0", "s", sentence(generator), generator.choice(WORDS), "gold"] +
                              endings + [str(label)]))
    return write_text(path, "\n".join(lines) + "\n")


# -- Runs -------------------------------------------------------------------------------------------

def environment(**changes):
    env = dict(os.environ, OMP_NUM_THREADS="1", XDG_CACHE_HOME=os.path.join(_root, "cache"), **changes)
    env.pop("HOME", None)
    return env


def start(arguments, **options):
    return subprocess.Popen([PALS] + [str(argument) for argument in arguments], env=environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


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
