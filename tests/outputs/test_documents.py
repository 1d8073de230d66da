"""JSON between stages: what is written comes back, and nothing else is read."""

from pathlib import Path

import pytest

from stages.outputs.documents import read_document, write_document
from waste_classifier.errors import InputError


def test_the_bytes_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "data/weights.json"

    write_document(path, {"scheme": "none", "labels": {"métal": 1.0}})

    assert path.read_bytes().decode() == (
        '{\n  "scheme": "none",\n  "labels": {\n    "métal": 1.0\n  }\n}\n'
    )
    assert read_document(path) == {"scheme": "none", "labels": {"métal": 1.0}}
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_write_leaves_the_old_document(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    write_document(path, {"scheme": "none"})

    with pytest.raises(TypeError, match="not JSON serializable"):
        write_document(path, {"scheme": Path()})

    assert read_document(path) == {"scheme": "none"}
    assert list(tmp_path.iterdir()) == [path]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.json: no such file; run `dvc repro`"):
        read_document(tmp_path / "labels.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"glass": 1, "met', r"damaged \(.*\); run `dvc checkout`"),
        (b'{"glass": "\xe9"}', r"damaged \(.*utf-8.*\); run `dvc checkout`"),
        (b"[" * 100_000, r"damaged \(.*recursion.*\); run `dvc checkout`"),
        (b'["glass"]', "expected a JSON object, got list; run `dvc checkout`"),
        (b"null", "expected a JSON object, got NoneType; run `dvc checkout`"),
    ],
)
def test_a_document_that_is_not_as_expected(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.json").write_bytes(content)

    with pytest.raises(InputError, match=rf"labels\.json: {message}"):
        read_document(tmp_path / "labels.json")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"damaged \(.*Is a directory.*\); run `dvc checkout`"):
        read_document(tmp_path)
