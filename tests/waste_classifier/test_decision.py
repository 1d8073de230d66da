"""Decisions: worked out by hand, kept in a file, and refused where that is damaged."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from waste_classifier.decision import (
    UNSURE_POSITION,
    Decision,
    always_decide,
    costs_of,
    told_apart,
)
from waste_classifier.errors import InputError

LABELS = ("glass", "metal")
PLAIN = always_decide(LABELS)


def test_without_thresholds_the_most_probable_label_is_the_decision() -> None:
    probabilities = np.array([[0.6, 0.4], [0.5001, 0.4999], [0.0, 1.0]], np.float32)

    np.testing.assert_allclose(PLAIN.calibrated(probabilities), probabilities, atol=1e-6)
    assert PLAIN.decide(PLAIN.calibrated(probabilities)).tolist() == [0, 0, 1]


def test_a_temperature_of_a_half_squares_the_odds() -> None:
    sharper = PLAIN._replace(temperature=0.5)

    calibrated = sharper.calibrated(np.array([[0.75, 0.25]], np.float32))

    # Odds of 3 become 9.
    np.testing.assert_allclose(calibrated, [[0.9, 0.1]], rtol=1e-6)


def test_in_another_mix_odds_change_by_how_much_commoner_a_label_is() -> None:
    other = PLAIN._replace(data_shares=(0.5, 0.5), mix=(0.2, 0.8))

    calibrated = other.calibrated(np.array([[0.5, 0.5], [0.8, 0.2]], np.float32))

    np.testing.assert_allclose(calibrated, [[0.2, 0.8], [0.5, 0.5]], rtol=1e-6)


def test_below_its_threshold_a_label_is_not_decided() -> None:
    decision = PLAIN._replace(thresholds=(0.9, None), purity=0.98)
    calibrated = np.array([[0.9, 0.1], [0.89, 0.11], [0.01, 0.99]])

    assert decision.decide(calibrated).tolist() == [0, UNSURE_POSITION, UNSURE_POSITION]
    assert decision.reason(calibrated[1]) == "glass at 0.89, below 0.90"
    assert decision.reason(calibrated[2]) == "metal at 0.99: no threshold promises purity 0.98"


@pytest.mark.parametrize(
    ("value", "limit", "texts"),
    [
        (0.89, 0.9, ("0.89", "0.90")),
        (0.9853, 0.9871, ("0.985", "0.987")),
        (0.99, 0.98999999, ("0.99000000", "0.98999999")),
        (float(np.float32(1.0000001)), 1, ("1.0000001", "1.0000000")),
        (1.25, 1, ("1.25", "1.00")),
        (1 - 2**-53, 1, ("0.9999999999999999", "1.0000000000000000")),
        (0.9, 0.9, ("0.90", "0.90")),
    ],
)
def test_numbers_have_as_many_decimals_as_tell_them_apart(
    value: float, limit: float, texts: tuple[str, str]
) -> None:
    assert told_apart(value, limit) == texts


def test_a_reason_does_not_contradict_itself() -> None:
    decision = PLAIN._replace(thresholds=(0.9871, None), purity=0.98)

    assert decision.reason(np.array([0.9853, 0.0147])) == "glass at 0.985, below 0.987"


def test_costs_choose_the_cheapest_answer() -> None:
    # To take metal for glass breaks the furnace; by hand a thing costs 1.
    costs = costs_of(
        {
            "glass": {"glass": 0, "metal": 2, "unsure": 1},
            "metal": {"glass": 20, "metal": 0, "unsure": 1},
        },
        LABELS,
    )
    decision = PLAIN._replace(costs=costs)
    calibrated = np.array([[0.97, 0.03], [0.9, 0.1], [0.3, 0.7]])

    # Of the first: glass costs 0.6, metal 1.94; of the second 2, 1.8; of the third 14, 0.6.
    assert decision.decide(calibrated).tolist() == [0, UNSURE_POSITION, 1]
    assert decision.reason(calibrated[1]) == "glass at 0.90: to leave it costs less"


@pytest.mark.parametrize("costs", [None, ((0.0, 2.0, 1.0), (20.0, 0.0, 1.0))])
def test_a_file_gives_back_what_was_written(
    costs: tuple[tuple[float, ...], ...] | None, tmp_path: Path
) -> None:
    decision = Decision(LABELS, 0.5, (0.4, 0.6), (0.3, 0.7), 0.98, 0.95, (0.9, None), costs)
    file = tmp_path / "decision.json"
    file.write_text(json.dumps(decision.to_json()))

    assert Decision.load(file) == decision


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0},
        {"temperature": "warm"},
        {"labels": ["glass", "paper"]},
        {"mix": {"glass": 1}},
        {"data_shares": {"glass": 0, "metal": 1}},
        {"mix": {"glass": 0.0, "metal": 1.0}},
        {"thresholds": 3},
        {"costs": {"glass": {}}},
    ],
)
def test_a_damaged_file_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "decision.json"
    file.write_text(json.dumps(PLAIN.to_json() | change))

    with pytest.raises(InputError, match=r"decision\.json: not a decision .*bring the folder back"):
        Decision.load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"decision\.json: no such file"):
        Decision.load(tmp_path / "decision.json")


def test_a_probability_of_nothing_stays_one() -> None:
    calibrated = PLAIN._replace(temperature=2).calibrated(np.array([[1.0, 0.0]], np.float32))

    assert calibrated[0, 0] > 1 - 1e-12
    assert math.isfinite(calibrated[0, 1])
