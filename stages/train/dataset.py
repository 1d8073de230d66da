"""Training images in memory, and tf.data batches of them in a reproducible order."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.errors import InputError
from stages.images import load_resized, map_in_threads

MIB = 2**20
BATCHES_AHEAD = 2


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


def batches(
    inputs: npt.NDArray[Any],
    targets: npt.NDArray[np.float32],
    order: npt.NDArray[np.int64],
    batch_size: int,
    draws: npt.NDArray[np.float32] | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Return batches of `inputs` and one-hot `targets` in the given order, fetched ahead.

    Elements are `(inputs, targets)`, or `((inputs, draws), targets)` where `draws` are given;
    all of them have a row per image.
    """

    def gather(positions: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], ...]:
        indices = order[positions]
        columns = (inputs[indices], targets[indices])
        return columns if draws is None else (*columns, draws[indices])

    arrays = [inputs, targets] + ([] if draws is None else [draws])

    def load(positions: tf.Tensor) -> Any:
        columns = tf.numpy_function(gather, [positions], [array.dtype for array in arrays])
        for column, array in zip(columns, arrays, strict=True):
            column.set_shape((batch_size if drop_remainder else None, *array.shape[1:]))
        if draws is None:
            return columns[0], columns[1]
        return (columns[0], columns[2]), columns[1]

    # An epoch's end waits for the tuner's thread, which sleeps for up to ten seconds at a time.
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.range(len(order))
        .batch(batch_size, drop_remainder=drop_remainder)
        .map(load)
        .prefetch(BATCHES_AHEAD)
        .with_options(options)
    )
