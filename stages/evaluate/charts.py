"""What the plots show: points of data for DVC's plots, and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from stages.evaluate.scores import Interval, Scores, precision_recall_curve

Points = list[dict[str, Any]]


def confusion_cells(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> Points:
    """Return every cell, also those of 0, with its share of the images of the actual label."""
    shares = _shares(confusion)
    return [
        {
            "actual": actual,
            "predicted": predicted,
            "images": int(confusion[row, column]),
            "share": float(shares[row, column]),
        }
        for row, actual in enumerate(labels)
        for column, predicted in enumerate(labels)
    ]


def label_bars(
    of_labels: Scores, intervals: Mapping[str, Interval], labels: Sequence[str]
) -> Points:
    """Return precision, recall and F1 of each label, from `low` to `high` at 95 % confidence."""
    points = []
    for score in ("precision", "recall", "f1"):
        values = getattr(of_labels, score)
        low, high = intervals[score]
        points += [
            {
                "label": label,
                "score": score,
                "value": float(values[position]),
                "low": float(low[position]),
                "high": float(high[position]),
            }
            for position, label in enumerate(labels)
        ]
    return points


def precision_recall_points(
    actual: npt.NDArray[np.intp], probabilities: npt.NDArray[np.float32], labels: Sequence[str]
) -> Points:
    """Return the precision-recall curve of each label against the rest, recall rising.

    Thresholds that don't change the shape of a curve are left out.

    Args:
        actual: `(n,)`, positions of labels.
        probabilities: `(n, k) float32`.
        labels: the k labels.
    """
    points = []
    for position, label in enumerate(labels):
        curve = precision_recall_curve(actual == position, probabilities[:, position])
        points += [
            {"label": label, "precision": float(precision), "recall": float(recall)}
            for precision, recall in zip(curve.precision, curve.recall, strict=True)
        ]
    return points


def confusion_figure(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> Figure:
    """Draw the confusion matrix: in each cell images and their share of the actual label."""
    k = len(labels)
    shares = _shares(confusion)
    figure = Figure(figsize=(2.2 + 0.8 * k, 1.4 + 0.8 * k), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(k):
        for column in range(k):
            axes.text(
                column,
                row,
                f"{confusion[row, column]}\n{shares[row, column]:.0%}",
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.5 else "black",
            )
    axes.set_xticks(range(k), labels, rotation=45, ha="right")
    axes.set_yticks(range(k), labels)
    axes.set(title="Confusion matrix of the test images", xlabel="predicted", ylabel="actual")
    figure.colorbar(image, label="share of the actual label", shrink=0.8)
    return figure


def _shares(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Divide each row by its sum; a row of zeros stays so."""
    return np.asarray(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))
