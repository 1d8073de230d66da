"""Rows in a reproducible order, in batches, fetched ahead."""

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.training.memory import gather

BATCHES_AHEAD = 2

Positions = npt.NDArray[np.int64]


class Rows(Protocol):
    """What an epoch is made of: so many rows, in an order of their own."""

    def __len__(self) -> int:
        """Return how many rows an epoch has."""

    def batch(self, epoch: int, positions: Positions) -> Any:
        """Return `(inputs, targets)`, or with their weights in the loss, for some of the rows.

        Args:
            epoch: counted over all phases.
            positions: `(m,)`, in the order of the epoch.
        """


class FixedRows(NamedTuple):
    """Rows that are the same in each epoch, in the order in which they stand."""

    inputs: Sequence[npt.NDArray[Any]]  #: arrays of a row per image
    targets: npt.NDArray[np.float32]  #: `(n, labels)`, one-hot

    def __len__(self) -> int:
        """Return how many rows an epoch has."""
        return len(self.targets)

    def batch(self, epoch: int, positions: Positions) -> Any:  # noqa: ARG002
        """Return `(inputs, targets)`."""
        return select(self.inputs, positions), self.targets[positions]


def select(inputs: Sequence[npt.NDArray[Any]], positions: Positions) -> Any:
    """Return rows of each input; Keras wants a single input bare."""
    selected = tuple(gather(array, positions) for array in inputs)
    return selected if len(selected) > 1 else selected[0]


def shuffled(count: int, seed: int, epoch: int) -> Positions:
    """Return the order of one epoch, which follows from seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def batches(
    rows: Rows, epochs: Sequence[int], batch_size: int, drop_remainder: bool = False
) -> tf.data.Dataset:
    """Return the batches of some epochs, one epoch after another, fetched ahead.

    Args:
        rows: of an epoch.
        epochs: at least one.
        batch_size: rows in a batch.
        drop_remainder: leave out the last batch of an epoch where it is smaller.
    """
    count = len(rows)
    end = count - count % batch_size if drop_remainder else count
    steps = -(-end // batch_size)
    example = rows.batch(epochs[0], np.arange(1))
    columns = tf.nest.flatten(example)
    held = [rows]

    def load_arrays(number: int) -> list[npt.NDArray[Any]]:
        epoch, step = divmod(int(number), steps)
        positions = np.arange(step * batch_size, min((step + 1) * batch_size, end))
        return list(tf.nest.flatten(held[0].batch(epochs[epoch], positions)))

    def load(number: tf.Tensor) -> Any:
        # Of what is stateful, TensorFlow fetches nothing ahead where it must be deterministic.
        types = [column.dtype for column in columns]
        loaded = tf.numpy_function(load_arrays, [number], types, stateful=False)
        for tensor, column in zip(loaded, columns, strict=True):
            # A row may have several targets.
            rows = batch_size * len(column) if drop_remainder else None
            tensor.set_shape((rows, *column.shape[1:]))
        return tf.nest.pack_sequence_as(example, loaded)

    # The end of the batches waits for the tuner's thread, which sleeps up to ten seconds at a time.
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = (
        tf.data.Dataset.range(len(epochs) * steps)
        .map(load)
        .prefetch(BATCHES_AHEAD)
        .with_options(options)
    )
    # TensorFlow keeps the function until the process ends, which must not keep the rows.
    weakref.finalize(dataset, held.clear)
    return dataset
