#!/usr/bin/env python3
"""The `tokenizers` package on one thread: a turn is all lines of --text, by encode_batch. Special tokens are not added."""

import argparse
import os

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers  # noqa: E402: it reads the variables above

import turns  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True, help="a text a line")
    parser.add_argument("--vocab_file", required=True)
    arguments = parser.parse_args()
    with open(arguments.text, encoding="utf-8") as stream:
        lines = stream.read().split("\n")
    tokenizer = tokenizers.BertWordPieceTokenizer(arguments.vocab_file, lowercase=True)

    def turn():
        return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(lines, add_special_tokens=False))

    turns.answer(turn(), turn, version=tokenizers.__version__)


if __name__ == "__main__":
    main()
