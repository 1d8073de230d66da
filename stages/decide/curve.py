"""What other purities would cost: thresholds, recovery and share unsure at each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.decide.thresholds import fit_thresholds, thing_weights
from stages.scores import shares_of_things
from waste_classifier.decision import UNSURE_POSITION, Decision

PURITIES = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995)


def decision_curve(
    decision: Decision,
    calibrated: npt.NDArray[Any],
    actual: npt.NDArray[np.intp],
    groups: Sequence[str],
) -> dict[str, Any]:
    """Return, for some purities, what thresholds that promise them recover of the things.

    Of a thing that has ten photos, each counts a tenth. What is unsure for another reason than its
    probability is not in it.

    Args:
        decision: with temperature and mix.
        calibrated: `(n, k)`, of photos that their network has not seen.
        actual: `(n,)`, positions of labels.
        groups: of each photo.
    """
    of_thing = shares_of_things(groups)
    weights = thing_weights(decision, actual, groups)
    thresholds, recoveries, unsure = [], [], []
    for purity in PURITIES:
        wanted = decision._replace(purity=purity, costs=None)
        of_labels = fit_thresholds(wanted, calibrated, actual, groups)
        decided = wanted._replace(thresholds=of_labels).decide(calibrated)
        thresholds.append(of_labels)
        recoveries.append(
            [
                float(of_thing @ ((decided == label) & (actual == label)))
                / float(of_thing @ (actual == label))
                for label in range(len(decision.labels))
            ]
        )
        unsure.append(float(weights @ (decided == UNSURE_POSITION) / weights.sum()))
    return {
        "purities": list(PURITIES),
        "labels": {
            label: {
                "recovery": [of_labels[position] for of_labels in recoveries],
                "threshold": [of_labels[position] for of_labels in thresholds],
            }
            for position, label in enumerate(decision.labels)
        },
        "unsure": unsure,
    }
