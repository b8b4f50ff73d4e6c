"""Held to by mypy alone (scripts/test.sh python): what a user's program sees of the package's types."""

import numpy as np
import pals
from numpy.typing import NDArray

model: pals.Model = pals.load("folder", threads=2)
label: str | None = model.predict(["a", ("b", "c")], task="rte")[0].label
by_task: dict[str, pals.Prediction] = model.predict(["a"], task=["rte", "sst"])[0]
of_all: list[dict[str, pals.Prediction]] = model.predict(["a"], task="all")
vectors: NDArray[np.float32] = model.embed(["a"], pooling="mean", normalize=True)
answer: pals.Answer = model.answer("who?", "a context")
answers: list[pals.Answer] = model.answer(["who?"], ["a context"])
scores: pals.Scores | None = pals.train(tasks=["rte"], step=lambda progress: print(progress.loss))
