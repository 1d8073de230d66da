"""Trainings on all folds but one, and what they say of that one; imports TensorFlow."""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from stages.compute.precision import native_precision
from stages.outputs.split import SplitRow
from stages.outputs.whole import whole_file
from stages.params.class_weights import ClassWeightsParams
from stages.params.train import TrainParams
from stages.progress import progress, say
from stages.schemes import class_weights
from stages.training.collection import Collection
from stages.training.examples import TrainingData
from stages.training.fit import BestAndResume
from stages.training.phases import Phase
from stages.training.probabilities import predict
from stages.training.replicas import Replicas
from stages.training.reports import EpochReport, Logs
from stages.training.run import Trained, train


class EpochCount:
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

    def timed(self, part: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Take no time."""
        return nullcontext()

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


def score_folds(
    collection: Collection,
    rows: Sequence[SplitRow],
    folds: npt.NDArray[np.intp],
    recipe: Recipe,
    state: Path,
) -> npt.NDArray[np.float32]:
    """Return the probabilities of all images, each by a training without its fold: `(n, labels)`.

    Args:
        collection: the images.
        rows: all n of them.
        folds: `(n,)`, of each image.
        recipe: of the trainings.
        state: folder for what resuming needs.

    Raises:
        InputError: an image can't be read, the loss is no number, or the disk is full.
    """
    labels = collection.contract.labels
    targets = np.array([labels.index(row.label) for row in rows])
    probabilities = np.empty((len(rows), len(labels)), np.float32)
    for fold in np.unique(folds).tolist():
        held_out = folds == fold
        training, finished = state / f"{fold}", state / f"{fold}.npy"
        if not finished.exists():
            started = time.perf_counter()
            said = score_fold(collection, rows, held_out, recipe, training)
            with whole_file(finished) as unfinished, unfinished.open("wb") as opened:
                np.save(opened, said)
            accuracy = (said.argmax(axis=1) == targets[held_out]).mean()
            seconds = time.perf_counter() - started
            say(f"fold {fold}: {len(said)} images, accuracy {accuracy:.4f}, {seconds:.1f} s")
        # A checkpoint is several times as large as what trains, and of no use to other folds. A run
        # that was killed just before this left it too.
        shutil.rmtree(training, ignore_errors=True)
        probabilities[held_out] = np.load(finished)
    return probabilities


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
    contract, settings = collection.contract, recipe.settings
    counts = Counter(row.label for row in rows)
    images = {label: counts[label] for label in contract.labels}
    weights = class_weights(images, recipe.weighting.scheme, recipe.weighting.beta)
    data = TrainingData(
        contract,
        collection.columns,
        train=collection.examples(rows, with_views=True),
        val=collection.examples([]),
        class_weights=np.array([weights[label] for label in contract.labels], np.float32),
        backbone=collection.features.description,
    )
    state.mkdir(exist_ok=True)
    # The graphs, variables and features of the fold before are of no use any more; they hold each
    # other, so that Python would leave them for long.
    keras.backend.clear_session()
    with EpochCount(f"fold {state.name}", recipe.phases) as log:
        keeper = BestAndResume(state, log, settings.patience, settings.seed)
        precision = native_precision(settings.precision)
        return train(data, recipe.phases, settings, precision, keeper, log, recipe.replicas)
