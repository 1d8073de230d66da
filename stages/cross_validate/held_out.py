"""A training on all folds but one, and what it says of that one; imports TensorFlow."""

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from stages.compute.precision import native_precision
from stages.outputs.backbone import read_weights_file
from stages.outputs.split import SplitRow
from stages.params.class_weights import ClassWeightsParams
from stages.params.train import TrainParams
from stages.progress import progress
from stages.schemes import class_weights
from stages.training.collection import Collection
from stages.training.examples import TrainingData
from stages.training.fit import BestAndResume
from stages.training.phases import Phase
from stages.training.probabilities import predict
from stages.training.replicas import Replicas
from stages.training.reports import EpochReport, Logs, Unlogged
from stages.training.run import Trained, train


class EpochCount(Unlogged):
    """A log of a training that counts its epochs, on a bar."""

    def __init__(self, what: str, phases: Sequence[Phase]) -> None:
        """Open the bar: `what` is trained."""
        self.what = what
        self._bar = progress(what, sum(phase.epochs for phase in phases), "epochs")

    def __enter__(self) -> "EpochCount":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar."""
        self._bar.close()

    def replay(self, logs: Logs) -> None:  # noqa: ARG002
        """Count an epoch of an earlier run."""
        self._bar.update(1)

    def epoch(self, report: EpochReport) -> None:  # noqa: ARG002
        """Count a finished epoch."""
        self._bar.update(1)


class Recipe(NamedTuple):
    """What each training follows."""

    phases: Sequence[Phase]
    settings: TrainParams
    weighting: ClassWeightsParams
    replicas: Replicas | None = None  #: where blocks of the backbone train on several devices


def score_fold(
    collection: Collection,
    rows: Sequence[SplitRow],
    held_out: npt.NDArray[np.bool_],
    recipe: Recipe,
    state: Path,
) -> npt.NDArray[np.float32]:
    """Return what a training on all other images says of the held-out ones, `(m, labels) float32`.

    Args:
        collection: the images.
        rows: all n of them.
        held_out: `(n,)`, which those are.
        recipe: of the training.
        state: folder for what resuming needs; its name is that of the fold.
    """
    trained = train_on(collection, list(compress(rows, ~held_out)), recipe, state)
    scored = collection.examples(list(compress(rows, held_out)))
    return predict(trained, scored, collection.contract.orientations)


def train_on(
    collection: Collection, rows: Sequence[SplitRow], recipe: Recipe, state: Path
) -> Trained:
    """Train on some images, to the last epoch.

    Args:
        collection: the images.
        rows: those that it learns from.
        recipe: of the training.
        state: folder for what resuming needs; its name is that of the fold.
    """
    data = training_data(collection, rows, recipe.weighting)
    settings = recipe.settings
    state.mkdir(exist_ok=True)
    # The graphs, variables and features of the fold before are of no use any more; they hold each
    # other, so that Python would leave them for long.
    keras.backend.clear_session()
    with EpochCount(f"fold {state.name}", recipe.phases) as log:
        keeper = BestAndResume(state, log, settings.patience, settings.seed)
        precision = native_precision(settings.precision)
        return train(data, recipe.phases, settings, precision, keeper, log, recipe.replicas)


def training_data(
    collection: Collection, rows: Sequence[SplitRow], weighting: ClassWeightsParams
) -> TrainingData:
    """Return what a training on some images learns from; none are there to choose an epoch by.

    Args:
        collection: the images.
        rows: those that it learns from.
        weighting: of the loss, by how many of each label these are.
    """
    counts = Counter(row.label for row in rows)
    images = {label: counts[label] for label in collection.contract.labels}
    weights = class_weights(images, weighting.scheme, weighting.beta)
    return TrainingData(
        collection.contract,
        collection.columns,
        train=collection.examples(rows, with_views=True),
        val=collection.examples([]),
        class_weights=np.array([weights[label] for label in images], np.float32),
        backbone=collection.features.description,
        weights_file=read_weights_file(),
    )
