"""Whether photos look as others do, taken together; against SciPy."""

import numpy as np
import pytest
from scipy.stats import energy_distance

from waste_classifier import shift
from waste_classifier.shift import energy_test


def test_samples_of_one_distribution_are_not_told_apart_more_often_than_asked() -> None:
    random = np.random.default_rng(0)

    p = [energy_test(random.normal(size=(30, 3)), random.normal(size=(40, 3))) for _ in range(60)]

    # 3 of 60 are expected below 0.05.
    assert sum(value < 0.05 for value in p) <= 8


def test_samples_of_two_distributions_are_told_apart() -> None:
    random = np.random.default_rng(0)

    assert energy_test(random.normal(size=(50, 3)), random.normal(1, 1, (50, 3))) == 1 / 1000


def test_a_sample_is_not_told_from_itself() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))

    assert energy_test(rows, rows) == 1


def test_exchanges_are_ranked_by_the_energy_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift, "EXCHANGES", 49)
    random = np.random.default_rng(3)
    first, second = random.normal(size=12), random.normal(0.5, 1, 9)

    p = energy_test(first[:, None], second[:, None])

    generator = np.random.default_rng(shift.SEED)
    both = np.concatenate([first, second])
    members = [generator.permutation(np.repeat([1.0, 0.0], [12, 9])) for _ in range(49)]
    distances = [energy_distance(both[m == 1], both[m == 0]) for m in members]
    as_it_is = energy_distance(first, second)
    assert p == pytest.approx((1 + sum(each >= as_it_is for each in distances)) / 50)
