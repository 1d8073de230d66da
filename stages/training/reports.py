"""What a training tells of its epochs while it runs."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

Logs = dict[str, float]


class EpochReport(NamedTuple):
    """What one epoch gave."""

    logs: Logs  #: train/…, learning_rate and, where val images are there, val/…
    train_seconds: float  #: without validation
    seconds: float  #: of it all
    best: bool  #: whether it is the one to keep so far


class TrainingLog(Protocol):
    """Who is told."""

    def timed(self, part: str) -> AbstractContextManager[None]:
        """Take the time of a part of the training: `preparation` or `epochs`."""

    def replay(self, logs: Logs) -> None:
        """Take an epoch of an earlier run, which this one goes on from."""

    def epoch(self, report: EpochReport) -> None:
        """Take a finished epoch."""


class Unlogged:
    """The log of a training that another process reports of."""

    def timed(self, part: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Take no time."""
        return nullcontext()

    def replay(self, logs: Logs) -> None:
        """Take an epoch of an earlier run."""

    def epoch(self, report: EpochReport) -> None:
        """Take a finished epoch."""
