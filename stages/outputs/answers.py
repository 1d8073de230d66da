"""plots/<name>/predictions.csv: what git keeps of predictions, so that two commits can be compared.

A row per prediction, sorted by path: the image, which file it was, its label, the number of its
group, the number of the training that answered (0, or the fold of a cross-validation), the label
predicted, how sure the training was of it, and the loss: the negative log of the probability of
the right label, in nats. Images of equal group number show the same thing. Rounded, since git keeps
it for good; texts are `stages.page_text.harmless`, since it is also a plot.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.predictions import Predictions
from stages.outputs.tables import write_sorted
from stages.page_text import harmless

FILE_NAME = "predictions.csv"
DIGITS = 4
CHECKSUM_DIGITS = 16


class AnswerRow(NamedTuple):
    """One prediction for one image."""

    path: str
    sha256: str  #: the first 16 of its hexadecimal digits
    label: str
    group: int
    fold: int
    predicted: str
    confidence: float
    loss: float


def write_answers(
    file: Path,
    predictions: Predictions,
    checksums: Iterable[bytes],
    losses: npt.NDArray[np.float64],
    folds: Sequence[int],
) -> None:
    """Write the table; the file appears whole or not at all.

    Args:
        file: CSV.
        predictions: of n images.
        checksums: SHA-256 of the file of each, n.
        losses: `(n,)`, of each.
        folds: the training that answered for each, n.
    """
    labels = predictions.labels
    # Numbers by the order in which groups come, which are shorter than names.
    numbers: dict[str, int] = {}
    rows = (
        AnswerRow(
            harmless(path),
            checksum.hex()[:CHECKSUM_DIGITS],
            harmless(labels[predictions.actual[position]]),
            numbers.setdefault(predictions.groups[position], len(numbers)),
            folds[position],
            harmless(labels[predictions.predicted[position]]),
            round(float(predictions.confidences[position]), DIGITS),
            round(float(losses[position]), DIGITS),
        )
        for position, (path, checksum) in enumerate(zip(predictions.paths, checksums, strict=True))
    )
    write_sorted(file, rows, AnswerRow)
