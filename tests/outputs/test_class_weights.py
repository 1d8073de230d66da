"""The weight of each label in the loss: written, and read by position."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.outputs.class_weights import read_class_weights, write_class_weights
from waste_classifier.errors import InputError


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "class_weights.json"
    images, weights = {"glass": 1, "métal": 3}, {"glass": 2.0, "métal": 2 / 3}

    write_class_weights(path, "balanced", images, weights)

    assert json.loads(path.read_text("utf-8")) == {
        "scheme": "balanced",
        "labels": {
            "glass": {"images": 1, "weight": 2.0},
            "métal": {"images": 3, "weight": 2 / 3},
        },
    }
    np.testing.assert_allclose(read_class_weights(path, ["glass", "métal"]), [2, 2 / 3])


def test_class_weights_go_by_position(tmp_path: Path) -> None:
    path = tmp_path / "class_weights.json"
    path.write_text(json.dumps({"labels": {"b": {"weight": 0.5}, "a": {"weight": 2}}}))

    weights = read_class_weights(path, ["a", "b"])

    assert weights.tolist() == [2, 0.5]
    assert weights.dtype == np.float32


def test_class_weights_of_other_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "class_weights.json"
    path.write_text(json.dumps({"labels": {"b": {"weight": 0.5}}}))

    with pytest.raises(InputError, match=r"has labels b, but .* has a, b; run `dvc repro`"):
        read_class_weights(path, ["a", "b"])


@pytest.mark.parametrize(
    "content",
    [
        '{"labels": {"a": {"weight": 2}',
        '["labels"]',
        "{}",
        '{"labels": 2}',
        '{"labels": {"a": 2}}',
        '{"labels": {"a": {"weight": "heavy"}}}',
        '{"labels": {"a": {"weight": null}}}',
    ],
)
def test_damaged_class_weights_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "class_weights.json"
    path.write_text(content)

    with pytest.raises(InputError, match=r"class_weights\.json: .*; run `dvc checkout`"):
        read_class_weights(path, ["a"])


def test_missing_class_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"class_weights\.json: no such file; run `dvc repro`"):
        read_class_weights(tmp_path / "class_weights.json", ["a"])
