"""Verdicts on simulated models of known difference."""

import pytest

from experiments.power import Simulation, share_told_apart


@pytest.mark.parametrize("photos_per_group", [1.0, 3.0])
def test_models_of_equal_skill_seldom_raise_an_alarm(photos_per_group: float) -> None:
    simulation = Simulation(300, photos_per_group, churn=0.1, points=0)

    alarms = share_told_apart(simulation, pairs=1000, draws=199, seed=0)

    assert 0.01 < alarms <= 0.05


def test_larger_differences_are_told_apart_more_often() -> None:
    shares = [
        share_told_apart(Simulation(1000, 1.25, 0.04, points), pairs=200, draws=199, seed=0)
        for points in (1, 2, 4)
    ]

    assert shares[0] < 0.6 < shares[1] < 0.98 < shares[2]
