"""LibTorch for the extension: that of the installed package torch, and no other."""

import ctypes
import importlib.metadata
import importlib.util
import pathlib
import sys

TORCH = "2.11"  # as CMake has it (cmake/PalsLibTorch.cmake)
LIBRARIES = ("libc10.so", "libtorch_cpu.so")


def _check_version() -> None:
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"pals needs the package torch {TORCH}, which is not installed: pip install torch=={TORCH}.*") from None
    if version.split("+")[0].split(".")[:2] != TORCH.split("."):
        raise ImportError(f"pals needs the package torch {TORCH}, found {version}: pip install torch=={TORCH}.*")


def load() -> None:
    """Loads LibTorch into the process, unless torch has done it.

    The extension names these libraries without a folder, and the system takes those that are there. They are a
    part of what `import torch` loads, so that it may come before or after.
    """
    if "torch" in sys.modules:
        _check_version()
        return
    spec = importlib.util.find_spec("torch")
    _check_version()
    folders = list(spec.submodule_search_locations or []) if spec else []
    try:
        for name in LIBRARIES:
            ctypes.CDLL(str(pathlib.Path(folders[0]) / "lib" / name))
    except (IndexError, OSError):
        import torch  # noqa: F401  it looks for libraries of CUDA in more places
