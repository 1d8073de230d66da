"""A bar of each epoch, for those who wait for one that takes minutes."""

from typing import Any

import keras
from tqdm import tqdm

from stages.progress import progress
from stages.training.reports import Logs


class EpochBar(keras.callbacks.Callback):
    """Shows the steps of the training part of an epoch while they run."""

    def __init__(self, steps: int) -> None:
        """Take how many steps an epoch has."""
        super().__init__()
        self._steps = steps
        self._bar: tqdm[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Open a bar."""
        self._bar = progress(f"epoch {epoch}", self._steps, "steps")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Move it to the step that has been done; the last one is told by the line of the epoch."""
        if self._bar is not None and batch + 1 < self._steps:
            self._bar.update(batch + 1 - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Close it, before the line of the epoch is printed."""
        if self._bar is not None:
            self._bar.close()
