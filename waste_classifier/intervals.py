"""Intervals of shares."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Z = 1.959963984540054  # the normal distribution's quantile of 0.975


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: Floats
    high: Floats


def wilson_interval(share: npt.ArrayLike, trials: npt.ArrayLike) -> Interval:
    """Return the 95 % score interval of a share; of no trials, from 0 to 1.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    p, n = np.asarray(share, np.float64), np.asarray(trials, np.float64)
    middle = n * p + Z**2 / 2
    width = Z * np.sqrt(n * p * (1 - p) + Z**2 / 4)
    return Interval(
        np.clip((middle - width) / (n + Z**2), 0, p), np.clip((middle + width) / (n + Z**2), p, 1)
    )
