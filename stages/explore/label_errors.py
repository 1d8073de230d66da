"""Images that likely stand under a wrong label, judged by features of other images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from stages.outputs.label_errors import LabelErrorRow
from stages.outputs.manifest import labels_of
from stages.outputs.split import SplitRow

FOLDS = 5


def obstacle(rows: Sequence[SplitRow]) -> str:
    """Return why there is too little to judge labels by, or nothing."""
    labels = labels_of(rows)
    if len(labels) < 2:
        return "there is one label"
    for label in labels:
        groups = len({row.group for row in rows if row.label == label})
        if groups < FOLDS:
            return f"label '{label}' has {groups} groups of images, fewer than {FOLDS}"
    return ""


def find_label_errors(
    rows: Sequence[SplitRow], components: npt.NDArray[np.float32], seed: int
) -> list[LabelErrorRow]:
    """Return the images whose label is likely wrong, likeliest first.

    A logistic regression that has seen neither the image nor its group says how probable each
    label is; confident learning decides from all of these which labels are wrong (Northcutt et al.
    2021, "Confident Learning: Estimating Uncertainty in Dataset Labels").

    Args:
        rows: images, their labels and groups: enough of them, as `obstacle` says.
        components: `(n, c)`, of the same images, largest first.
        seed: of the folds.

    """
    labels = labels_of(rows)
    given = np.array([labels.index(row.label) for row in rows])
    # Many directions of few images would tell every one of them apart.
    used = components[:, : len(rows) // 2]
    deviation = used.std(axis=0)
    probabilities = cross_val_predict(
        LogisticRegression(C=0.1, max_iter=1000),
        used / np.where(deviation > 0, deviation, 1),
        given,
        groups=[row.group for row in rows],
        cv=StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed),
        method="predict_proba",
    )
    likeliest_first = find_label_issues(
        given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return [
        LabelErrorRow(
            rank,
            rows[position].path,
            rows[position].label,
            labels[probabilities[position].argmax()],
            f"{probabilities[position, given[position]]:.4f}",
        )
        for rank, position in enumerate(likeliest_first.tolist(), start=1)
    ]
