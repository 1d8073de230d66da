"""data/cross_validation.csv: what heads say of images that they have seen no image like.

The columns of data/predictions.csv, and `fold` before the probabilities: the number of the training
that has seen neither the image nor its group. Sorted by path, then fold; of several repeats, an
image has a row in each, with folds that count on.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.outputs.predictions import (
    COLUMNS,
    Predictions,
    check_rising,
    predictions_of,
    read_rows,
    write_rows,
)
from stages.outputs.split import SplitRow
from stages.outputs.tables import MEND
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


def read_cross_validation(file: Path = CROSS_VALIDATION_FILE) -> Predictions:
    """Read a table that `write_cross_validation` wrote; of several repeats, paths stand repeatedly.

    Raises:
        InputError: the file is missing or damaged, or without images.
    """
    labels, rows = read_rows(file, (*COLUMNS, "fold"))
    try:
        folds = tuple(int(row[len(COLUMNS)]) for row in rows)
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {MEND}") from None
    check_rising(file, [(row[0], fold) for row, fold in zip(rows, folds, strict=True)])
    return replace(predictions_of(file, labels, rows), folds=folds)
