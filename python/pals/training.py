"""Training and evaluation: `pals train` and `pals eval` from Python."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from . import _pals
from ._log import Log, emit
from .errors import UsageError
from .results import Progress, Scores


class Event(Protocol):
    """Such as a threading.Event."""

    def is_set(self) -> bool: ...


class _Turn:
    """One run of a process at a time: others wait."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._taken = False

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._taken:
            self._lock.release()
            raise UsageError("train: called by a callback of another run")
        self._taken = True

    def __exit__(self, *error: object) -> None:
        self._taken = False
        self._lock.release()


_turn = _Turn()

Stop = Event | Callable[[], bool]


def _text(name: str, value: Any) -> str:
    """A value as on the command line."""
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return ",".join(_text(name, one) for one in value)
    if isinstance(value, (int, float)):
        return repr(value)
    raise UsageError(f"{name} is {type(value).__name__}, expected text, a number, a truth value, or a list of them")


def _options(options: Mapping[str, Any]) -> dict[str, str]:
    """Without those that are None."""
    return {name: _text(name, value) for name, value in options.items() if value is not None}


def _scores(raw: Any) -> Scores | None:
    return None if raw is None else Scores(*raw)


def _stops(stop: Stop | None) -> Callable[[], bool] | None:
    if stop is None or callable(stop):
        return stop
    if not hasattr(stop, "is_set"):
        raise UsageError(f"stop is {type(stop).__name__}, expected a threading.Event or a function")
    return stop.is_set


def train(*, log: Log | None = None, step: Callable[[Progress], object] | None = None,
          evaluated: Callable[[Scores], object] | None = None, stop: Stop | None = None,
          **options: Any) -> Scores | None:
    """Trains and evaluates as `pals train` does, and writes the run folder `output_dir`: the best model's scores by
    average, None if nothing was evaluated (do_eval=False, or no task with a dev file). A run that was stopped goes on when it is asked for again.

    options:    those of `pals train` by name, with values of Python: tasks=["rte", "sst"], max_steps=500,
                bias_correction=True
    log:        takes the lines of the log, which otherwise go to logging
    step:       takes a Progress after each step
    evaluated:  takes Scores after each evaluation
    stop:       a threading.Event that is set, or a function that returns true, to stop the run: it writes a
                checkpoint and raises Stopped

    All are called in this thread. What `step` or `evaluated` raises ends the run as it stands; Ctrl-C and what `log`
    or `stop` raises let it write a checkpoint first. One run of a process at a time.
    """
    def on_step(*progress: Any) -> None:
        if step is not None:
            step(Progress(*progress))

    def on_evaluated(scores: Any) -> None:
        if evaluated is not None:
            evaluated(Scores(*scores))

    for name, function in ("log", log), ("step", step), ("evaluated", evaluated):
        if function is not None and not callable(function):
            raise UsageError(f"{name} is {type(function).__name__}, expected a function")
    given, stops = _options(options), _stops(stop)
    with _turn:
        return _scores(_pals.train(given, log or emit, on_step if step else None, on_evaluated if evaluated else None, stops))


def evaluate(model: str | os.PathLike[str], *, log: Log | None = None, **options: Any) -> Scores | None:
    """Scores a model folder on the development sets of its tasks, as `pals eval` does.

    options:  those of `pals eval` by name: data_dir, task_file, tasks, precision, threads, output_dir, ...
    """
    return _scores(_pals.evaluate(_options({"model": model, **options}), log or emit))
