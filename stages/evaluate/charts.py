"""What the plots show: points of data for DVC's plots."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.evaluate.summary import HEADLINES
from stages.outputs.predictions import Predictions
from stages.scores import CalibrationBin, Scores, precision_recall_curve
from waste_classifier.evenly import evenly
from waste_classifier.intervals import Interval

Points = list[dict[str, Any]]

# As many as anyone looks through; the plot is in git.
MOST_MISTAKES = 1000
#: Whose confusion matrix is drawn with its empty cells.
MOST_LABELS = 50
#: Of a curve; more would not be seen.
MOST_POINTS = 1000


def headline_scores(
    scores: Scores, intervals: Mapping[str, Interval], groups: int, repeats: int = 1
) -> Points:
    """Return the scores of all images, from `low` to `high` at 95 % confidence.

    Args:
        scores: of the images.
        intervals: `bootstrap_intervals` of the same images.
        groups: how many groups the images are of.
        repeats: answers to each image.
    """
    return [
        {
            "score": name.replace("_", " ").replace("f1", "F1"),
            "value": float(getattr(scores, name)),
            "low": float(intervals[name].low),
            "high": float(intervals[name].high),
            "images": int(scores.support.sum()) // repeats,
            "groups": groups,
        }
        for name in HEADLINES
    ]


def confusion_cells(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> Points:
    """Return the cells of a confusion matrix, each with its share of the actual label's images.

    Of very many labels those of 0 are left out, which are nearly all and would fill megabytes.
    """
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
        if confusion[row, column] or len(labels) <= MOST_LABELS
    ]


def label_bars(
    of_labels: Scores,
    intervals: Mapping[str, Interval],
    labels: Sequence[str],
    repeats: int = 1,
) -> Points:
    """Return precision, recall and F1 of each label, from `low` to `high` at 95 % confidence.

    `images` is how many images have the label, each of which has so many answers as `repeats` says.
    """
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
                "images": int(of_labels.support[position]) // repeats,
            }
            for position, label in enumerate(labels)
        ]
    return points


def precision_recall_points(
    actual: npt.NDArray[np.intp], probabilities: npt.NDArray[np.float32], labels: Sequence[str]
) -> Points:
    """Return the precision-recall curve of each label against the rest, recall rising.

    Thresholds that don't change the shape of a curve are left out, and of very many those between
    `MOST_POINTS` that lie evenly; where recall is 0 there is none.

    Args:
        actual: `(n,)`, positions of labels.
        probabilities: `(n, k) float32`.
        labels: the k labels.
    """
    points = []
    for position, label in enumerate(labels):
        curve = precision_recall_curve(actual == position, probabilities[:, position])
        average_precision = curve.average_precision
        shown = evenly(len(curve.recall), MOST_POINTS)
        points += [
            {
                "label": label,
                "precision": float(precision),
                "recall": float(recall),
                "threshold": float(threshold) if np.isfinite(threshold) else None,
                "average_precision": average_precision,
            }
            for precision, recall, threshold in zip(*(of[shown] for of in curve), strict=True)
        ]
    return points


def reliability_points(bins: Sequence[CalibrationBin], calibration_error: float) -> Points:
    """Return the bins of the reliability diagram, each with the expected calibration error."""
    return [{**each._asdict(), "calibration_error": calibration_error} for each in bins]


def mistakes(predictions: Predictions) -> Points:
    """Return the images with a wrong label, most confident first; of very many those first ones."""
    return [
        {
            "path": predictions.paths[position],
            "actual": predictions.labels[predictions.actual[position]],
            "predicted": predictions.labels[predictions.predicted[position]],
            "confidence": float(predictions.confidences[position]),
        }
        for position in predictions.surest_mistakes(MOST_MISTAKES)
    ]


def _shares(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Divide each row by its sum; a row of zeros stays so."""
    return np.asarray(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))
