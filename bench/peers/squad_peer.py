#!/usr/bin/env python3
"""Trains transformers' BertForQuestionAnswering as `pals train --kind span` does, and scores it by the same rules.

Same data, epochs, batch, learning rate, length, stride, warm-up, decay; bf16 autocast where asked for. The features and
the answers follow transformers' question-answering example: fast tokenizer, offsets, n best, the original's limits.

    bench/peers/squad_peer.py --model MODEL --train_file train-v1.1.json --dev_file dev-v1.1.json --bf16
"""

import argparse
import collections
import json
import random
import re
import string
import time

import torch
from transformers import AutoTokenizer, BertForQuestionAnswering, get_linear_schedule_with_warmup


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model folder")
    parser.add_argument("--train_file", required=True)
    parser.add_argument("--dev_file", required=True)
    parser.add_argument("--num_train_epochs", type=int, default=2)
    parser.add_argument("--train_batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=5e-5)
    parser.add_argument("--warmup_proportion", type=float, default=0.1)
    parser.add_argument("--max_seq_length", type=int, default=384)
    parser.add_argument("--doc_stride", type=int, default=128)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast")
    parser.add_argument("--max_steps", type=int, default=0, help="stop early, to try it out")
    parser.add_argument("--dev_questions", type=int, default=0, help="only the first ones, to try it out")
    parser.add_argument("--output_file", help="where the predictions go")
    return parser.parse_args()


def questions_of(path):
    with open(path, encoding="utf-8") as stream:
        data = json.load(stream)["data"]
    return [(question["id"], question["question"].strip(), paragraph["context"], question["answers"])
            for article in data for paragraph in article["paragraphs"] for question in paragraph["qas"]]


def encode(tokenizer, questions, options):
    """The windows of all questions. As in the example doc_stride is what two windows share, where the original (and
    ours) means the way from one window's start to the next."""
    return tokenizer([question[1] for question in questions], [question[2] for question in questions],
                     truncation="only_second", max_length=options.max_seq_length,
                     stride=options.doc_stride, return_overflowing_tokens=True, return_offsets_mapping=True)


def training_rows(tokenizer, questions, options):
    encoded, rows = encode(tokenizer, questions, options), []
    for i, number in enumerate(encoded["overflow_to_sample_mapping"]):
        answer = questions[number][3][0]
        begin, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
        places, sides = encoded["offset_mapping"][i], encoded.sequence_ids(i)
        tokens = [t for t, side in enumerate(sides)
                  if side == 1 and places[t][0] < end and places[t][1] > begin]
        whole = tokens and places[tokens[0]][0] <= begin and places[tokens[-1]][1] >= end
        span = (tokens[0], tokens[-1]) if whole else (0, 0)
        rows.append((encoded["input_ids"][i], encoded["token_type_ids"][i], span))
    return rows


def collate(rows):
    """Pads to the longest row of the batch."""
    length = max(len(row[0]) for row in rows)
    fill = lambda values: torch.tensor([list(row) + [0] * (length - len(row)) for row in values])
    return {"input_ids": fill([row[0] for row in rows]), "token_type_ids": fill([row[1] for row in rows]),
            "attention_mask": fill([[1] * len(row[0]) for row in rows])}


def parameter_groups(model):
    plain = ("bias", "LayerNorm.weight")
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if not n.endswith(plain)], "weight_decay": 0.01},
            {"params": [p for n, p in named if n.endswith(plain)], "weight_decay": 0.0}]


def train(model, rows, options):
    generator = random.Random(options.seed)
    steps_per_epoch = (len(rows) + options.train_batch_size - 1) // options.train_batch_size
    total = steps_per_epoch * options.num_train_epochs
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=options.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimizer, int(options.warmup_proportion * total), total)
    model.train()
    step, began = 0, time.monotonic()
    for _ in range(options.num_train_epochs):
        generator.shuffle(rows)
        for first in range(0, len(rows), options.train_batch_size):
            batch = rows[first:first + options.train_batch_size]
            spans = torch.tensor([row[2] for row in batch])
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                loss = model(**collate(batch), start_positions=spans[:, 0], end_positions=spans[:, 1]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            if step % 20 == 0:
                print(f"step {step} of {total}, loss {loss.item():.3f}, {time.monotonic() - began:.0f} s", flush=True)
            if step == options.max_steps:
                return


def best_answers(model, tokenizer, questions, options, n_best=20, longest=30):
    encoded, model = encode(tokenizer, questions, options), model.eval()
    order = sorted(range(len(encoded["input_ids"])), key=lambda i: -len(encoded["input_ids"][i]))
    best = {}
    for first in range(0, len(order), 32):
        chosen = order[first:first + 32]
        batch = collate([(encoded["input_ids"][i], encoded["token_type_ids"][i]) for i in chosen])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            output = model(**batch)
        for row, i in enumerate(chosen):
            sides, places = encoded.sequence_ids(i), encoded["offset_mapping"][i]
            starts, ends = output.start_logits[row].float().tolist(), output.end_logits[row].float().tolist()
            top = lambda values: sorted(range(len(sides)), key=lambda t: -values[t])[:n_best]
            number = encoded["overflow_to_sample_mapping"][i]
            for start in top(starts):
                for end in top(ends):
                    if sides[start] != 1 or sides[end] != 1 or not start <= end < start + longest:
                        continue
                    score = starts[start] + ends[end]
                    if number not in best or score > best[number][0]:
                        best[number] = score, places[start][0], places[end][1]
    return {question[0]: question[2][best[n][1]:best[n][2]] if n in best else ""
            for n, question in enumerate(questions)}


def normalize(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def word_f1(given, right):
    common = sum((collections.Counter(given) & collections.Counter(right)).values())
    return 2 * common / (len(given) + len(right)) if common else 0.0


def scores(questions, predictions):
    """Exact match and F1 by the rules of SQuAD v1.1's official script."""
    exact = f1 = 0.0
    for key, _, _, answers in questions:
        given = normalize(predictions[key])
        right = [normalize(answer["text"]) for answer in answers]
        exact += any(given == words for words in right)
        f1 += max(word_f1(given, words) for words in right)
    return exact / len(questions), f1 / len(questions)


def main():
    options = parse_arguments()
    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = BertForQuestionAnswering.from_pretrained(options.model)
    train(model, training_rows(tokenizer, questions_of(options.train_file), options), options)
    questions = questions_of(options.dev_file)
    questions = questions[:options.dev_questions or len(questions)]
    predictions = best_answers(model, tokenizer, questions, options)
    if options.output_file:
        with open(options.output_file, "w", encoding="utf-8") as stream:
            json.dump(predictions, stream)
    exact, f1 = scores(questions, predictions)
    print(json.dumps({"exact_match": exact, "f1": f1, "questions": len(questions)}))


if __name__ == "__main__":
    main()
