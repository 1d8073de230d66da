"""What a network in training says of photos."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from stages.training.examples import Examples
from stages.training.run import Trained
from waste_classifier.images import Photo, load_resized
from waste_classifier.orientations import ORIENTATIONS, Orientation, orient

FEATURES_AT_ONCE = 1024
PHOTOS_AT_ONCE = 32


def predict(
    trained: Trained, examples: Examples, orientations: Sequence[Orientation]
) -> npt.NDArray[np.float32]:
    """Return the probabilities of images, `(n, labels) float32`, as the mean over orientations.

    Of a backbone that is as it was restored, the cached features of the images say the same.

    Args:
        trained: head and, where it trained, backbone.
        examples: the images.
        orientations: that the mean is over.

    Raises:
        InputError: an image is missing or damaged.
    """
    network, at_once = (
        trained.network,
        FEATURES_AT_ONCE if trained.network is None else PHOTOS_AT_ONCE,
    )
    seen = [ORIENTATIONS.index(orientation) for orientation in orientations]
    return np.concatenate(
        [
            predict_features(trained.head, examples.features[start : start + at_once][:, seen])
            if network is None
            else predict_pixels(network, examples.photos[start : start + at_once], orientations)
            for start in range(0, len(examples), at_once)
        ]
    )


def predict_features(
    head: keras.Model, features: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return what a head says, `(n, labels) float32`, as the mean over orientations.

    Args:
        head: as `build_head` returned it.
        features: `(n, orientations, used)`.
    """
    seen = [head.predict_on_batch(features[:, each]) for each in range(features.shape[1])]
    return np.asarray(np.mean(seen, axis=0))


def predict_pixels(
    network: keras.Model, photos: Sequence[Photo], orientations: Sequence[Orientation]
) -> npt.NDArray[np.float32]:
    """Return what a network says, `(n, labels) float32`, as the mean over orientations."""
    size = network.input_shape[1]
    images = np.stack([load_resized(photo, size, max_pixels=None) for photo in photos])
    seen = [network.predict_on_batch(orient(images, each)) for each in orientations]
    return np.asarray(np.mean(seen, axis=0))
