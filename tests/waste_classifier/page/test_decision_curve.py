"""decision_curve.json: what it holds, and what the page makes of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from waste_classifier.decision_curve import DecisionCurve, LabelCurve
from waste_classifier.errors import InputError
from waste_classifier.page.purity import curve_html

LABELS = ("glass", "a<b")
CONTENT: dict[str, Any] = {
    "purities": [0.8, 0.9, 0.995],
    "labels": {
        "glass": {"recovery": [0.9, 0.8, 0.4], "threshold": [0.5, 0.7, 0.95]},
        "a<b": {"recovery": [0.7, 0.5, 0], "threshold": [0.6, 0.8, None]},
    },
    "unsure": [0.1, 0.25, 0.8],
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "decision_curve.json"
    file.write_text(json.dumps({**CONTENT, **changes}))
    return file


def texts(html: str) -> list[str]:
    return [text for text in re.split(r"<[^>]*>", html) if text]


def test_reads_what_is_recovered_at_each_purity(tmp_path: Path) -> None:
    assert DecisionCurve.load(written(tmp_path), LABELS) == DecisionCurve(
        (0.8, 0.9, 0.995),
        {
            "glass": LabelCurve((0.9, 0.8, 0.4), (0.5, 0.7, 0.95)),
            "a<b": LabelCurve((0.7, 0.5, 0.0), (0.6, 0.8, None)),
        },
        (0.1, 0.25, 0.8),
    )


@pytest.mark.parametrize(
    ("asked", "position"), [(0.5, 0), (0.8, 0), (0.81, 1), (0.9 + 1e-12, 1), (0.995, 2), (1.0, 2)]
)
def test_a_purity_between_two_is_promised_by_the_larger(
    asked: float, position: int, tmp_path: Path
) -> None:
    assert DecisionCurve.load(written(tmp_path), LABELS).position(asked) == position


def test_says_each_label_and_all(tmp_path: Path) -> None:
    html = curve_html(DecisionCurve.load(written(tmp_path), LABELS), 0.99)

    # The mean of 0.4 and 0.
    assert texts(html) == [
        *("At purity 0.995: ", "80.0% of all things are unsure"),
        " by probability; what is unlike the training photos, or of no label, comes on top. "
        "A label recovers 20.0% of its things in the mean.",
        *("Recovery of each label", "Label", "Recovery", "Sure from probability"),
        *("glass", "40.0%", "0.95"),
        *("a&lt;b", "0.0%", "never"),
    ]


def test_a_threshold_just_below_one_is_not_shown_as_one(tmp_path: Path) -> None:
    labels = CONTENT["labels"] | {"glass": {"recovery": [0.9] * 3, "threshold": [0.9971] * 3}}

    html = curve_html(DecisionCurve.load(written(tmp_path, labels=labels), LABELS), 0.99)

    assert "0.997" in texts(html)


@pytest.mark.parametrize(
    "changes",
    [
        {"purities": []},
        {"purities": [0.9, 0.8, 0.995]},
        {"purities": [0.8, 0.8, 0.9]},
        {"purities": [0.8, 0.9, 1.5]},
        {"purities": "0.8"},
        {"unsure": [0.1, 0.25]},
        {"unsure": [0.1, 0.25, float("nan")]},
        {"unsure": None},
        {"labels": {}},
        {"labels": {**CONTENT["labels"], "paper": CONTENT["labels"]["glass"]}},
        {"labels": {**CONTENT["labels"], "glass": {"recovery": [1, 1, 1]}}},
        {"labels": {**CONTENT["labels"], "glass": {"recovery": [1], "threshold": [1]}}},
        {"labels": [1]},
    ],
    ids=str,
)
def test_a_damaged_file_is_named(changes: dict[str, Any], tmp_path: Path) -> None:
    file = written(tmp_path, **changes)

    with pytest.raises(InputError, match=rf"^{re.escape(str(file))}: not the decisions at each"):
        DecisionCurve.load(file, LABELS)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"[]", b"null"])
def test_what_is_no_such_file_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "decision_curve.json"
    file.write_bytes(content)

    with pytest.raises(InputError, match=rf"^{re.escape(str(file))}: not the decisions at each"):
        DecisionCurve.load(file, LABELS)
