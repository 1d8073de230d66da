"""Folds that the workers of a cluster train, each a whole one; imports TensorFlow.

The head's phase, on cached features, runs on the driver. A worker gets the head and the photos:
features of all photos would be far more to send.
"""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from stages.compute.cluster import OfPhotos, Read, connected, spread
from stages.compute.precision import Precision, native_precision
from stages.cross_validate.folds import held_out_of
from stages.cross_validate.held_out import Recipe, training_data
from stages.outputs.backbone import read_weights_file
from stages.outputs.features import Description
from stages.outputs.manifest import ReceivedPhoto
from stages.outputs.split import SplitRow
from stages.progress import progress, say
from stages.training.collection import Collection
from stages.training.examples import Examples, TrainingData
from stages.training.fit import BestAndResume
from stages.training.probabilities import predict
from stages.training.reports import Unlogged
from stages.training.run import BegunHead, train
from waste_classifier.images import Photo
from waste_classifier.model import Contract
from waste_classifier.orientations import ORIENTATIONS


class WeightsFile(NamedTuple):
    """Pretrained weights of the backbone, that travel."""

    name: str  #: of the file, which tells its layout
    content: bytes


class Shared(NamedTuple):
    """What the trainings of all folds share."""

    contract: Contract
    columns: npt.NDArray[np.bool_]  #: `(d,)`, which of the backbone's features the head sees
    backbone: Description
    weights: WeightsFile | None  #: None: random ones
    recipe: Recipe
    precision: Precision  #: that the driver's hardware computes natively: all compute in it


class Begun(NamedTuple):
    """The training of one fold, after what runs on the driver."""

    targets: npt.NDArray[np.float32]  #: `(n, labels)`, of the photos that it learns from
    class_weights: npt.NDArray[np.float32]
    head: BegunHead | None  #: None: it trains with a backbone of random weights, as one


def score_on_cluster(
    address: str,
    collection: Collection,
    rows: Sequence[SplitRow],
    folds: npt.NDArray[np.intp],
    missing: Sequence[int],
    recipe: Recipe,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield folds and what is said of their images, `(m, labels) float32`, as each is done.

    Bytes are those of `score_fold` on a processor of the same kind.

    Args:
        address: of the cluster.
        collection: the images.
        rows: all n of them.
        folds: `(repeats, n)`, of each image.
        missing: those to be scored, at least one.
        recipe: of the trainings.

    Raises:
        InputError: as of `score_folds`.
    """
    shared = share(collection, recipe)
    say(f"{len(missing)} folds train on the cluster")
    begun = ((fold, *begin(collection, rows, held_out_of(folds, fold), shared)) for fold in missing)
    with connected(address), progress("folds", len(missing), "folds") as bar:
        for fold, said in spread(partial(on_photos, shared), begun, at_a_worker=1):
            yield fold, said
            bar.update(1)


def share(collection: Collection, recipe: Recipe) -> Shared:
    """Return what the trainings of all folds share.

    Args:
        collection: the images.
        recipe: of the trainings.
    """
    weights_file = read_weights_file()
    return Shared(
        collection.contract,
        collection.columns,
        collection.features.description,
        WeightsFile(weights_file.name, weights_file.read_bytes()) if weights_file else None,
        recipe,
        native_precision(recipe.settings.precision),
    )


def begin(
    collection: Collection,
    rows: Sequence[SplitRow],
    held_out: npt.NDArray[np.bool_],
    shared: Shared,
) -> tuple[Sequence[ReceivedPhoto], Begun]:
    """Train the head of one fold, and return what the rest of its training takes.

    Args:
        collection: the images.
        rows: all n of them.
        held_out: `(n,)`, which are those of the fold.
        shared: of all folds.

    Returns:
        The photos that it learns from, and behind them the held-out ones; what has begun.
    """
    learned = list(compress(rows, ~held_out))
    photos = collection.photos([*learned, *compress(rows, held_out)])
    data = training_data(collection, learned, shared.recipe.weighting)
    head = train_head(data, shared) if data.backbone.pretrained else None
    return photos, Begun(data.train.targets, data.class_weights, head)


def train_head(data: TrainingData, shared: Shared) -> BegunHead:
    """Run the phase of the head, if it has one; else it is one that has learned nothing yet."""
    phases = [phase for phase in shared.recipe.phases if phase.name == "head"]
    settings = shared.recipe.settings
    keras.backend.clear_session()
    log = Unlogged()
    keeper = BestAndResume(None, log, settings.patience, settings.seed)
    trained = train(data, phases, settings, shared.precision, keeper, log)
    return BegunHead(trained.head.get_weights(), keeper.progress)


def on_photos(shared: Shared) -> OfPhotos:
    """Return what trains the rest of a fold, in another process than the driver's."""
    return partial(train_and_score, shared)


def train_and_score(
    shared: Shared, photos: Sequence[ReceivedPhoto], read: Read, begun: Begun
) -> npt.NDArray[np.float32]:
    """Train what is left of a fold, and return what that says of its photos: `(m, labels) float32`.

    Args:
        shared: of all folds.
        photos: that it learns from, and behind them the m held-out ones.
        read: how a photo is read.
        begun: the training.

    Raises:
        InputError: a photo can't be read, the loss is no number, or there is no room for images.
    """
    readable = [read(photo) for photo in photos]
    learned, held_out = readable[: len(begun.targets)], readable[len(begun.targets) :]
    # What can't be read is noticed before hours of training, not behind them.
    for photo in held_out:
        photo.read_bytes()
    keras.backend.clear_session()
    log = Unlogged()
    settings = shared.recipe.settings
    keeper = BestAndResume(None, log, settings.patience, settings.seed)
    with tempfile.TemporaryDirectory() as folder:
        data = TrainingData(
            shared.contract,
            shared.columns,
            train=without_features(learned, begun.targets),
            val=without_features([], begun.targets[:0]),
            class_weights=begun.class_weights,
            backbone=shared.backbone,
            weights_file=shared.weights and write_weights(Path(folder), shared.weights),
        )
        trained = train(
            data,
            shared.recipe.phases,
            settings,
            shared.precision,
            keeper,
            log,
            begun=begun.head,
        )
    scored = without_features(
        held_out, np.zeros((len(held_out), begun.targets.shape[1]), np.float32)
    )
    return predict(trained, scored, shared.contract.orientations)


def without_features(photos: Sequence[Photo], targets: npt.NDArray[np.float32]) -> Examples:
    """Return images as blocks learn from them: from their pixels alone."""
    return Examples(photos, targets, np.empty((len(photos), len(ORIENTATIONS), 0), np.float32))


def write_weights(folder: Path, weights: WeightsFile) -> Path:
    """Write pretrained weights to a folder, and return their file."""
    file = folder / weights.name
    file.write_bytes(weights.content)
    return file
