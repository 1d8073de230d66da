"""The classifier on images, or on their cached features."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.compute.cluster import OfPhotos, Read, cluster_address, connected, spread
from stages.outputs.features import Features
from stages.outputs.manifest import Manifest, ReceivedPhoto
from stages.outputs.split import SPLIT_FILE
from stages.progress import progress
from waste_classifier.batched import batched
from waste_classifier.images import resized_batches
from waste_classifier.model import BACKBONE_NAME, Model
from waste_classifier.orientations import ORIENTATIONS, Orientation

ROWS_AT_ONCE = 1024
#: After each of which the next images are not decoded ahead.
BATCHES_AT_ONCE = 8


def predict_features(
    classifier: Model,
    paths: Iterable[str],
    count: int,
    images: Manifest,
    features: Features,
) -> npt.NDArray[np.float32]:
    """Return the probabilities of some images from their features, `(n, labels) float32`.

    Args:
        classifier: whose backbone computed the features.
        paths: of the images, sorted.
        count: how many these are.
        images: of the manifest.
        features: of these.

    Raises:
        InputError: the manifest has not all images.
    """
    orientations = [ORIENTATIONS.index(each) for each in classifier.orientations]
    probabilities = np.empty((count, len(classifier.labels)), np.float32)
    for start, positions in pieces(paths, images, ROWS_AT_ONCE):
        seen = features.read(positions)[:, orientations]
        probabilities[start : start + len(positions)] = classifier.predict_features(seen)
    return probabilities


def predict_images(
    classifier: Model, paths: Iterable[str], count: int, images: Manifest, batch_size: int
) -> npt.NDArray[np.float32]:
    """Return the probabilities of some images from their pixels, `(n, labels) float32`.

    Where there is a cluster, its nodes run the network; else this machine does.

    Args:
        classifier: that is asked.
        paths: of the images, sorted.
        count: how many these are.
        images: of the manifest.
        batch_size: images per forward pass.

    Raises:
        InputError: the manifest has not all images, one is missing, another or undecodable, or the
            cluster can't be used.
    """
    from stages.compute import determinism

    determinism.configure()
    probabilities = np.empty((count, len(classifier.labels)), np.float32)
    with progress("predictions", count, "images") as bar:
        # Stage fetch has checked how large they are.
        of_photos = (
            (start, list(images.photos(positions)))
            for start, positions in pieces(paths, images, batch_size * BATCHES_AT_ONCE)
        )
        for start, seen in predicted_pieces(classifier, of_photos, batch_size):
            probabilities[start : start + len(seen)] = seen
            bar.update(len(seen))
    return probabilities


def pieces(
    paths: Iterable[str], images: Manifest, at_once: int
) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield how many paths came before, and where the next ones stand in the manifest.

    Raises:
        InputError: it has not all of them.
    """
    start = 0
    for some in batched(paths, at_once):
        yield start, images.positions_of(some, SPLIT_FILE)
        start += len(some)


def predicted_pieces(
    classifier: Model, of_photos: Iterable[tuple[int, list[ReceivedPhoto]]], batch_size: int
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield probabilities piece by piece, `(n, labels) float32`, as they are done.

    Args:
        classifier: in `data/model`.
        of_photos: where each piece starts, and its photos.
        batch_size: images per forward pass; no batch reaches over the end of a piece.

    Raises:
        InputError: as of `predict_images`.
    """
    address = cluster_address()
    if address is None:
        for start, photos in of_photos:
            yield start, classifier.predict(photos, batch_size, max_pixels=None)
        return
    network = (classifier.folder / BACKBONE_NAME).read_bytes()
    make = partial(network_on_photos, network, classifier.orientations, batch_size)
    with connected(address):
        for start, features in spread(make, of_photos):
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
