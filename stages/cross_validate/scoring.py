"""All folds, each scored where it can be: what is finished is kept; imports TensorFlow."""

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.compute.cluster import cluster_address
from stages.cross_validate.held_out import Recipe, score_fold
from stages.cross_validate.on_cluster import score_on_cluster
from stages.outputs.split import SplitRow
from stages.outputs.whole import whole_file
from stages.progress import say
from stages.training.collection import Collection


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
        InputError: an image can't be read, the loss is no number, the disk is full, or the cluster
            can't be used.
    """
    labels = collection.contract.labels
    targets = np.array([labels.index(row.label) for row in rows])
    answers = {fold: state / f"{fold}.npy" for fold in np.unique(folds).tolist()}
    missing = [fold for fold, file in answers.items() if not file.exists()]
    # A checkpoint is several times as large as what trains, and of no use to other folds. A run
    # that was killed just after it wrote the answers left it.
    remove_checkpoints(state, answers.keys() - set(missing))
    started = time.perf_counter()
    for fold, said in scored(collection, rows, folds, missing, recipe, state):
        with whole_file(answers[fold]) as unfinished, unfinished.open("wb") as opened:
            np.save(opened, said)
        remove_checkpoints(state, [fold])
        accuracy = (said.argmax(axis=1) == targets[folds == fold]).mean()
        seconds = time.perf_counter() - started
        say(f"fold {fold}: {len(said)} images, accuracy {accuracy:.4f}, {seconds:.1f} s")
        started = time.perf_counter()
    probabilities = np.empty((len(rows), len(labels)), np.float32)
    for fold, file in answers.items():
        probabilities[folds == fold] = np.load(file)
    return probabilities


def scored(
    collection: Collection,
    rows: Sequence[SplitRow],
    folds: npt.NDArray[np.intp],
    missing: Sequence[int],
    recipe: Recipe,
    state: Path,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield folds and what is said of their images, `(m, labels) float32`, as each is done.

    Where there is a cluster, its workers train what is more than a head: that takes seconds here.

    Args:
        collection: the images.
        rows: all n of them.
        folds: `(n,)`, of each image.
        missing: those to be scored.
        recipe: of the trainings.
        state: folder for what resuming needs.
    """
    address = cluster_address()
    blocks_train = any(phase.name != "head" for phase in recipe.phases)
    if address and blocks_train and recipe.replicas:
        say("train.devices is above 1: folds train on the devices of this machine")
    elif address and blocks_train and missing:
        yield from score_on_cluster(address, collection, rows, folds, missing, recipe)
        return
    for fold in missing:
        yield fold, score_fold(collection, rows, folds == fold, recipe, state / f"{fold}")


def remove_checkpoints(state: Path, folds: Iterable[int]) -> None:
    """Delete what resuming the trainings of some folds would need, where it is there."""
    for fold in folds:
        shutil.rmtree(state / f"{fold}", ignore_errors=True)
