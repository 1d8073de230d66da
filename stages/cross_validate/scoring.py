"""All folds, each scored where it can be: what is finished is kept; imports TensorFlow."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.compute.cluster import cluster_address
from stages.cross_validate.folds import held_out_of
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
    """Return the probabilities of all images, each by a training without its fold.

    Args:
        collection: the images.
        rows: all n of them.
        folds: `(repeats, n)`, of each image, counted over all repeats.
        recipe: of the trainings.
        state: folder for what resuming needs.

    Returns:
        `(repeats, n, labels) float32`.

    Raises:
        InputError: an image can't be read, the loss is no number, the disk is full, or the cluster
            can't be used.
    """
    labels = collection.contract.labels
    targets = np.array([labels.index(row.label) for row in rows])
    probabilities = np.empty((*folds.shape, len(labels)), np.float32)
    missing = []
    for fold in np.unique(folds).tolist():
        said = read_answers(
            answers_file(state, fold), int(np.count_nonzero(folds == fold)), len(labels)
        )
        if said is None:
            missing.append(fold)
            continue
        # A run that was killed just after it wrote the answers left it.
        remove_checkpoint(state, fold)
        probabilities[folds == fold] = said
    started = time.perf_counter()
    for fold, said in score_missing(collection, rows, folds, missing, recipe, state):
        write_answers(answers_file(state, fold), said)
        remove_checkpoint(state, fold)
        probabilities[folds == fold] = said
        accuracy = (said.argmax(axis=1) == targets[held_out_of(folds, fold)]).mean()
        seconds = time.perf_counter() - started
        say(f"fold {fold}: {len(said)} images, accuracy {accuracy:.4f}, after {seconds:.1f} s")
    return probabilities


def score_missing(
    collection: Collection,
    rows: Sequence[SplitRow],
    folds: npt.NDArray[np.intp],
    missing: Sequence[int],
    recipe: Recipe,
    state: Path,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield folds and what is said of their images, `(m, labels) float32`, as each is done.

    Args:
        collection: the images.
        rows: all n of them.
        folds: `(repeats, n)`, of each image.
        missing: those to be scored.
        recipe: of the trainings.
        state: folder for what resuming needs.
    """
    address = cluster_for(recipe) if missing else None
    if address is not None:
        yield from score_on_cluster(address, collection, rows, folds, missing, recipe)
        return
    for fold in missing:
        held_out = held_out_of(folds, fold)
        yield fold, score_fold(collection, rows, held_out, recipe, state / f"{fold}")


def cluster_for(recipe: Recipe) -> str | None:
    """Return the address of the cluster that trains the folds; None: this machine does.

    A head alone takes seconds here, and devices of this machine may be what is wanted.
    """
    address = cluster_address()
    if address is None or all(phase.name == "head" for phase in recipe.phases):
        return None
    if recipe.replicas:
        say("train.devices is above 1: folds train on the devices of this machine")
        return None
    return address


def answers_file(state: Path, fold: int) -> Path:
    """Return where what is said of a fold stands."""
    return state / f"{fold}.npy"


def write_answers(file: Path, said: npt.NDArray[np.float32]) -> None:
    """Write what is said of a fold: whole, even where the machine stops, or not at all."""
    with whole_file(file) as unfinished, unfinished.open("wb") as opened:
        np.save(opened, said)
        opened.flush()
        os.fsync(opened.fileno())


def read_answers(file: Path, images: int, labels: int) -> npt.NDArray[np.float32] | None:
    """Return what is said of a fold, `(images, labels)`; None where it is missing or damaged."""
    try:
        said: npt.NDArray[np.float32] = np.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        print(f"{file}: damaged ({error}); the fold is trained anew", file=sys.stderr)
        return None
    return said if said.shape == (images, labels) else None


def remove_checkpoint(state: Path, fold: int) -> None:
    """Delete what resuming the training of a finished fold would need, where it is there.

    It is several times as large as what trains, and of no use to other folds.
    """
    shutil.rmtree(state / f"{fold}", ignore_errors=True)
