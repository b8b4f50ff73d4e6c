"""The library's messages as records of logging."""

import logging
from collections.abc import Callable

logger = logging.getLogger("pals")

Log = Callable[[str], object]

_WARNING = "warning: "


def emit(line: str) -> None:
    """Hands one line to logging: warnings as such, all else as information."""
    if line.startswith(_WARNING):
        logger.warning("%s", line.removeprefix(_WARNING))
    else:
        logger.info("%s", line)
