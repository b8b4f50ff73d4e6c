"""What the package raises. Messages are the lines that the program `pals` would print."""


class PalsError(RuntimeError):
    """A fault in files, data or a computation."""


class UsageError(PalsError, ValueError):
    """A fault in an argument."""


class Stopped(PalsError):
    """A training run that was asked to stop. It has a checkpoint: the same options go on from there."""
