"""Folds: parts of the images, each of which is scored by a training on the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from stages.outputs.manifest import labels_of
from stages.outputs.split import SplitRow
from stages.params.cross_validate import CrossValidateParams
from waste_classifier.errors import InputError


def assign_folds(rows: Sequence[SplitRow], settings: CrossValidateParams) -> npt.NDArray[np.intp]:
    """Return the fold of each image in each repeat, `(repeats, n)`, counted over all repeats.

    Folds keep groups whole, and have about the same share of each label.

    Args:
        rows: the n images.
        settings: section `cross_validate`; repeats differ by their seeds, which count on.

    Raises:
        InputError: a label has fewer groups than there are folds, or all its images in one fold.
    """
    check_groups(rows, settings.folds)
    labels = [row.label for row in rows]
    groups = [row.group for row in rows]
    folds = np.empty((settings.repeats, len(rows)), np.intp)
    for repeat in range(settings.repeats):
        seed = (settings.seed + repeat) % 2**32
        splitter = StratifiedGroupKFold(settings.folds, shuffle=True, random_state=seed)
        for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(rows)), labels, groups)):
            folds[repeat, held_out] = repeat * settings.folds + number
        check_spread(labels, folds[repeat], settings.folds)
    return folds


def check_groups(rows: Sequence[SplitRow], folds: int) -> None:
    """Check that each fold can have every label.

    Raises:
        InputError: a label has fewer groups than there are folds.
    """
    for label in labels_of(rows):
        groups = len({row.group for row in rows if row.label == label})
        if groups < folds:
            raise InputError(
                f"params.yaml: cross_validate.folds is {folds}, but label '{label}' has only "
                f"{groups} groups of images, which folds keep whole; lower it, or add photos"
            )


def check_spread(labels: Sequence[str], folds: npt.NDArray[np.intp], count: int) -> None:
    """Check that each training has every label: groups of several labels may draw one together.

    Args:
        labels: of the images.
        folds: `(n,)`, of each image.
        count: of folds.

    Raises:
        InputError: all images of a label are in one fold.
    """
    for label in sorted(set(labels)):
        if len(np.unique(folds[np.asarray(labels) == label])) == 1:
            raise InputError(
                f"params.yaml: cross_validate.folds is {count}, but all images of label '{label}' "
                "came into one fold, as groups hold several labels; raise it, take another "
                "cross_validate.seed, or lower the distances of section duplicates"
            )


def held_out_of(folds: npt.NDArray[np.intp], fold: int) -> npt.NDArray[np.bool_]:
    """Return which images are of a fold, `(n,)`; `folds` are as of `assign_folds`."""
    held_out: npt.NDArray[np.bool_] = (folds == fold).any(axis=0)
    return held_out
