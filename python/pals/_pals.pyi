"""The extension module. Texts are lists of str; `seconds` (second texts) has their length, or is None. `log` takes
each line of the library's log, in the calling thread."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Log = Callable[[str], object]
_Scores = tuple[int, float, dict[str, dict[str, float | None]]]

def keep_tensor_memory() -> None: ...
def local_model(path_or_name: str) -> str: ...
def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...

class Tokenizer:
    def __init__(self, folder: str) -> None: ...
    def tokenize(self, text: str) -> list[str]: ...
    def encode(self, text: str) -> list[int]: ...
    def encode_pair(self, text_a: str, text_b: str, max_tokens: int) -> tuple[list[int], int]:
        """Ids, and how many of them are of type 0."""
    def token(self, id: int) -> str: ...
    def find(self, token: str) -> int | None: ...
    def size(self) -> int: ...
    def do_lower_case(self) -> bool: ...

class Model:
    def __init__(self, folder: str, *, device: str, precision: str, threads: int, batch_size: int, has_tasks: bool,
                 log: _Log) -> None: ...
    def tasks(self) -> list[tuple[str, str, list[str], int]]:
        """(name, kind, labels) of each."""
    def max_seq_length(self) -> int:
        """Tokens that a row of a task is cut to; 0 without tasks."""
    def tokenizer(self) -> Tokenizer: ...
    def predict(self, texts: list[str], seconds: list[str] | None, choices: list[list[str]] | None, tasks: list[str],
                log: _Log) -> list[Any]:
        """For each task, by its kind:

        classification   (int32 [texts], float64 [texts, labels]): the likeliest label, all probabilities
        regression       (float64 [texts],)
        multi_label      (float64 [texts, labels], [[label, ...], ...])
        span             [(text, probability, [(text, probability), ...]), ...]
        multiple_choice  [(choice, [probability, ...]), ...]
        tagging          [([(text, start, end, tag, probability), ...], [(label, text, start, end), ...]), ...]
        """
    def embed(self, texts: list[str], seconds: list[str] | None, task: str | None, pooling: str, normalize: bool,
              max_seq_length: int, log: _Log) -> NDArray[np.float32]:
        """[texts, hidden_size]; without a task the shared encoder's."""

def train(options: dict[str, str], log: _Log, step: Callable[[int, int, str, float, float], object] | None,
          evaluated: Callable[[_Scores], object] | None, stops: Callable[[], bool] | None) -> _Scores | None: ...
def evaluate(options: dict[str, str], log: _Log) -> _Scores | None: ...
