#!/usr/bin/env python3
"""Writes the demo's multi-task set: three tasks, their train and dev files, and tasks.json.

  sentiment   one sentence, positive or negative; negation and contrast decide, not single words (TSV)
  paraphrase  two sentences, the same event or not: passives and converses against swapped roles and
              changed details (CSV with quotes)
  similarity  two sentences, 0 to 5 by the share of meaning that they have in common (JSONL)

The dev files use words that no train file has, so that a model must bring knowledge of words along.
The same seed gives the same bytes. Needs only Python's standard library.
"""

import argparse
import csv
import io
import json
import pathlib
import random

import demo_words as words

TRAIN_ROWS = 3200
DEV_ROWS = 300


def split(listing, part):
    """The train or dev part of a list, written with bars or given: the last quarter is for dev."""
    items = listing.split("|") if isinstance(listing, str) else listing
    cut = len(items) - max(1, len(items) // 4)
    return items[:cut] if part == "train" else items[cut:]


def sentence(text):
    """First letter in upper case, a full stop at the end."""
    return text[0].upper() + text[1:] + ("" if text[-1] in '.!?"' else ".")


# ---- sentiment ----

DEGREES = ["", "", "really ", "truly ", "quite "]
# How an opinion is turned round.
DENIALS = [
    "the {n} was not {a} at all",
    "the {n} was anything but {a}",
    "nobody could call the {n} {a}",
    "I would never describe the {n} as {a}",
    "the {n} was far from {a}",
    "we had been told that the {n} was {a}, which is simply not true",
    "I thought the {n} would be {a}, but I was wrong",
]
CLAIMS = [
    "the {n} was {d}{a}",
    "what a {a} {n} that was",
    "I must say that the {n} was {d}{a}",
    "my friends and I found the {n} {d}{a}",
    "we heard much about the {n} beforehand, and it was indeed {d}{a}",
    "the {n} was even more {a} than we had been told",
]
# The second opinion, {b}, is the one that counts; {m} is a second thing.
CONTRASTS = [
    "although the {n} was {a}, the visit as a whole was {d}{b}",
    "I had expected the {n} to be {a}, but it was {b}",
    "the {m} may have been {a}, but what matters is the {n}, and that was {d}{b}",
    "the {n} used to be {a}, and now it is {d}{b}",
    "others will tell you of the {a} {m}, yet what I remember is that the {n} was {d}{b}",
    "despite the {a} {m}, I remember the evening as {d}{b}",
]


def sentiment_row(part, rng):
    things, praise, blame = rng.choice(words.REVIEWED)
    thing, other = rng.sample(split(things, part), 2)
    opinions = [
        split(blame, part) + split(words.BLAME, part),
        split(praise, part) + split(words.PRAISE, part),
    ]
    general = [split(words.BLAME, part), split(words.PRAISE, part)]
    label = rng.randrange(2)
    fields = {"n": thing, "m": other, "d": rng.choice(DEGREES)}
    form = rng.randrange(10)
    if form < 3:
        frame = rng.choice(CLAIMS)
        fields["a"] = rng.choice(opinions[label])
    elif form < 6:
        frame = rng.choice(DENIALS)
        fields["a"] = rng.choice(opinions[1 - label])
    else:
        frame = rng.choice(CONTRASTS)
        fields["a"] = rng.choice(opinions[1 - label])
        about_thing = "whole" not in frame and "evening" not in frame
        fields["b"] = rng.choice((opinions if about_thing else general)[label])
    text = frame.format(**fields)
    for vowel in "aeiou":
        text = text.replace(f"what a {vowel}", f"what an {vowel}")
    return {"sentence": sentence(text), "label": ["negative", "positive"][label]}


# ---- paraphrase ----


def tell_transfer(event, rng):
    """One of the ways to say that a giver handed things over to a taker."""
    give, given, take = event["verbs"]
    goods = f"{event['number']} {event['thing']}s"
    giver, taker = event["who"]
    core = rng.choice(
        [
            f"{giver} {give} {goods} to {taker}",
            f"{giver} {give} {taker} {goods}",
            f"{taker} {take} {goods} from {giver}",
            f"{goods} were {given} to {taker} by {giver}",
        ]
    )
    return placed(core, event, rng)


def tell_encounter(event, rng):
    """One of the ways to say that somebody did something to another."""
    active, passive, active_too = event["verbs"]
    one, other = event["who"]
    core = rng.choice(
        [f"{one} {active} {other}", f"{one} {active_too} {other}", f"{other} was {passive} by {one}"]
    )
    return placed(core, event, rng)


def placed(core, event, rng):
    form = rng.randrange(4)
    if form == 0:
        return sentence(f"{event['detail']}, {core}")
    if form == 1:
        return sentence(f'"{core[0].upper()}{core[1:]} {event["detail"]}," the neighbours said')
    return sentence(f"{core} {event['detail']}")


def paraphrase_row(part, rng):
    transfer = rng.random() < 0.6
    details = split(rng.choice([words.DAYS, words.PLACES]), part)
    event = {
        # All verbs occur in training: what is held out here is who, what, how many, where and when.
        "verbs": rng.choice(words.TRANSFERS if transfer else words.ENCOUNTERS),
        "who": rng.sample(split(words.NAMES, part), 2),
        "number": rng.choice(split(words.NUMBERS, part)),
        "thing": rng.choice(split(words.THINGS, part)),
        "detail": rng.choice(details),
    }
    tell = tell_transfer if transfer else tell_encounter
    same = rng.random() < 0.5
    second = dict(event)
    if not same:
        change = rng.choice(["who", "detail"] + (["number", "thing"] if transfer else []))
        if change == "who":
            second["who"] = event["who"][::-1]
        else:
            pool = {"number": split(words.NUMBERS, part), "thing": split(words.THINGS, part), "detail": details}
            second[change] = rng.choice([word for word in pool[change] if word != event[change]])
    first_text = tell(event, rng)
    second_text = tell(second, rng)
    while second_text == first_text:
        second_text = tell(second, rng)
    return {"first": first_text, "second": second_text, "label": "same" if same else "different"}


# ---- similarity ----

WEIGHTS = {"who": 0.3, "did": 0.4, "where": 0.2, "when": 0.1}


def similarity_row(part, rng):
    score = 0.0
    ways = {}
    # How alike the two sentences should be, drawn first, so that all scores occur.
    likeness = rng.random()
    for slot, families in (("who", words.WHO), ("did", words.DID), ("where", words.WHERE), ("when", words.WHEN)):
        families = split(families, part)
        family = rng.choice(families)
        concept = rng.choice(family)
        first = rng.choice(concept.split("|"))
        if rng.random() < likeness:
            second, share = rng.choice(concept.split("|")), 1.0
        elif rng.random() < 0.5 or len(families) == 1:
            other = next(item for item in family if item != concept)
            second, share = rng.choice(other.split("|")), 0.5
        else:
            other = rng.choice([item for item in families if item is not family])
            second, share = rng.choice(rng.choice(other).split("|")), 0.0
        ways[slot] = (first, second)
        score += share * WEIGHTS[slot]
    texts = []
    for side in (0, 1):
        who, did, where, when = (ways[slot][side] for slot in ("who", "did", "where", "when"))
        form = rng.randrange(3)
        if form == 0:
            texts.append(sentence(f"{who} {did} {where} {when}"))
        elif form == 1:
            texts.append(sentence(f"{when}, {who} {did} {where}"))
        else:
            texts.append(sentence(f"{where}, {who} {did} {when}"))
    return {"first": texts[0], "second": texts[1], "score": round(5 * score, 2)}


# ---- files ----

# The task file (docs/tasks.md).
TASKS = [
    {
        "name": "sentiment",
        "kind": "classification",
        "labels": ["negative", "positive"],
        "text_a": "sentence",
        "label": "label",
        "train": "sentiment_train.tsv",
        "dev": "sentiment_dev.tsv",
    },
    {
        "name": "paraphrase",
        "kind": "classification",
        "labels": ["different", "same"],
        "metrics": ["accuracy", "f1"],
        "text_a": "first",
        "text_b": "second",
        "label": "label",
        "train": "paraphrase_train.csv",
        "dev": "paraphrase_dev.csv",
    },
    {
        "name": "similarity",
        "kind": "regression",
        "label_scale": 5,
        "text_a": "first",
        "text_b": "second",
        "label": "score",
        "train": "similarity_train.jsonl",
        "dev": "similarity_dev.jsonl",
    },
]


def rows_of(make, part, count, seed):
    """`count` different rows. A row's texts occur once only."""
    rng = random.Random(f"{seed}/{make.__name__}/{part}")
    seen = set()
    rows = []
    while len(rows) < count:
        row = make(part, rng)
        key = tuple(value for value in row.values() if isinstance(value, str))
        if key not in seen:
            seen.add(key)
            rows.append(row)
    return rows


def write_text(path, text):
    """Writes only what differs, so that an unchanged file keeps its time stamp."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_tsv(path, rows):
    lines = ["\t".join(rows[0])] + ["\t".join(str(value) for value in row.values()) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def write_csv(path, rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, out.getvalue())


def write_jsonl(path, rows):
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the files go")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for task, make, write in (
        ("sentiment", sentiment_row, write_tsv),
        ("paraphrase", paraphrase_row, write_csv),
        ("similarity", similarity_row, write_jsonl),
    ):
        entry = next(item for item in TASKS if item["name"] == task)
        for part, count in (("train", TRAIN_ROWS), ("dev", DEV_ROWS)):
            write(arguments.folder / entry[part], rows_of(make, part, count, arguments.seed))
    write_text(arguments.folder / "tasks.json", json.dumps({"tasks": TASKS}, indent=2) + "\n")


if __name__ == "__main__":
    main()
