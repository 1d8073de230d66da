"""The classifier on images, or on their cached features."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.outputs.features import Features
from stages.outputs.manifest import ManifestColumns
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.progress import progress
from waste_classifier.model import Model
from waste_classifier.orientations import ORIENTATIONS

ROWS_AT_ONCE = 1024
#: After each of which the next images are not decoded ahead.
BATCHES_AT_ONCE = 8


def predict_features(
    classifier: Model,
    rows: Sequence[SplitRow],
    images: ManifestColumns,
    features: Features,
) -> npt.NDArray[np.float32]:
    """Return the probabilities of some images from their features, `(n, labels) float32`.

    Memory does not grow with the number of images.

    Args:
        classifier: whose backbone computed the features.
        rows: of the images.
        images: of the manifest.
        features: of these.

    Raises:
        InputError: the manifest has not all images.
    """
    positions = images.positions_of([row.path for row in rows], SPLIT_FILE)
    orientations = [ORIENTATIONS.index(each) for each in classifier.orientations]
    probabilities = np.empty((len(rows), len(classifier.labels)), np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = positions[start : start + ROWS_AT_ONCE]
        seen = features.read(some)[:, orientations]
        probabilities[start : start + len(some)] = classifier.predict_features(seen)
    return probabilities


def predict_images(
    classifier: Model, rows: Sequence[SplitRow], images: ManifestColumns, batch_size: int
) -> npt.NDArray[np.float32]:
    """Return the probabilities of some images from their pixels, `(n, labels) float32`.

    Raises:
        InputError: the manifest has not all images, or one is missing, another or undecodable.
    """
    from stages.compute import determinism

    determinism.configure()
    positions = images.positions_of([row.path for row in rows], SPLIT_FILE)
    # Stage fetch has checked how large they are.
    photos = images.photos(positions.tolist())
    probabilities = np.empty((len(rows), len(classifier.labels)), np.float32)
    at_once = batch_size * BATCHES_AT_ONCE
    with progress("predictions", len(photos), "images") as bar:
        for start in range(0, len(photos), at_once):
            some = photos[start : start + at_once]
            seen = classifier.predict(some, batch_size, max_pixels=None)
            probabilities[start : start + len(some)] = seen
            bar.update(len(some))
    return probabilities
