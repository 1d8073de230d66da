"""What training takes from the stages before it."""

import json
from pathlib import Path

import pytest

from stages.errors import InputError
from stages.train.inputs import read_backbone_file, read_class_weights


def test_class_weights_go_by_position(tmp_path: Path) -> None:
    path = tmp_path / "class_weights.json"
    path.write_text(json.dumps({"labels": {"b": {"weight": 0.5}, "a": {"weight": 2}}}))

    assert read_class_weights(path, ["a", "b"]) == {0: 2.0, 1: 0.5}


def test_class_weights_of_other_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "class_weights.json"
    path.write_text(json.dumps({"labels": {"b": {"weight": 0.5}}}))

    with pytest.raises(InputError, match=r"has labels b, but .* has a, b; run `dvc repro`"):
        read_class_weights(path, ["a", "b"])


def test_missing_class_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"class_weights\.json: no such file; run `dvc repro`"):
        read_class_weights(tmp_path / "class_weights.json", ["a"])


def test_backbone_file_is_named_by_its_description(tmp_path: Path) -> None:
    (tmp_path / "backbone.json").write_text(json.dumps({"file": "resnet50.h5"}))
    assert read_backbone_file(tmp_path) == tmp_path / "resnet50.h5"


def test_random_weights_have_no_file(tmp_path: Path) -> None:
    (tmp_path / "backbone.json").write_text(json.dumps({"file": None}))
    assert read_backbone_file(tmp_path) is None


def test_missing_backbone_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.json: no such file; run `dvc repro`"):
        read_backbone_file(tmp_path)
