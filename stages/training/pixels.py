"""Rows of augmented pixels, or of what frozen layers return for them: what blocks train on."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stages.training.augment import DRAWS_PER_IMAGE, draw
from stages.training.batches import Positions, select, shuffled
from stages.training.memory import allocate, release
from waste_classifier.images import Photo, load_resized
from waste_classifier.parallel import map_in_threads

Inputs = list[npt.NDArray[Any]]  #: of a model: arrays of a row per image


class ShuffledRows:
    """Rows in another order each epoch, and their weights in the loss.

    Of several views of the images, epochs take one after another in turn.
    """

    def __init__(
        self,
        views: Sequence[Inputs],
        targets: npt.NDArray[np.float32],
        class_weights: npt.NDArray[np.float32],
        seed: int,
    ) -> None:
        """Take what all epochs follow from.

        Args:
            views: inputs of the model, at least one.
            targets: `(n, labels)`, one-hot.
            class_weights: `(labels,) float32`.
            seed: of the training.
        """
        self._views = views
        self._targets = targets
        self._class_weights = class_weights
        self._order = lru_cache(maxsize=1)(partial(shuffled, len(targets), seed))

    def __len__(self) -> int:
        """Return how many rows an epoch has."""
        return len(self._targets)

    def inputs(self, epoch: int) -> Inputs:
        """Return the inputs of an epoch, of all images."""
        return list(self._views[epoch % len(self._views)])

    def batch(self, epoch: int, positions: Positions) -> Any:
        """Return `(inputs, targets, weights)`."""
        chosen = self._order(epoch)[positions]
        targets = self._targets[chosen]
        return select(self.inputs(epoch), chosen), targets, targets @ self._class_weights


class AugmentedPixels(ShuffledRows):
    """Pixels, and beside them what augmentation is to do to each image in this epoch."""

    def __init__(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: npt.NDArray[np.float32],
        class_weights: npt.NDArray[np.float32],
        seed: int,
    ) -> None:
        """Take what all epochs follow from; `pixels` are `(n, size, size, 3) uint8`, RGB."""
        super().__init__([[pixels]], targets, class_weights, seed)
        self._draws = lru_cache(maxsize=1)(partial(draw, len(targets), seed))

    def inputs(self, epoch: int) -> Inputs:
        """Return pixels and draws of an epoch."""
        return [*super().inputs(epoch), self._draws(epoch)]


def no_draws(count: int) -> npt.NDArray[np.float32]:
    """Return what stands for the draws of images that are not augmented."""
    return np.zeros((count, DRAWS_PER_IMAGE), np.float32)


def load_images(photos: Sequence[Photo], image_size: int, memory_mib: int) -> npt.NDArray[np.uint8]:
    """Decode and resize each image once; stage fetch has checked how large they are.

    Returns:
        `(n, image_size, image_size, 3) uint8`, RGB, in the order of `photos`.

    Raises:
        InputError: an image is missing or damaged, or there is no room for them.
    """
    images = allocate((len(photos), image_size, image_size, 3), np.uint8, memory_mib, "images")
    load = partial(load_resized, size=image_size, max_pixels=None)
    for index, image in enumerate(map_in_threads(load, photos)):
        images[index] = image
        release(images)
    return images


def outputs_of(
    frozen: keras.Model, inputs: Inputs, batch_size: int, memory_mib: int
) -> list[npt.NDArray[np.float16]]:
    """Return the outputs of frozen layers for each row of `inputs`.

    Half precision halves the memory; features after a ReLU lie well inside its range.

    Args:
        frozen: a model.
        inputs: of it.
        batch_size: rows per forward pass.
        memory_mib: an array above this size waits in a file.
    """
    count = len(inputs[0])
    outputs = [
        allocate((count, *output.shape[1:]), np.float16, memory_mib, "outputs of frozen layers")
        for output in frozen.outputs
    ]
    for start in range(0, count, batch_size):
        rows = np.arange(start, min(start + batch_size, count))
        # Keras returns a single output bare.
        values = keras.tree.flatten(frozen.predict_on_batch(select(inputs, rows)))
        for array, of_rows in zip(outputs, values, strict=True):
            array[rows] = of_rows
            release(array)
    return outputs
