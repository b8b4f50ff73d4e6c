"""Writes texts with the tokens that the package tokenizers makes of them, for every setting of BERT's tokenizer.

Run with a Python that has tokenizers (transformers brings it):
    python tests/tokenizer_lines.py OUT.jsonl [--lines 400] [--seed 1]
    PALS_TOKENIZER_LINES=OUT.jsonl build/text_test --gtest_filter='TransformersLines.*'
The first line holds the vocabulary. tests/data/tokenizer/settings.jsonl was written with the defaults.
"""

import argparse
import itertools
import json
import random
import unicodedata

RANGES = [(0x20, 0x7E), (0x61, 0x66), (0x20, 0x20), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
          (0x5D0, 0x5EA), (0x900, 0x97F), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x4E20),
          (0xAC00, 0xAC40), (0xF900, 0xF920), (0xFF00, 0xFFEE)]
ADDED = [("[E1]", False, True), ("[/E1]", False, False), ("né", True, True), ("New York", False, True),
         ("Ab", True, False), ("中", False, True), ("<x>", False, False), ("<x>y", False, False)]


def characters(first, last):
    """Those that old versions of Unicode know: newer ones are told apart by tables of different age. A capital
    sigma is lower-cased by its context here, as in Python, and always alike in tokenizers."""
    for code in range(first, last + 1):
        if unicodedata.ucd_3_2_0.category(chr(code)) != "Cn" and code not in (0x3A3, 0x130):
            yield chr(code)


def vocabulary():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##ing", "abc", "##bc", "new", "york", "[E0]"]
    for first, last in RANGES:
        for number, character in enumerate(characters(first, last)):
            if unicodedata.category(character)[0] in "ZC" or number % 4 == 3:
                continue
            tokens += [character, "##" + character]
    return list(dict.fromkeys(tokens))


def random_text(rng):
    some = [rng.choice(RANGES) for _ in range(3)]
    parts = []
    for _ in range(rng.randrange(25)):
        if rng.random() < 0.15:
            parts.append(rng.choice([" [MASK] ", "[SEP]", " [mask]", "[E0]", " the ", "abcing ", "\t", "NEW  york "] +
                                    [token for token, _, _ in ADDED]))
        else:
            parts.append(rng.choice(list(characters(*rng.choice(some)))))
    return "".join(parts)


def build(tokens, settings):
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]",
                                           max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, lowercase=settings["do_lower_case"], strip_accents=settings["strip_accents"],
        handle_chinese_chars=settings["tokenize_chinese_chars"])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if settings["special_tokens_in_text"]:
        tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    for token in settings.get("added_tokens_decoder", {}).values():
        tokenizer.add_tokens([AddedToken(token["content"], single_word=token["single_word"],
                                         normalized=token["normalized"])])
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng, tokens = random.Random(arguments.seed), vocabulary()
    added, ids = {}, itertools.count(len(tokens))
    for token, single, normalized in ADDED:
        number = tokens.index(token) if token in tokens else next(ids)
        added[str(number)] = {"content": token, "single_word": single, "normalized": normalized}
    every = []
    for lower, strip, chinese, special, more in itertools.product([True, False], [None, True, False], [True, False],
                                                                  [False, True], [False, True]):
        settings = {"do_lower_case": lower, "strip_accents": strip, "tokenize_chinese_chars": chinese,
                    "special_tokens_in_text": special, **({"added_tokens_decoder": added} if more else {})}
        every.append((settings, build(tokens, settings)))
    with open(arguments.output, "w", encoding="utf-8") as out:
        out.write(json.dumps({"vocabulary": tokens, "settings": [settings for settings, _ in every]}) + "\n")
        for line in range(arguments.lines):
            text = random_text(rng)
            settings, tokenizer = every[line % len(every)]
            encoding = tokenizer.encode(text)
            row = {"settings": line % len(every), "text": text, "ids": encoding.ids,
                   "offsets": [[len(text[:place].encode()) for place in token] for token in encoding.offsets]}
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
