"""Model and image files -> probabilities."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.images import load_resized, map_in_threads


def predict(model: keras.Model, paths: Sequence[Path], batch_size: int) -> npt.NDArray[np.float32]:
    """Return the probabilities of images, `(n, labels) float32`, in the order of `paths`.

    Memory does not grow with the number of images: while a batch is in the model, the next is
    decoded.

    Args:
        model: `(n, size, size, 3) float32`, RGB 0..255, to `(n, labels) float32`.
        paths: image files.
        batch_size: images per forward pass.

    Raises:
        InputError: an image is missing or can't be decoded.
    """
    size = model.input_shape[1]

    # One signature for batches of any length: the shorter last one compiles nothing anew.
    forward = tf.function(
        lambda images: model(tf.cast(images, tf.float32), training=False),
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
    )
    batches = _fetched_ahead(_batches(paths, size, batch_size))
    return np.concatenate([forward(batch).numpy() for batch in batches])


def _batches(paths: Sequence[Path], size: int, batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield `(up to batch_size, size, size, 3) uint8`, RGB."""
    images = map_in_threads(partial(load_resized, size=size), paths)
    while batch := list(islice(images, batch_size)):
        yield np.stack(batch)


def _fetched_ahead(
    batches: Iterator[npt.NDArray[np.uint8]],
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the same batches, the next one taken in a thread while one is used."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, batches, None)
            yield batch
