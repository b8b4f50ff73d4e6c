"""One BERT for many text tasks: train it, ask it, and use its vectors (docs/python.md)."""

from __future__ import annotations

import importlib.metadata
import os
from typing import TYPE_CHECKING, Any

from . import _libraries

_libraries.load()

from . import _pals  # noqa: E402  stands on what was loaded
from .errors import PalsError, Stopped, UsageError  # noqa: E402
from .model import Model, load  # noqa: E402
from .results import (  # noqa: E402
    Answer,
    Choice,
    Prediction,
    Progress,
    RankedAnswer,
    Scores,
    Span,
    Tags,
    Task,
    Word,
)
from .tokenizer import Tokenizer  # noqa: E402
from .training import evaluate, train  # noqa: E402

if TYPE_CHECKING:
    from .sklearn import PalsClassifier, PalsEmbedder, PalsRegressor

__version__ = importlib.metadata.version("pals")
__all__ = [
    "Answer", "Choice", "Model", "PalsClassifier", "PalsEmbedder", "PalsError", "PalsRegressor", "Prediction",
    "Progress", "RankedAnswer", "Scores", "Span", "Stopped", "Tags", "Task", "Tokenizer", "UsageError", "Word",
    "evaluate", "keep_tensor_memory", "load", "train",
]

os.register_at_fork(before=_pals.before_fork, after_in_parent=_pals.after_fork_in_parent,
                    after_in_child=_pals.after_fork_in_child)


def keep_tensor_memory() -> None:
    """Has all of LibTorch in this process, torch's own tensors too, keep the memory of large tensors on the CPU for
    the next ones, as the program `pals` does: faster where batches have ever other sizes, for more memory. To be
    called before a model is loaded."""
    _pals.keep_tensor_memory()


def __getattr__(name: str) -> Any:
    # scikit-learn is needed for these alone.
    if name in ("PalsClassifier", "PalsEmbedder", "PalsRegressor"):
        from . import sklearn

        return getattr(sklearn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
