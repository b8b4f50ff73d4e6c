"""What models, runs and evaluations give."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A task of a model. `kind`: classification, regression, multi_label, tagging, span or multiple_choice."""

    name: str
    kind: str
    labels: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word and its tag; characters [start, end) of the text."""

    text: str
    start: int
    end: int
    tag: str
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A run of words that tags mark; characters [start, end) of the text."""

    label: str
    text: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tags:
    """The words of a text with their tags, and what they mark."""

    words: list[Word]
    spans: list[Span]


@dataclasses.dataclass(frozen=True, slots=True)
class RankedAnswer:
    """One of the best answers; an empty text is "no answer"."""

    text: str
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Words of a context; an empty text is "no answer". The probability is that among the best."""

    text: str
    probability: float
    best: list[RankedAnswer]


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The likeliest of some choices, by its number, and the probabilities of all."""

    index: int
    text: str
    probabilities: list[float]


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """What a task says of a text. What its kind has not is None.

    label:          classification: the likeliest label
    labels:         multi_label: the labels above their threshold
    probabilities:  both: the probability of each label
    value:          regression: in the units of the training data
    tags:           tagging
    answer:         span: the answer to the question that the first text is
    """

    label: str | None = None
    labels: list[str] | None = None
    probabilities: dict[str, float] | None = None
    value: float | None = None
    tags: Tags | None = None
    answer: Answer | None = None

    def __repr__(self) -> str:
        names = (field.name for field in dataclasses.fields(self))
        given = (f"{name}={getattr(self, name)!r}" for name in names if getattr(self, name) is not None)
        return f"Prediction({', '.join(given)})"


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: steps done and in all, the last step's task, mean loss and learning rate."""

    step: int
    total_steps: int
    task: str
    loss: float
    learning_rate: float


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """Scores on the development sets, measured after `step` steps: the tasks' average, and the metrics and the
    "loss" of each by name; None is undefined, as a correlation of constants."""

    step: int
    average: float
    tasks: dict[str, dict[str, float | None]]
