"""Folds that the workers of a cluster train, each a whole one; imports TensorFlow.

The head's phase, some seconds on cached features, runs on the driver. A worker gets the head and
the photos: features of all photos would be far more to send.
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
from stages.cross_validate.held_out import EpochCount, Recipe, training_data
from stages.outputs.backbone import read_weights_file
from stages.outputs.features import Description
from stages.outputs.manifest import ReceivedPhoto
from stages.outputs.split import SplitRow
from stages.progress import say
from stages.training.collection import Collection
from stages.training.examples import Examples, TrainingData
from stages.training.fit import BestAndResume
from stages.training.probabilities import predict
from stages.training.resume import Progress, Weights
from stages.training.run import train
from waste_classifier.images import Photo
from waste_classifier.model import Contract
from waste_classifier.orientations import ORIENTATIONS


class WeightsFile(NamedTuple):
    """Pretrained weights of the backbone, that travel."""

    name: str  #: of the file, which tells its layout
    content: bytes


class Trainer(NamedTuple):
    """What the trainings of all folds share."""

    contract: Contract
    columns: npt.NDArray[np.bool_]  #: `(d,)`, which of the backbone's features the head sees
    backbone: Description
    weights: WeightsFile | None  #: None: random ones
    recipe: Recipe
    precision: Precision  #: that the driver's hardware computes natively: all compute in it


class Begun(NamedTuple):
    """The training of one fold, after what runs on the driver."""

    fold: int
    targets: npt.NDArray[np.float32]  #: `(n, labels)`, of the photos that it learns from
    class_weights: npt.NDArray[np.float32]
    head: Weights | None  #: None: it has no phase of its own
    progress: Progress


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
        folds: `(n,)`, of each image.
        missing: those to be scored, at least one.
        recipe: of the trainings.

    Raises:
        InputError: as of `score_folds`.
    """
    weights_file = read_weights_file()
    trainer = Trainer(
        collection.contract,
        collection.columns,
        collection.features.description,
        WeightsFile(weights_file.name, weights_file.read_bytes()) if weights_file else None,
        recipe,
        native_precision(recipe.settings.precision),
    )
    say(f"{len(missing)} folds train on the cluster")
    begun = (begin(collection, rows, folds == fold, trainer, fold) for fold in missing)
    with connected(address):
        yield from spread(partial(on_photos, trainer), begun)


def begin(
    collection: Collection,
    rows: Sequence[SplitRow],
    held_out: npt.NDArray[np.bool_],
    trainer: Trainer,
    fold: int,
) -> tuple[int, list[ReceivedPhoto], Begun]:
    """Train the head of one fold, and return what the rest of its training takes.

    Args:
        collection: the images.
        rows: all n of them.
        held_out: `(n,)`, which are those of the fold.
        trainer: of all folds.
        fold: its number.

    Returns:
        The fold; the photos that it learns from, and behind them the held-out ones; what has begun.
    """
    learned = list(compress(rows, ~held_out))
    photos = [*collection.photos(learned), *collection.photos(compress(rows, held_out))]
    data = training_data(collection, learned, trainer.recipe.weighting)
    head, progress = train_head(data, trainer, fold)
    return fold, photos, Begun(fold, data.train.targets, data.class_weights, head, progress)


def train_head(data: TrainingData, trainer: Trainer, fold: int) -> tuple[Weights | None, Progress]:
    """Run the head's phase, if there is one; return its weights and how far the training is."""
    recipe = trainer.recipe
    phases = [phase for phase in recipe.phases if phase.name == "head"]
    if not phases:
        return None, Progress()
    keras.backend.clear_session()
    with EpochCount(f"fold {fold}, head", phases) as log:
        keeper = BestAndResume(None, log, recipe.settings.patience, recipe.settings.seed)
        trained = train(data, phases, recipe.settings, trainer.precision, keeper, log)
    return trained.head.get_weights(), keeper.progress


def on_photos(trainer: Trainer) -> OfPhotos:
    """Return what trains the rest of a fold, in another process than the driver's."""
    return partial(train_and_score, trainer)


def train_and_score(
    trainer: Trainer, photos: Sequence[ReceivedPhoto], read: Read, begun: Begun
) -> npt.NDArray[np.float32]:
    """Train what is left of a fold, and return what that says of its photos: `(m, labels) float32`.

    Args:
        trainer: of all folds.
        photos: that it learns from, and behind them the m held-out ones.
        read: how a photo is read.
        begun: the training.

    Raises:
        InputError: a photo can't be read, the loss is no number, or there is no room for images.
    """
    readable = [read(photo) for photo in photos]
    learned, held_out = readable[: len(begun.targets)], readable[len(begun.targets) :]
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        data = TrainingData(
            trainer.contract,
            trainer.columns,
            train=unseen(learned, begun.targets),
            val=unseen([], begun.targets[:0]),
            class_weights=begun.class_weights,
            backbone=trainer.backbone,
            weights_file=trainer.weights and write_weights(Path(folder), trainer.weights),
        )
        recipe, settings = trainer.recipe, trainer.recipe.settings
        with EpochCount(f"fold {begun.fold}", recipe.phases) as log:
            keeper = BestAndResume(None, log, settings.patience, settings.seed)
            keeper.progress = begun.progress
            trained = train(
                data,
                recipe.phases,
                settings,
                trainer.precision,
                keeper,
                log,
                head_weights=begun.head,
            )
    scored = unseen(held_out, np.zeros((len(held_out), begun.targets.shape[1]), np.float32))
    return predict(trained, scored, trainer.contract.orientations)


def unseen(photos: Sequence[Photo], targets: npt.NDArray[np.float32]) -> Examples:
    """Return images without features: blocks train on their pixels."""
    return Examples(photos, targets, np.empty((len(photos), len(ORIENTATIONS), 0), np.float32))


def write_weights(folder: Path, weights: WeightsFile) -> Path:
    """Write pretrained weights to a folder, and return their file."""
    file = folder / weights.name
    file.write_bytes(weights.content)
    return file
