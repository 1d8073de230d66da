"""What is said of photos of others; `tests.classifier_folder` has what the classifier sees."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from experiments.unsure_outside import main
from tests.classifier_folder import without_network, write_classifier
from waste_classifier.errors import InputError

COLOURS = {
    "glass/1.png": (255, 0, 0),
    "glass/2.png": (0, 255, 0),
    "glass/batch1/3.png": (0, 0, 0),
    "shiny/1.png": (0, 255, 0),
    "wood/1.png": (150, 140, 0),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of glass one is red, as it should be, one is green and one dark; shiny things are metal."""
    without_network(monkeypatch)
    for name, colour in COLOURS.items():
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), colour).save(file)
    return write_classifier(tmp_path / "classifier")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    photos = str(folder.with_name("photos"))
    words = ["outside", photos, "--model", str(folder), *arguments]
    monkeypatch.setattr(sys, "argv", words)
    main()


def test_each_folder_and_all_with_a_label_have_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, folder, "--accept", "shiny=metal,glass")

    said = capsys.readouterr().out
    as_it_is = said.split("adapted to these photos:")[0]
    rows = {line.split("  ")[0]: line.split() for line in as_it_is.splitlines()}
    # Photos, unlike, of no label, unsure, decided, right of these: red is, green is not.
    assert rows["glass"][1:7] == ["3", "0.333", "0.000", "0.333", "2", "0.500"]
    assert rows["shiny"][1:7] == ["1", "0.000", "0.000", "0.000", "1", "1.000"]
    assert rows["wood"][5] == "0"
    assert rows["all with a label"][3:9] == ["label", "4", "0.250", "0.000", "0.250", "3"]
    assert "photos of no label told by probability: AUROC" in as_it_is
    assert "by probabilities alone" in said.split("adapted to these photos:")[1]


def test_a_photo_that_can_not_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.with_name("photos") / "glass/4.png").write_text("no photo")

    with pytest.raises(InputError, match=r"glass/4\.png"):
        run(monkeypatch, folder)
