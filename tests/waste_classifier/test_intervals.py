"""Intervals of shares, against SciPy."""

import pytest
from scipy.stats import binomtest

from waste_classifier.intervals import wilson_interval


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (3, 7), (9, 9)])
def test_an_interval_is_wilsons(part: int, whole: int) -> None:
    expected = binomtest(part, whole).proportion_ci(method="wilson")

    assert tuple(wilson_interval(part / whole, whole)) == pytest.approx(
        (expected.low, expected.high)
    )
