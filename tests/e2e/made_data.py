"""Small data in the layouts of GLUE, SQuAD and SWAG, whose labels a word tells."""

import json
import os
import random

WORDS = ["word%d" % number for number in range(240)]
GOOD, BAD = "splendid", "dreadful"


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    return path


def write_text(path, text, encoding="utf-8"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding=encoding, newline="") as stream:
        stream.write(text)
    return path


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
