"""Where the pretrained weights are, by what stage backbone says of them."""

from pathlib import Path

import pytest

from stages.outputs.backbone import read_weights_file, write_description
from stages.outputs.documents import write_document
from waste_classifier.errors import InputError


def test_weights_are_named_by_their_description(tmp_path: Path) -> None:
    (tmp_path / "resnet50.h5").write_bytes(b"weights")

    write_description(tmp_path, "file", tmp_path / "resnet50.h5", "ab" * 32)

    assert (tmp_path / "backbone.json").read_text() == (
        f'{{\n  "weights": "file",\n  "file": "resnet50.h5",\n  "sha256": "{"ab" * 32}"\n}}\n'
    )
    assert read_weights_file(tmp_path) == tmp_path / "resnet50.h5"


def test_random_weights_have_no_file(tmp_path: Path) -> None:
    write_description(tmp_path, "none", None, None)

    assert read_weights_file(tmp_path) is None


def test_missing_backbone_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.json: no such file; run `dvc repro`"):
        read_weights_file(tmp_path)


@pytest.mark.parametrize("content", [{}, {"file": "gone.h5"}, {"file": ""}, {"file": 5}])
def test_a_description_of_no_file_of_the_folder_is_damaged(
    tmp_path: Path, content: dict[str, object]
) -> None:
    write_document(tmp_path / "backbone.json", content)

    with pytest.raises(
        InputError, match=r"backbone\.json: names no file of this folder \(.*\); run `dvc checkout`"
    ):
        read_weights_file(tmp_path)
