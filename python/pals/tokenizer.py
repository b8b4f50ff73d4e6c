"""BERT's tokenizer, without a model."""

from __future__ import annotations

import os

from . import _pals


class Tokenizer:
    """The tokenizer of a model folder, PALs' own or as transformers writes it. Any number of threads may use one."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.fspath(folder)
        self._own = _pals.Tokenizer(self._folder)

    @classmethod
    def _of(cls, folder: str, own: _pals.Tokenizer) -> Tokenizer:
        tokenizer = cls.__new__(cls)
        tokenizer._folder = folder
        tokenizer._own = own
        return tokenizer

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without special ones."""
        return self._own.tokenize(text)

    def encode(self, text: str) -> list[int]:
        """The ids of these tokens."""
        return self._own.encode(text)

    def encode_pair(self, text_a: str, text_b: str = "", max_tokens: int = 512) -> tuple[list[int], list[int]]:
        """Ids of `[CLS] a [SEP]`, or of `[CLS] a [SEP] b [SEP]` if b has tokens, and their types (0 up to and with
        the first [SEP], then 1). The longer text loses its last tokens until `max_tokens` fit."""
        ids, zeros = self._own.encode_pair(text_a, text_b, max_tokens)
        return ids, [0] * zeros + [1] * (len(ids) - zeros)

    def token(self, id: int) -> str:
        """The token of an id."""
        return self._own.token(id)

    def id(self, token: str) -> int | None:
        """The id of a token; None if there is no such token."""
        return self._own.find(token)

    def __len__(self) -> int:
        """How many tokens the vocabulary has."""
        return self._own.size()

    @property
    def do_lower_case(self) -> bool:
        """Whether texts are put into lower case first."""
        return self._own.do_lower_case()

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[str]]:
        return type(self), (self._folder,)

    def __repr__(self) -> str:
        return f"Tokenizer({self._folder!r})"
