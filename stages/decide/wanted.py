"""What the user wants of decisions, of params.yaml, for the labels that there are."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from stages.params.decide import DecideParams, differing
from waste_classifier.decision import Decision, costs_of
from waste_classifier.errors import InputError
from waste_classifier.unsure import UNSURE


def wanted_decision(
    settings: DecideParams, labels: Sequence[str], actual: npt.NDArray[np.intp]
) -> Decision:
    """Return a decision with what the parameters say, its temperature and thresholds not yet known.

    Args:
        settings: section `decide`.
        labels: the k labels.
        actual: `(n,)`, positions of the labels of photos, of each one at least.

    Raises:
        InputError: the parameters name other labels, or a label is named as no label is.
    """
    if UNSURE in labels:
        raise InputError(
            f"data/raw: label '{UNSURE}' could not be told from an answer without a label; give "
            "its folder another name"
        )
    counts = np.bincount(actual, minlength=len(labels))
    data_shares = tuple((counts / counts.sum()).tolist())
    mix = data_shares
    if settings.mix is not None:
        check_labels("decide.mix", settings.mix, labels)
        mix = tuple(settings.mix[label] for label in labels)
    if settings.costs is not None:
        check_labels("decide.costs", settings.costs, labels)
    return Decision(
        labels=tuple(labels),
        temperature=1.0,
        data_shares=data_shares,
        mix=mix,
        purity=settings.purity,
        confidence=settings.confidence,
        thresholds=tuple(None for _ in labels),
        costs=costs_of(settings.costs, labels),
    )


def check_labels(key: str, given: Iterable[str], expected: Sequence[str]) -> None:
    """Check that a parameter names all labels and no others.

    Raises:
        InputError: it does not; the message says which.
    """
    if wrong := differing(given, expected):
        raise InputError(
            f"params.yaml: {key}: expected a value for each of {', '.join(expected)}; "
            f"missing or unknown: {', '.join(wrong)}"
        )
