"""data/cross_validation.csv: what heads say of images that they have seen no image like.

The columns of data/predictions.csv, and `fold` before the probabilities: the number of the training
that has seen neither the image nor its group. Sorted by path, then fold; of several repeats, an
image has a row in each, with folds that count on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.outputs.predictions import (
    COLUMNS,
    Predictions,
    predictions_of,
    read_rows,
    write_rows,
)
from stages.outputs.split import SplitName, SplitRow
from waste_classifier.errors import InputError

CROSS_VALIDATION_FILE = Path("data/cross_validation.csv")


def write_cross_validation(
    file: Path,
    rows: Sequence[SplitRow],
    folds: npt.NDArray[np.intp],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Write the table; the file appears whole or not at all.

    Args:
        file: CSV.
        rows: the n images, sorted by path.
        folds: `(repeats, n)`, of each image, counted over all repeats.
        labels: in the order of the classifier.
        probabilities: `(repeats, n, k) float32`.
    """
    of_image_first = probabilities.swapaxes(0, 1).reshape(-1, len(labels))
    cells = (
        [*row, labels[probabilities[repeat, image].argmax()], folds[repeat, image]]
        for image, row in enumerate(rows)
        for repeat in range(len(folds))
    )
    write_rows(file, (*COLUMNS, "fold"), cells, labels, of_image_first)


def read_cross_validation(
    file: Path = CROSS_VALIDATION_FILE, without: SplitName | None = None
) -> Predictions:
    """Read a table that `write_cross_validation` wrote; of several repeats, paths stand repeatedly.

    Args:
        file: CSV.
        without: a split whose images are left out.

    Raises:
        InputError: the file is missing or damaged, or without images.
    """
    labels, rows = read_rows(file, (*COLUMNS, "fold"))
    return predictions_of(file, labels, (cells for cells in rows if cells[3] != without))


def read_folds(file: Path, paths: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the fold of each image in the first repeat, `(n,)`.

    Args:
        file: CSV, that `write_cross_validation` wrote.
        paths: of the n images.

    Raises:
        InputError: the file is missing or damaged, or has not all of these images.
    """
    predictions = read_cross_validation(file)
    fold_of: dict[str, int] = {}
    for path, fold in zip(predictions.paths, predictions.folds, strict=True):
        fold_of.setdefault(path, fold)
    missing = next((path for path in paths if path not in fold_of), None)
    if missing is not None:
        raise InputError(f"{file}: has no row of {missing}; run `dvc repro release/dvc.yaml`")
    return np.array([fold_of[path] for path in paths])
