"""What training takes from the stages before it."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.errors import InputError
from stages.train.inputs import read_class_weights


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


def test_missing_class_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"class_weights\.json: no such file; run `dvc repro`"):
        read_class_weights(tmp_path / "class_weights.json", ["a"])
