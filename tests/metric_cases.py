"""Random cases of metrics with the values that scikit-learn and seqeval give, for eval_test.

python3 tests/metric_cases.py OUT [--seed N] [--rounds N]. The committed tests/data/metrics/cases.json is of the
default seed. PALS_METRIC_CASES=OUT build/eval_test --gtest_filter='*AgreeWith*' compares.
"""

import argparse
import json
import random
import warnings

import numpy
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score as entity_precision
from seqeval.metrics import recall_score as entity_recall
from seqeval.scheme import IOB1, IOB2, IOBES
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

SCHEMES = {"bio": (IOB2, "BI"), "iob1": (IOB1, "BI"), "bioes": (IOBES, "BIES")}


def multi_label_case(generator):
    texts, labels = generator.randint(1, 40), generator.randint(2, 7)
    often = [generator.random() for _ in range(labels)]
    gold = [[int(generator.random() < often[label]) for label in range(labels)] for _ in range(texts)]
    places = generator.choice([1, 2, 12])  # with few, scores are equal often
    scores = [[round(min(1.0, max(0.0, generator.gauss(0.35 + 0.3 * bit, 0.25))), places) for bit in row]
              for row in gold]
    said = [[int(score > 0.5) for score in row] for row in scores]
    truth, found = numpy.array(gold), numpy.array(said)
    return {"num_labels": labels, "labels": sum(gold, []), "predictions": sum(said, []), "scores": sum(scores, []),
            "micro_f1": f1_score(truth, found, average="micro", zero_division=0),
            "macro_f1": f1_score(truth, found, average="macro", zero_division=0),
            "subset_accuracy": accuracy_score(truth, found),
            "map": average_precision_score(truth, numpy.array(scores), average="macro")}


def well_formed(generator, scheme, types, length):
    tags, before = [], None
    while len(tags) < length:
        if generator.random() < 0.4:
            tags.append("O")
            before = None
            continue
        size, kind = min(generator.randint(1, 4), length - len(tags)), generator.choice(types)
        for place in range(size):
            prefix = "B" if place == 0 else "I"
            if scheme == "iob1" and not (place == 0 and before == kind):
                prefix = "I"
            if scheme == "bioes" and place + 1 == size:
                prefix = "S" if size == 1 else "E"
            tags.append(prefix + "-" + kind)
        before = kind
    return tags


def tag_case(generator, scheme, sequences):
    """Predictions are the gold with some tags drawn anew, so that many are not well-formed; some golds too."""
    rules, prefixes = SCHEMES[scheme]
    types = ["LOC", "PER", "MISC-X"][:generator.randint(1, 3)]
    labels = ["O"] + [prefix + "-" + kind for kind in types for prefix in prefixes]
    pairs = []
    for _ in range(sequences):
        gold = well_formed(generator, scheme, types, generator.randint(1, 15))
        noise = generator.choice([0.0, 0.1, 0.5, 1.0])
        said = [generator.choice(labels) if generator.random() < noise else tag for tag in gold]
        if generator.random() < 0.2:
            gold = [generator.choice(labels) for _ in gold]
        pairs.append([gold, said])
    gold, said = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    case = {"scheme": scheme, "labels": labels, "sequences": pairs}
    for mode, options in ("default", {}), ("strict", {"mode": "strict", "scheme": rules}):
        case[mode] = {name: float(function(gold, said, zero_division=0, **options)) for name, function in
                      (("precision", entity_precision), ("recall", entity_recall), ("f1", entity_f1))}
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    warnings.simplefilter("ignore")  # of metrics that are undefined
    cases = {"multi_label": [multi_label_case(generator) for _ in range(24 * arguments.rounds)],
             "tags": [tag_case(generator, scheme, sequences) for _ in range(arguments.rounds) for scheme in SCHEMES
                      for sequences in (1, 2, 7, 30, 200)]}
    with open(arguments.out, "w", encoding="utf-8") as stream:
        json.dump(cases, stream, separators=(",", ":"))
        stream.write("\n")


if __name__ == "__main__":
    main()
