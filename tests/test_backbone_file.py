"""Where the pretrained weights are, by what stage backbone says of them."""

import json
from pathlib import Path

import pytest

from stages.backbone_file import read_backbone_file
from stages.errors import InputError


def test_backbone_file_is_named_by_its_description(tmp_path: Path) -> None:
    (tmp_path / "backbone.json").write_text(json.dumps({"file": "resnet50.h5"}))
    assert read_backbone_file(tmp_path) == tmp_path / "resnet50.h5"


def test_random_weights_have_no_file(tmp_path: Path) -> None:
    (tmp_path / "backbone.json").write_text(json.dumps({"file": None}))
    assert read_backbone_file(tmp_path) is None


def test_missing_backbone_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.json: no such file; run `dvc repro`"):
        read_backbone_file(tmp_path)
