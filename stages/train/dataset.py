"""Training images or features in memory, and tf.data batches of them in a reproducible order."""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.errors import InputError
from stages.images import load_resized, map_in_threads
from stages.train.examples import Examples

MIB = 2**20
BATCHES_AHEAD = 2

#: Positions in an epoch, `(batch,)`, to `(inputs, targets)` or `(inputs, targets, weights)`.
Gather = Callable[[npt.NDArray[np.int64]], Any]


def load_images(paths: Sequence[Path], image_size: int, memory_mib: int) -> npt.NDArray[np.uint8]:
    """Decode and resize each image once.

    Returns:
        `(n, image_size, image_size, 3) uint8`, RGB, in the order of `paths`.
    """
    images = allocate((len(paths), image_size, image_size, 3), np.dtype(np.uint8), memory_mib)
    resized = map_in_threads(lambda path: load_resized(path, image_size), paths)
    for index, image in enumerate(resized):
        images[index] = image
    return images


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any], memory_mib: int) -> npt.NDArray[Any]:
    """Return an array in memory, or above `memory_mib` one in an unnamed temporary file.

    The file lies where `TMPDIR` says and is gone when the process ends.

    Raises:
        InputError: there is no room for that file.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size <= memory_mib * MIB:
        return np.empty(shape, dtype)
    # Closing the file removes its name; the mapping keeps its content alive.
    with tempfile.TemporaryFile() as file:
        try:
            file.truncate(size)
            # Without its space set aside, a disk that fills up later kills the process unheard.
            # macOS has no call for it.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: no room for {size // MIB} MiB of images "
                f"({error.strerror}); make room, set TMPDIR to a folder with room, or raise "
                "train.memory_mib"
            ) from None
        return np.memmap(file, dtype, "r+", shape=shape)


def shuffled(count: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of one epoch, which follows from seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class Mixing(NamedTuple):
    """What one epoch of cached features is made of, a value for each image."""

    views: npt.NDArray[np.int64]  #: which orientation of it
    partners: npt.NDArray[np.int64]  #: the image that it is mixed with, as a position
    shares: npt.NDArray[np.float32]  #: of the image in the mix; the rest is the partner's


def draw_mixing(count: int, views: Sequence[int], mixup: float, seed: int, epoch: int) -> Mixing:
    """Draw orientations and partners of one epoch from seed and epoch alone.

    Args:
        count: images.
        views: orientations to choose from.
        mixup: alpha of the Beta distribution that shares are drawn from (Zhang et al. 2018,
            "mixup: Beyond Empirical Risk Minimization"); 0: no mixing.
        seed: of the training.
        epoch: counted from 0.
    """
    # The third number keeps these apart from the order of images, drawn from the same two.
    random = np.random.default_rng([seed, epoch, 3])
    chosen = random.choice(np.asarray(views, np.int64), count)
    partners = random.permutation(count)
    shares = random.beta(mixup, mixup, count) if mixup else np.ones(count)
    return Mixing(chosen, partners, shares.astype(np.float32))


def mixed_rows(
    examples: Examples,
    class_weights: npt.NDArray[np.float32],
    order: npt.NDArray[np.int64],
    mixing: Mixing,
    batch_size: int,
) -> Gather:
    """Return what gathers rows of mixed features, mixed targets and their weights in the loss.

    Mixing what hidden layers return, not pixels, is manifold mixup (Verma et al. 2019).

    Args:
        examples: images of one split.
        class_weights: `(labels,)`.
        order: of the images.
        mixing: of the epoch.
        batch_size: positions gathered at once, at most.
    """
    # Of the partners alone, since inputs are handed on; to be given memory anew for each batch
    # would take longer than to mix.
    scratch = np.empty((batch_size, np.count_nonzero(examples.columns)), np.float32)

    def gather(positions: npt.NDArray[np.int64]) -> Any:
        first = order[positions]
        second = mixing.partners[first]
        share = mixing.shares[first, np.newaxis]
        inputs = examples.rows(first, mixing.views[first])
        inputs *= share
        partners = examples.rows(second, mixing.views[second], out=scratch[: len(positions)])
        partners *= 1 - share
        inputs += partners
        mixed = share * examples.targets[first] + (1 - share) * examples.targets[second]
        return inputs, mixed, mixed @ class_weights

    return gather


def rows(
    inputs: Sequence[npt.NDArray[Any]],
    targets: npt.NDArray[np.float32],
    class_weights: npt.NDArray[np.float32] | None = None,
    order: npt.NDArray[np.int64] | None = None,
) -> Gather:
    """Return what gathers rows of inputs, targets and, given class weights, weights in the loss.

    Args:
        inputs: arrays of a row per image.
        targets: `(n, k)` one-hot.
        class_weights: `(k,)`; None: rows weigh the same.
        order: of the images; None: as they stand.
    """

    def gather(positions: npt.NDArray[np.int64]) -> Any:
        indices = positions if order is None else order[positions]
        gathered = tuple(array[indices] for array in inputs)
        of_rows = (gathered if len(gathered) > 1 else gathered[0], targets[indices])
        return of_rows if class_weights is None else (*of_rows, targets[indices] @ class_weights)

    return gather


def batches(
    gather_of: Callable[[int], Gather],
    epochs: Sequence[int],
    count: int,
    batch_size: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Return the batches of some epochs, one epoch after another, fetched ahead.

    Args:
        gather_of: returns what gathers the rows of an epoch.
        epochs: at least one.
        count: positions in an epoch.
        batch_size: positions in a batch.
        drop_remainder: leave out the last batch of an epoch where it is smaller.
    """
    end = count - count % batch_size if drop_remainder else count
    steps = -(-end // batch_size)
    gather_in = lru_cache(maxsize=1)(gather_of)
    example = gather_in(epochs[0])(np.arange(1))
    columns = tf.nest.flatten(example)

    def gather_batch(number: int) -> list[npt.NDArray[Any]]:
        epoch, step = divmod(int(number), steps)
        positions = np.arange(step * batch_size, min((step + 1) * batch_size, end))
        return list(tf.nest.flatten(gather_in(epochs[epoch])(positions)))

    def load(number: tf.Tensor) -> Any:
        # Of what is stateful, TensorFlow fetches nothing ahead where it must be deterministic.
        types = [column.dtype for column in columns]
        loaded = tf.numpy_function(gather_batch, [number], types, stateful=False)
        for tensor, column in zip(loaded, columns, strict=True):
            tensor.set_shape((batch_size if drop_remainder else None, *column.shape[1:]))
        return tf.nest.pack_sequence_as(example, loaded)

    # The end of the batches waits for the tuner's thread, which sleeps up to ten seconds at a time.
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.range(len(epochs) * steps)
        .map(load)
        .prefetch(BATCHES_AHEAD)
        .with_options(options)
    )
