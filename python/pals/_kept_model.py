"""A model folder that an estimator keeps: on disk while it lives, as bytes when it is pickled."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import weakref
from typing import Any

from .model import Model


def _remove(folder: str, process: int) -> None:
    """Not by a process that was forked off: the folder is its parent's."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


class KeptModel:
    """Takes over a model folder, and loads it when it is first asked for."""

    def __init__(self, folder: str | pathlib.Path, settings: dict[str, Any]) -> None:
        self._settings = settings
        place = tempfile.mkdtemp(prefix="pals-")
        weakref.finalize(self, _remove, place, os.getpid())
        self.folder = pathlib.Path(place, "model")
        shutil.move(str(folder), self.folder)
        self._model: Model | None = None

    @property
    def model(self) -> Model:
        if self._model is None:
            self._model = Model(self.folder, **self._settings)
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        files = {str(path.relative_to(self.folder)): path.read_bytes()
                 for path in sorted(self.folder.rglob("*")) if path.is_file()}
        return {"settings": self._settings, "files": files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory(prefix="pals-") as unpacked:
            folder = pathlib.Path(unpacked, "model")
            for name, content in state["files"].items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.__init__(folder, state["settings"])  # type: ignore[misc]
