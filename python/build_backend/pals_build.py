"""pip's way to the wheel: scikit-build-core, and where LibTorch comes from.

LibTorch is taken from where CMake looks for it (cmake/PalsLibTorch.cmake: PALS_LIBTORCH, TORCH_ROOT, what
scripts/setup.sh fetched), else from the environment that the wheel is installed into; where there is none, the build
asks pip for torch. Which of these it was makes no difference to the wheel.
"""

import glob
import importlib.util
import os
import pathlib
import sysconfig

from scikit_build_core import build as base
from scikit_build_core.build import *  # noqa: F401,F403  the other hooks

TORCH = "2.11"
HEADER = "include/torch/headeronly/version.h"


def _is_libtorch(root):
    try:
        header = pathlib.Path(root, HEADER).read_text(encoding="utf-8")
    except OSError:
        return False
    major, minor = TORCH.split(".")
    return f"TORCH_VERSION_MAJOR {major}\n" in header and f"TORCH_VERSION_MINOR {minor}\n" in header


def _fetched():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return any(_is_libtorch(root) for root in glob.glob(os.path.join(cache, "pals/deps/torch-2.11.0/torch")))


def _installed():
    """The torch of the environment, which build isolation hides from imports; or the one that the build asked for."""
    roots = [os.path.join(sysconfig.get_paths()[name], "torch") for name in ("purelib", "platlib")]
    spec = importlib.util.find_spec("torch")
    roots += list(spec.submodule_search_locations or []) if spec else []
    return next((root for root in roots if _is_libtorch(root)), None)


def _is_named():
    return os.environ.get("PALS_LIBTORCH") or os.environ.get("TORCH_ROOT")


def _requirements():
    return [] if _is_named() or _fetched() or _installed() else [f"torch=={TORCH}.*"]


def _name_libtorch():
    if not _is_named() and not _fetched():
        root = _installed()
        if root:
            os.environ["TORCH_ROOT"] = root


def get_requires_for_build_wheel(config_settings=None):
    return base.get_requires_for_build_wheel(config_settings) + _requirements()


def get_requires_for_build_editable(config_settings=None):
    return base.get_requires_for_build_editable(config_settings) + _requirements()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _name_libtorch()
    return base.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    _name_libtorch()
    return base.build_editable(wheel_directory, config_settings, metadata_directory)
