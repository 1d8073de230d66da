"""How soon a classifier answers, asked of one that sees colours."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import answers
from benchmarks.answers import (
    FOLDER,
    SHELL,
    STREAM,
    answer_from_shell,
    check_jpegs,
    measure,
    watching,
)
from tests.classifier_folder import write_classifier
from waste_classifier.errors import InputError

#: A command line whose network is another one.
ASK = """
import sys
from tests.classifier_folder import Colours
from waste_classifier.__main__ import main
from waste_classifier.classifier import Classifier
Classifier.backbone = Colours()
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(name: str, model: Path, source: str) -> list[str]:
        return [sys.executable, "-c", ASK, name, "--model", str(model), source]

    monkeypatch.setattr(answers, "command", command)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_classifier(tmp_path / "classifier")


@pytest.fixture
def photos(tmp_path: Path) -> Sequence[Path]:
    files = [tmp_path / "glass.jpg", tmp_path / "metal.jpg"]
    for file, colour in zip(files, ["red", "lime"], strict=True):
        Image.new("RGB", (20, 10), colour).save(file)
    return files


@pytest.mark.parametrize("of_folder", [True, False])
def test_each_photo_has_its_line(
    model: Path, photos: Sequence[Path], tmp_path: Path, of_folder: bool
) -> None:
    folder = tmp_path / "intake"
    folder.mkdir()

    with watching(model, folder if of_folder else None) as started:
        decisions = [started.answer(photo).split("\t")[1] for photo in (*photos, *photos)]

    assert decisions == ["glass", "metal", "glass", "metal"]
    assert started.process.poll() is not None


def test_each_kind_of_answer_has_a_time_per_repetition(model: Path, photos: Sequence[Path]) -> None:
    seconds = measure([model], photos, 2)

    assert list(seconds) == [(model, SHELL), (model, FOLDER), (model, STREAM)]
    assert all(len(values) == 2 and min(values) > 0 for values in seconds.values())


def test_what_the_command_says_is_the_error(model: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"classifier.json: no such file; name the folder of a trained"
    ):
        answer_from_shell(tmp_path / "gone", tmp_path / "photo.jpg")
    with (
        pytest.raises(InputError, match=r"^.*gone: no such folder"),
        watching(model, tmp_path / "gone"),
    ):
        pass


def test_a_photo_that_no_answer_would_come_of_is_named(tmp_path: Path) -> None:
    broken, other = tmp_path / "broken.jpg", tmp_path / "other.png"
    broken.write_bytes(b"no photo")
    Image.new("RGB", (20, 10)).save(other)

    for photo in (broken, other):
        with pytest.raises(InputError, match=f"^{re.escape(str(photo))}: "):
            check_jpegs([photo])
