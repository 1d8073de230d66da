"""Pictures of the documents, from the points that a run leaves."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.figures import confusion_matrix, reliability
from waste_classifier.errors import InputError


def test_confusion_matrix_has_numbers_where_there_are_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [
        {"actual": actual, "predicted": predicted, "images": images, "share": images / 4}
        for actual, predicted, images in (
            ("glass", "glass", 4),
            ("glass", "metal", 0),
            ("metal", "glass", 1),
            ("metal", "metal", 3),
        )
    ]
    file = Path("plots/evaluate/custom/confusion_matrix.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(cells))

    (axes,) = confusion_matrix("evaluate").axes

    numbers = {text.get_position(): text.get_text() for text in axes.texts}
    assert numbers == {(0, 0): "4\n100%", (0, 1): "1\n25%", (1, 1): "3\n75%"}
    (drawn,) = axes.get_images()
    (right, nothing), (wrong, _) = np.asarray(drawn.get_array())
    assert right == 1
    assert nothing == 0
    assert wrong < -0.5


def test_reliability_has_a_point_for_each_bin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bins = [
        {"confidence": 0.6, "accuracy": 0.5, "accuracy_low": 0.3, "accuracy_high": 0.7},
        {"confidence": 0.9, "accuracy": 1.0, "accuracy_low": 0.8, "accuracy_high": 1.0},
    ]
    file = Path("plots/cross_validation/custom/reliability.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(bins))

    (axes,) = reliability("cross_validation").axes

    _, points, *_ = axes.lines
    assert np.asarray(points.get_xdata()).tolist() == [0.6, 0.9]
    assert np.asarray(points.get_ydata()).tolist() == [0.5, 1.0]


def test_a_plot_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        InputError, match=r"plots/cross_validation/custom/reliability.json: can't be read"
    ):
        reliability("cross_validation")
