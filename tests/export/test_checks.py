"""The gates that a format must pass, and how images are chosen for them."""

from pathlib import Path

import pytest

from stages.export.checks import Check, check_gates, failure, table
from stages.export.choose import spread_over_labels
from waste_classifier.errors import InputError

GOOD = Check("float32", 1e-6, 1.0, 0.95, 0.95, "not told apart")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (GOOD, None),
        (GOOD._replace(largest_difference=2e-4), "differ from the classifier's by up to 0.0002"),
        (GOOD._replace(largest_difference=float("nan")), "differ from the classifier's"),
        (GOOD._replace(name="float16", largest_difference=9e-3), None),
        (GOOD._replace(name="float16", largest_difference=0.02), "more than 0.01"),
        (GOOD._replace(name="int8", largest_difference=0.3, agreement=0.98), None),
        (GOOD._replace(name="int8", agreement=0.97), "label of 0.970 of the images"),
        (GOOD._replace(name="int8", accuracy=0.9, verdict="worse"), "0.9000 is worse than"),
    ],
)
def test_a_gate_says_what_is_wrong(check: Check, reason: str | None) -> None:
    said = failure(check)

    assert said is None if reason is None else said is not None and reason in said


def test_all_failures_are_named_at_once() -> None:
    bad = [GOOD._replace(largest_difference=1), GOOD._replace(name="int8", agreement=0.5)]

    with pytest.raises(InputError, match=r"data/export: not written: float32: .*; int8: "):
        check_gates([GOOD, *bad], Path("data/export"))


def test_the_table_has_a_line_per_format() -> None:
    lines = table([GOOD], {"float32": 40_500_000}).splitlines()

    assert lines[1].split()[:3] == ["float32", "40.50", "1e-06"]


def test_images_are_spread_over_labels() -> None:
    labels = ["glass"] * 90 + ["trash"] * 10

    chosen = spread_over_labels(labels, 30, 0)

    assert chosen == sorted(set(chosen))
    assert sum(labels[position] == "trash" for position in chosen) == 10
    assert len(chosen) == 30
    assert spread_over_labels(labels, 1000, 0) == list(range(100))
    assert spread_over_labels(labels, 30, 1) != chosen
