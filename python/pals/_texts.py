"""Texts and pairs as users have them: lists, tuples, arrays, columns of tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import UsageError

Columns = tuple[list[str], "list[str] | None"]


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _text(value: Any, row: int) -> str:
    if isinstance(value, str):
        return value
    missing = value is None or _kind(value) == "NAType" or (isinstance(value, float) and value != value)
    hint = "; fill or drop missing texts" if missing else ""
    raise UsageError(f"row {row} is {_kind(value)} ({str(value)[:40]}), expected a text or a pair of texts{hint}")


def _of_table(table: Any) -> Iterable[Any]:
    """The rows of a pandas DataFrame of one or two columns."""
    names = list(table.columns)
    if len(names) not in (1, 2):
        raise UsageError(f"the table has {len(names)} columns ({', '.join(map(str, names))[:80]}), expected one of texts "
                         'or two of pairs: choose them, as in table[["premise", "hypothesis"]]')
    columns = [table[name].tolist() for name in names]
    return columns[0] if len(columns) == 1 else zip(*columns)


def _of_array(array: Any) -> Iterable[Any]:
    if array.ndim == 1:
        return array.tolist()  # type: ignore[no-any-return]
    if array.ndim == 2 and array.shape[1] in (1, 2):
        rows = array.tolist()
        return (row[0] for row in rows) if array.shape[1] == 1 else rows
    raise UsageError(f"the array has the shape {array.shape}, expected [texts], [texts, 1] or [texts, 2]")


def _rows(texts: Any) -> Iterable[Any]:
    if isinstance(texts, str):
        raise UsageError("texts is one text: give a list of texts, as in [text]")
    if isinstance(texts, (bytes, set, frozenset, dict)):
        raise UsageError(f"texts is {_kind(texts)}, expected a list of texts, an array or a column of a table")
    if hasattr(texts, "columns") and hasattr(texts, "iloc"):
        return _of_table(texts)
    if hasattr(texts, "ndim") and hasattr(texts, "tolist"):  # an array, or a pandas Series
        return _of_array(texts)
    if isinstance(texts, Iterable):
        return texts
    raise UsageError(f"texts is {_kind(texts)}, expected a list of texts, an array or a column of a table")


def columns(texts: Any) -> Columns:
    """First and second texts; no second ones if none has any. UsageError for a row that is neither a text nor a pair."""
    first: list[str] = []
    second: list[str] = []
    pairs = False
    for row, value in enumerate(_rows(texts)):
        if isinstance(value, str):
            first.append(value)
            second.append("")
            continue
        if isinstance(value, (tuple, list)) and len(value) == 2:
            first.append(_text(value[0], row))
            second.append(_text(value[1], row))
            pairs = True
            continue
        first.append(_text(value, row))
    return first, second if pairs else None


def one_or_many(value: Any) -> tuple[list[str], bool]:
    """A text alone, or several; whether it was one."""
    if isinstance(value, str):
        return [value], True
    first, second = columns(value)
    if second is not None:
        raise UsageError("pairs of texts, expected texts")
    return first, False
