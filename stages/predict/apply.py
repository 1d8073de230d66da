"""The classifier on images, or on their cached features."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.compute.cluster import OfPhotos, Read, cluster_address, connected, spread
from stages.outputs.features import Features
from stages.outputs.manifest import ManifestColumns, ReceivedPhoto
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.progress import progress
from waste_classifier.images import resized_batches
from waste_classifier.model import BACKBONE_NAME, Model
from waste_classifier.orientations import ORIENTATIONS, Orientation

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

    Where there is a cluster, its nodes run the network; else this machine does.

    Raises:
        InputError: the manifest has not all images, one is missing, another or undecodable, or the
            cluster can't be used.
    """
    from stages.compute import determinism

    determinism.configure()
    positions = images.positions_of([row.path for row in rows], SPLIT_FILE)
    # Stage fetch has checked how large they are.
    photos = images.photos(positions.tolist())
    probabilities = np.empty((len(rows), len(classifier.labels)), np.float32)
    at_once = batch_size * BATCHES_AT_ONCE
    with progress("predictions", len(photos), "images") as bar:
        pieces = (
            (start, list(photos[start : start + at_once]))
            for start in range(0, len(photos), at_once)
        )
        for start, seen in predicted_pieces(classifier, pieces, batch_size):
            probabilities[start : start + len(seen)] = seen
            bar.update(len(seen))
    return probabilities


def predicted_pieces(
    classifier: Model, pieces: Iterable[tuple[int, list[ReceivedPhoto]]], batch_size: int
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield probabilities piece by piece, `(n, labels) float32`, as they are done.

    Args:
        classifier: in `data/model`.
        pieces: where each starts, and its photos.
        batch_size: images per forward pass; no batch reaches over the end of a piece.

    Raises:
        InputError: as of `predict_images`.
    """
    address = cluster_address()
    if address is None:
        for start, photos in pieces:
            yield start, classifier.predict(photos, batch_size, max_pixels=None)
        return
    network = (classifier.folder / BACKBONE_NAME).read_bytes()
    make = partial(network_on_photos, network, classifier.orientations, batch_size)
    with connected(address):
        for start, features in spread(make, pieces):
            # The head says the same of a batch wherever it is computed, but not of other batches.
            of_batches = [
                classifier.predict_features(features[first : first + batch_size])
                for first in range(0, len(features), batch_size)
            ]
            yield start, np.concatenate(of_batches)


def network_on_photos(
    network: bytes, orientations: Sequence[Orientation], batch_size: int
) -> OfPhotos:
    """Return what computes features of photos, `(n, orientations, d) float32`.

    Args:
        network: file of Keras.
        orientations: in which it sees each photo.
        batch_size: images per forward pass.
    """
    from waste_classifier.backbone import Backbone

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, BACKBONE_NAME)
        file.write_bytes(network)
        backbone = Backbone.load(file)

    def of_photos(photos: Sequence[ReceivedPhoto], read: Read) -> npt.NDArray[np.float32]:
        images = [read(photo) for photo in photos]
        batches = resized_batches(images, backbone.image_size, batch_size, max_pixels=None)
        return np.concatenate([backbone.features(batch, orientations) for batch in batches])

    return of_photos
