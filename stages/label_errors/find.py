"""Images that likely stand under a wrong label, judged by trainings that have not seen them."""

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues

from stages.outputs.label_errors import LabelErrorRow
from stages.outputs.predictions import Predictions


def find_label_errors(predictions: Predictions) -> list[LabelErrorRow]:
    """Return the images whose label is likely wrong, likeliest first.

    Confident learning decides which labels are wrong, from the probabilities of all images by
    trainings that have seen neither them nor their groups (Northcutt et al. 2021, "Confident
    Learning: Estimating Uncertainty in Dataset Labels").

    Args:
        predictions: of a cross-validation; an image of several repeats has the mean over them.
    """
    paths, given, probabilities = mean_by_image(predictions)
    labels = predictions.labels
    likeliest_first = find_label_issues(
        given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return [
        LabelErrorRow(
            rank,
            paths[position],
            labels[given[position]],
            labels[probabilities[position].argmax()],
            f"{probabilities[position, given[position]]:.4f}",
        )
        for rank, position in enumerate(likeliest_first.tolist(), start=1)
    ]


def mean_by_image(
    predictions: Predictions,
) -> tuple[list[str], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return paths, positions of their labels, and mean probabilities, `(images, k)`."""
    paths, first, image = np.unique(predictions.paths, return_index=True, return_inverse=True)
    sums = np.zeros((len(paths), len(predictions.labels)))
    np.add.at(sums, image, predictions.probabilities)
    return paths.tolist(), predictions.actual[first], sums / sums.sum(axis=1, keepdims=True)
