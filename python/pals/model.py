"""A model folder to predict with."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from . import _pals, _texts
from ._log import emit
from .errors import UsageError
from .results import Answer, Choice, Prediction, RankedAnswer, Span, Tags, Task, Word
from .tokenizer import Tokenizer

TEXT_KINDS = ("classification", "regression", "multi_label", "tagging")


def _has_tasks(folder: str) -> bool:
    """Whether a folder is one of PALs' own; where that cannot be told, loading says what is wrong."""
    try:
        config = json.loads(pathlib.Path(folder, "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return not isinstance(config, dict) or "pals" in config


def _answer(raw: Any) -> Answer:
    text, probability, best = raw
    return Answer(text, probability, [RankedAnswer(*one) for one in best])


class Model:
    """A model folder that `pals train` or `pals convert` wrote, or an encoder as transformers writes it, for
    evaluation. Made by load(). Calls from several threads take turns."""

    def __init__(self, folder: str | os.PathLike[str], *, device: str = "auto", precision: str = "auto",
                 threads: int = 0, batch_size: int = 32) -> None:
        self._arguments = {"device": device, "precision": precision, "threads": threads, "batch_size": batch_size}
        self._folder = _pals.local_model(os.fspath(folder))
        self._own = _pals.Model(self._folder, device=device, precision=precision, threads=threads,
                                batch_size=batch_size, has_tasks=_has_tasks(self._folder), log=emit)
        self._tasks: dict[str, Task] = {}
        self._num_texts: dict[str, int] = {}  # 0: not known
        for name, kind, labels, number in self._own.tasks():
            self._tasks[name], self._num_texts[name] = Task(name, kind, labels), number

    @property
    def tasks(self) -> list[Task]:
        """The model's tasks; none of an encoder alone."""
        return list(self._tasks.values())

    @property
    def max_seq_length(self) -> int:
        """Tokens that a task's rows are cut to; 0 without tasks."""
        return self._own.max_seq_length()

    @property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer._of(self._folder, self._own.tokenizer())

    def _task(self, name: str | None, *kinds: str) -> Task:
        """The task of that name; without one the only task (of the kinds, if any are named)."""
        known = [task for task in self._tasks.values() if not kinds or task.kind in kinds]
        wanted = [task for task in self._tasks.values() if task.name == name] if name is not None else known
        if name is not None and not isinstance(name, str):
            raise UsageError(f"task is {name!r:.60}, expected one name")
        if name is None and len(wanted) != 1:
            raise UsageError(f"task: missing; the model's tasks{' of the kind ' + ' or '.join(kinds) if kinds else ''}: "
                             + (", ".join(task.name for task in known) or "none"))
        if not wanted:
            raise UsageError(f'task: the model has no task "{name}"; its tasks: {", ".join(self._tasks) or "none"}')
        if kinds and wanted[0].kind not in kinds:
            raise UsageError(f'task: "{name}" is of the kind {wanted[0].kind}, expected {" or ".join(kinds)}')
        return wanted[0]

    def _chosen(self, task: str | Sequence[str] | None, pairs: bool) -> tuple[list[Task], bool]:
        """The tasks that are asked for, and whether it is one by itself."""
        if isinstance(task, str) and task == "all":
            fits = (0, 2) if pairs else (0, 1)
            return [one for one in self._tasks.values()
                    if one.kind in TEXT_KINDS and self._num_texts[one.name] in fits], False
        if task is None or isinstance(task, str):
            return [self._task(task)], True
        if not isinstance(task, Iterable) or not all(isinstance(name, str) for name in task):
            raise UsageError(f'task is {task!r:.60}, expected a name, a list of names or "all"')
        return [self._task(name) for name in task], False

    def _columns(self, columns: _texts.Columns, tasks: list[Task]) -> list[Any]:
        first, second = columns
        for task in tasks:
            if task.kind == "multiple_choice":
                raise UsageError(f'task: "{task.name}" is of the kind multiple_choice: ask it by choose()')
            if second is not None and self._num_texts[task.name] == 1:
                row = next((row for row, text in enumerate(second) if text), 0)
                raise UsageError(f'row {row} is a pair, but task "{task.name}" takes one text')
        return self._own.predict(first, second, None, [task.name for task in tasks], emit)

    # A text is a sequence of texts, too: the first that fits holds.
    @overload
    def predict(self, texts: Any, task: Literal["all"]) -> list[dict[str, Prediction]]: ...
    @overload
    def predict(self, texts: Any, task: str | None = None) -> list[Prediction]: ...
    @overload
    def predict(self, texts: Any, task: Sequence[str]) -> list[dict[str, Prediction]]: ...

    def predict(self, texts: Any, task: str | Sequence[str] | None = None) -> Any:
        """What a task says of each text: a list of Prediction.

        texts: a list of texts and pairs (tuples), an array, a pandas Series, a DataFrame of one or two columns
        task:  its name; None: the only one; a list of names, or "all" that take as many texts as the rows have: each
               row then gets a dict of Predictions by task, of one pass that mixes the tasks

        A task of one text refuses pairs. One of pairs takes a text alone, too, as [CLS] text [SEP].
        """
        columns = _texts.columns(texts)
        tasks, alone = self._chosen(task, columns[1] is not None)
        given = [self._predictions(one, answers) for one, answers in zip(tasks, self._columns(columns, tasks))]
        if alone:
            return given[0]
        names = [task.name for task in tasks]
        return [dict(zip(names, row)) for row in zip(*given)]

    def _predictions(self, task: Task, columns: Any) -> list[Prediction]:
        labels = task.labels
        if task.kind == "classification":
            numbers, rows = columns[0].tolist(), columns[1].tolist()
            return [Prediction(label=labels[number], probabilities=dict(zip(labels, row)))
                    for number, row in zip(numbers, rows)]
        if task.kind == "regression":
            return [Prediction(value=value) for value in columns[0].tolist()]
        if task.kind == "multi_label":
            return [Prediction(labels=[labels[one] for one in chosen], probabilities=dict(zip(labels, row)))
                    for row, chosen in zip(columns[0].tolist(), columns[1])]
        if task.kind == "tagging":
            return [Prediction(tags=self._tags(labels, raw)) for raw in columns]
        return [Prediction(answer=_answer(raw)) for raw in columns]

    @staticmethod
    def _tags(labels: list[str], raw: Any) -> Tags:
        words, spans = raw
        return Tags([Word(text, start, end, labels[tag], probability) for text, start, end, tag, probability in words],
                    [Span(*span) for span in spans])

    def predict_proba(self, texts: Any, task: str | None = None) -> NDArray[np.float64]:
        """The probabilities of a classification's or multi_label's labels, [texts, labels], in the order of
        Task.labels."""
        chosen = self._task(task, "classification", "multi_label")
        columns = self._columns(_texts.columns(texts), [chosen])[0]
        probabilities: NDArray[np.float64] = columns[1 if chosen.kind == "classification" else 0]
        return probabilities

    def predict_values(self, texts: Any, task: str | None = None) -> NDArray[np.float64]:
        """The values of a regression, [texts]."""
        values: NDArray[np.float64] = self._columns(_texts.columns(texts), [self._task(task, "regression")])[0][0]
        return values

    def tag(self, texts: Any, task: str | None = None) -> list[Tags]:
        """The words of each text with their tags, by a tagging task."""
        chosen = self._task(task, "tagging")
        return [self._tags(chosen.labels, raw) for raw in self._columns(_texts.columns(texts), [chosen])[0]]

    @overload
    def answer(self, question: str, context: str, task: str | None = None) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def answer(self, question: Iterable[str], context: Iterable[str], task: str | None = None) -> list[Answer]: ...

    def answer(self, question: Any, context: Any, task: str | None = None) -> Any:
        """The answer to a question in the words of its context, by a span task; lists of both give a list.

        A context that is too long for one row is cut into rows that overlap, as the task says."""
        chosen = self._task(task, "span")
        questions, one = _texts.one_or_many(question)
        contexts, _ = _texts.one_or_many(context)
        if len(questions) != len(contexts):
            raise UsageError(f"{len(questions)} questions and {len(contexts)} contexts, expected as many of both")
        answers = [_answer(raw) for raw in self._own.predict(questions, contexts, None, [chosen.name], emit)[0]]
        return answers[0] if one else answers

    def choose(self, context: str, choices: Sequence[str], *, start: str = "", task: str | None = None) -> Choice:
        """Which choice best goes on from a context, by a multiple_choice task. `start`: what every choice goes on
        from, behind the context."""
        chosen = self._task(task, "multiple_choice")
        if isinstance(choices, str) or not len(choices):
            raise UsageError("choices: expected a list of one text or more")
        index, probabilities = self._own.predict([context], [start], [list(choices)], [chosen.name], emit)[0][0]
        return Choice(index, choices[index], probabilities)

    def embed(self, texts: Any, pooling: str = "mean", normalize: bool = True, *, task: str | None = None,
              max_seq_length: int = 128) -> NDArray[np.float32]:
        """A vector for each text, [texts, hidden_size], as `pals features` gives them.

        pooling:         cls, mean, max, or pooled (the pooler's output)
        normalize:       to length 1
        task:            a task whose adapter is used; None: the shared encoder, which is loaded when it is first
                         asked for
        max_seq_length:  tokens of a text at most; 0: all positions of the encoder, or as many as the task has
        """
        name = None if task is None else self._task(task).name
        first, second = _texts.columns(texts)
        return self._own.embed(first, second, name, pooling, normalize, max_seq_length, emit)

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_again, (self._folder, self._arguments)

    def __repr__(self) -> str:
        return f"<pals.Model {self._folder}: {', '.join(self._tasks) or 'an encoder'}>"


def _load_again(folder: str, arguments: dict[str, Any]) -> Model:
    return Model(folder, **arguments)


def load(folder: str | os.PathLike[str], *, device: str = "auto", precision: str = "auto", threads: int = 0,
         batch_size: int = 32) -> Model:
    """Loads a model folder.

    device:      cpu, cuda, cuda:N, or auto: a GPU if there is one
    precision:   fp32, bf16, int8, on a GPU also fp16 and tf32, or auto: bf16 where the device gains by it
    threads:     that compute; 0: LibTorch's choice, one on each core
    batch_size:  rows of a batch at most
    """
    return Model(folder, device=device, precision=precision, threads=threads, batch_size=batch_size)
