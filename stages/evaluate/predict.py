"""Model and image files -> probabilities."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.images import resized_batches
from stages.orientations import Orientation, orient
from stages.resnet50 import fold_batch_norm


def predict(
    model: keras.Model,
    paths: Sequence[Path],
    batch_size: int,
    orientations: Sequence[Orientation] = ("received",),
) -> npt.NDArray[np.float32]:
    """Return the probabilities of images, `(n, labels) float32`, in the order of `paths`.

    Those of an image are the mean over its orientations (test-time augmentation: Krizhevsky et al.
    2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1).

    Memory does not grow with the number of images.

    Args:
        model: a functional one, `(n, size, size, 3) float32`, RGB 0..255, to `(n, labels) float32`.
        paths: image files.
        batch_size: images per forward pass.
        orientations: in which the model sees each image.

    Raises:
        InputError: an image is missing or can't be decoded.
    """
    size = model.input_shape[1]
    folded = fold_batch_norm(model)

    # One signature for batches of any length: the shorter last one compiles nothing anew.
    forward = tf.function(
        lambda images: folded(tf.cast(images, tf.float32), training=False),
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
    )
    batches = resized_batches(paths, size, batch_size)
    return np.concatenate(
        [
            np.mean([forward(orient(batch, each)).numpy() for each in orientations], axis=0)
            for batch in batches
        ]
    )
