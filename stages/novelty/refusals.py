"""What both limits come to on images that had no say in them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.scores import shares_of_things
from waste_classifier.intervals import wilson_interval


class Refusal(NamedTuple):
    """The share of things that is refused for one reason."""

    share: float  #: of one that has ten images, each counts a tenth
    low: float  #: Wilson's 95 % interval, with things for the number of trials
    high: float


def refusals(
    distances: Mapping[str, npt.NDArray[np.floating[Any]]], groups: Sequence[str]
) -> dict[str, Refusal]:
    """Return which share of things lies beyond a limit, by the reason.

    Args:
        distances: by reason `(n,)`, of each image; 1 is the limit.
        groups: of each image; those of one group show one thing.
    """
    things = len(set(groups))
    of_image = shares_of_things(groups) / things
    found = {}
    for reason, of_reason in distances.items():
        share = float(of_image @ (of_reason > 1))
        interval = wilson_interval(share, things)
        found[reason] = Refusal(share, float(interval.low), float(interval.high))
    return found
