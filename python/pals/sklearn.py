"""Estimators of scikit-learn: PalsClassifier, PalsRegressor and PalsEmbedder. Texts are lists of texts and pairs,
arrays, a pandas Series, or a DataFrame of one or two columns."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from . import _texts
from ._kept_model import KeptModel
from .errors import UsageError
from .model import Model
from .training import train

TASK = "task"


class _TakesTexts:
    """What scikit-learn is told of all of them."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # scikit-learn before 1.6
        return {"X_types": ["string"]}


class _Trained(_TakesTexts, BaseEstimator):
    """One task on a pretrained encoder, trained by fit()."""

    def __init__(self, init_checkpoint: str | os.PathLike[str] = "", *, adapter: str = "none",
                 num_train_epochs: float = 3.0, learning_rate: float = 5e-5, train_batch_size: int = 32,
                 max_seq_length: int = 128, bias_correction: bool = True, random_state: int | None = 42,
                 device: str = "auto", precision: str = "auto", threads: int = 0, batch_size: int = 32,
                 options: dict[str, Any] | None = None) -> None:
        self.init_checkpoint = init_checkpoint
        self.adapter = adapter
        self.num_train_epochs = num_train_epochs
        self.learning_rate = learning_rate
        self.train_batch_size = train_batch_size
        self.max_seq_length = max_seq_length
        self.bias_correction = bias_correction
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.threads = threads
        self.batch_size = batch_size
        self.options = options

    def _train(self, texts: Any, labels: Sequence[Any], task: dict[str, Any]) -> None:
        """Trains on rows with these labels, and keeps the model. `task`: the kind's keys of a task file."""
        first, second = _texts.columns(texts)
        check_consistent_length(first, labels)
        if not first:
            raise UsageError("no texts to train on")
        if not self.init_checkpoint:
            raise UsageError("init_checkpoint is missing: a model folder to start from")
        with tempfile.TemporaryDirectory(prefix="pals-") as work:
            folder = pathlib.Path(work)
            pairs: Sequence[str | None] = [None] * len(first) if second is None else second
            with open(folder / "train.jsonl", "w", encoding="utf-8") as stream:
                for a, b, label in zip(first, pairs, labels):
                    row = {"a": a, "label": label} if b is None else {"a": a, "b": b, "label": label}
                    stream.write(json.dumps(row) + "\n")
            columns = {"text_a": "a", "label": "label", **({} if second is None else {"text_b": "b"})}
            described = {"name": TASK, "train": "train.jsonl", **columns, **task}
            (folder / "tasks.json").write_text(json.dumps({"tasks": [described]}), encoding="utf-8")
            train(**self._train_options(folder))
            settings = {name: getattr(self, name) for name in ("device", "precision", "threads", "batch_size")}
            self.model_ = KeptModel(folder / "run" / "final", settings)

    def _train_options(self, folder: pathlib.Path) -> dict[str, Any]:
        own = ("init_checkpoint", "adapter", "num_train_epochs", "learning_rate", "train_batch_size", "max_seq_length",
               "bias_correction", "device", "threads")
        options: dict[str, Any] = {name: getattr(self, name) for name in own}
        options |= {"seed": 42 if self.random_state is None else int(self.random_state),
                    "precision": "auto" if self.precision == "int8" else self.precision,  # for prediction alone
                    "cache_dir": "", "do_train": True, **(self.options or {})}
        return options | {"task_file": folder / "tasks.json", "output_dir": folder / "run"}

    @property
    def _model(self) -> Model:
        check_is_fitted(self, "model_")
        kept: KeptModel = self.model_
        return kept.model


class PalsClassifier(ClassifierMixin, _Trained):
    """A classifier of texts or pairs of texts.

    init_checkpoint:  the pretrained encoder, a folder as transformers writes it
    adapter:          none, pals, lora, ... as `pals train --adapter`
    options:          further options of `pals train` by name
    The others are the options of `pals train` and `load()` of these names; random_state is the seed.
    """

    def fit(self, X: Any, y: Any) -> PalsClassifier:
        values = np.asarray(y)
        if values.ndim != 1:
            raise UsageError(f"y has the shape {values.shape}, expected [texts]")
        self.classes_, numbers = np.unique(values, return_inverse=True)
        if len(self.classes_) < 2:
            raise UsageError(f"y has {len(self.classes_)} class, expected 2 or more")
        names = [str(value) for value in self.classes_.tolist()]
        if len({name.strip() for name in names}) < len(names) or "" in names:
            names = [f"class {number}" for number in range(len(names))]
        self._train(X, [names[number] for number in numbers], {"kind": "classification", "labels": names})
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """[texts, classes], in the order of classes_."""
        return self._model.predict_proba(X)

    def predict(self, X: Any) -> Any:
        probabilities = self.predict_proba(X)  # refused before fit()
        return self.classes_[np.argmax(probabilities, axis=1)]


class PalsRegressor(RegressorMixin, _Trained):
    """A regression on texts or pairs of texts; its parameters are PalsClassifier's."""

    def fit(self, X: Any, y: Any) -> PalsRegressor:
        values = np.asarray(y, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise UsageError("y: expected a finite number for each text")
        scale = float(np.max(np.abs(values), initial=0.0)) or 1.0
        self._train(X, values.tolist(), {"kind": "regression", "label_scale": scale})
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        return self._model.predict_values(X)


class PalsEmbedder(_TakesTexts, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Texts as vectors, [texts, hidden_size], float32: Model.embed in a pipeline. fit() learns nothing.

    model:  a model folder, PALs' own or as transformers writes it
    The others are those of Model.embed and load().
    """

    def __init__(self, model: str | os.PathLike[str] = "", *, pooling: str = "mean", normalize: bool = True,
                 task: str | None = None, max_seq_length: int = 128, device: str = "auto", precision: str = "auto",
                 threads: int = 0, batch_size: int = 32) -> None:
        self.model = model
        self.pooling = pooling
        self.normalize = normalize
        self.task = task
        self.max_seq_length = max_seq_length
        self.device = device
        self.precision = precision
        self.threads = threads
        self.batch_size = batch_size

    def _load(self) -> Model:
        settings = {name: getattr(self, name) for name in ("device", "precision", "threads", "batch_size")}
        key = (os.fspath(self.model), *settings.values())
        loaded: tuple[Any, Model] | None = self.__dict__.get("_loaded")
        if loaded is None or loaded[0] != key:
            if not self.model:
                raise UsageError("model is missing: a model folder")
            loaded = self._loaded = (key, Model(self.model, **settings))
        return loaded[1]

    def _embed(self, X: Any) -> NDArray[np.float32]:
        return self._load().embed(X, self.pooling, self.normalize, task=self.task, max_seq_length=self.max_seq_length)

    def fit(self, X: Any, y: Any = None) -> PalsEmbedder:
        _texts.columns(X)
        self._n_features_out = self._embed([""]).shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        return self._embed(X)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_loaded", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return True
