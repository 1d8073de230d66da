"""The classifier on photos that were made worse, and on those of others."""

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from experiments.corruptions import CORRUPTIONS
from experiments.outside import (
    Score,
    parse_accepted,
    photos_by_folder,
    scores_of_folders,
)
from waste_classifier.errors import InputError
from waste_classifier.images import Photo, load

Pixels = npt.NDArray[np.uint8]


class ByColour:
    """Stands for a classifier: the strongest of red, green and blue."""

    labels = ("cardboard", "glass", "paper")
    image_size = 32

    def predict(self, photos: list[Photo]) -> npt.NDArray[np.float64]:
        colours = np.array([np.asarray(load(photo))[0, 0] for photo in photos], float)
        shares: npt.NDArray[np.float64] = colours / colours.sum(axis=1, keepdims=True)
        return shares


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Of glass three photos, one of them red; of either paper or cardboard two, one green."""
    for path, colour in {
        "web/glass/1.png": (0, 255, 0),
        "web/glass/2.PNG": (0, 200, 55),
        "web/glass/3.png": (255, 0, 0),
        "web/paper_or_cardboard/1.png": (255, 0, 0),
        "web/paper_or_cardboard/2.png": (0, 255, 0),
        "web/wood/1.png": (0, 255, 0),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), colour).save(tmp_path / path)
    (tmp_path / "web/glass/notes.txt").write_text("no photo")
    return tmp_path


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder.with_name("zipped")), "zip", folder))


@pytest.mark.parametrize("given", [Path, zipped])
def test_recall_is_counted_by_folder(
    given: Callable[[Path], Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scores_of_folders(
        ByColour(),  # type: ignore[arg-type]
        given(photos),
        parse_accepted(["paper_or_cardboard=paper, cardboard"], ByColour.labels),
    )

    assert [each[:4] for each in found] == [
        ("glass", 2, 3, 3),
        ("paper_or_cardboard", 1, 2, 2),
    ]
    assert found[0].confidence == pytest.approx((1 + 200 / 255 + 1) / 3)
    said = capsys.readouterr().err
    assert "wood: left out" in said
    assert "not looked at: 1 .txt" in said


def test_folders_that_are_no_labels_are_an_error(photos: Path) -> None:
    with pytest.raises(InputError, match="no folder of photos is named as a label"):
        scores_of_folders(ByColour(), photos / "web/wood", {})  # type: ignore[arg-type]


def test_a_score_has_wilsons_interval() -> None:
    # Newcombe 1998, table 1: 15 of 148.
    line = Score("glass", 15, 148, 148, 0.5).line(5)

    assert line.startswith("glass  0.1014  (95 % 0.0624 to 0.1605)")


@pytest.mark.parametrize("value", ["paper", "paper="])
def test_what_is_accepted_needs_a_label(value: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"--accept {value}: expected FOLDER=LABEL")):
        parse_accepted([value], ByColour.labels)


def test_what_is_accepted_must_be_a_label_of_a_folder_that_is_there(photos: Path) -> None:
    with pytest.raises(InputError, match="has no label 'papr', but cardboard, glass, paper"):
        parse_accepted(["wood=papr"], ByColour.labels)
    with pytest.raises(InputError, match="--accept woud=…: no such folder among the photos"):
        scores_of_folders(ByColour(), photos, {"woud": ["paper"]})  # type: ignore[arg-type]


def test_a_folder_of_one_label_is_found_beside_what_systems_leave(photos: Path) -> None:
    shutil.rmtree(photos / "web/paper_or_cardboard")
    shutil.rmtree(photos / "web/wood")
    (photos / "__MACOSX").mkdir()
    (photos / "web/glass/._1.png").write_text("no photo")
    shutil.copytree(photos / "web/glass", photos / "web/glass/.thumbs")
    # Beside the folders of labels, it has none.
    shutil.copy(photos / "web/glass/3.png", photos / "web/3.png")

    assert list(photos_by_folder(photos, ["glass"])) == ["glass"]
    found = scores_of_folders(ByColour(), photos, {})  # type: ignore[arg-type]

    assert [each[:3] for each in found] == [("glass", 2, 3)]


def test_photos_within_a_folder_of_a_label_are_of_it(photos: Path) -> None:
    (photos / "web/glass").rename(photos / "web/first")
    (photos / "web/glass").mkdir()
    (photos / "web/first").rename(photos / "web/glass/first")

    found = scores_of_folders(ByColour(), photos, {})  # type: ignore[arg-type]

    assert [each[:3] for each in found] == [("glass", 2, 3)]


def test_an_archive_that_can_not_be_unpacked_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("glass/1.png", b"photo" * 1000)
    content = bytearray(archive.read_bytes())
    content[45:50] = b"\xff" * 5
    archive.write_bytes(content)

    for path, message in (
        (archive, r"photos\.zip/glass/1\.png: can't be unpacked"),
        (tmp_path / "gone", "gone: no such file or folder"),
        (Path(__file__), r"test_outside\.py: neither a folder nor a \.zip"),
    ):
        with pytest.raises(InputError, match=message):
            scores_of_folders(ByColour(), path, {})  # type: ignore[arg-type]


@pytest.fixture
def thing() -> Pixels:
    """A dark square in the middle of light ground."""
    image = np.full((96, 96, 3), 220, np.uint8)
    image[32:64, 32:64] = 40
    return image


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
@pytest.mark.parametrize("side", [32, 96])
def test_corruptions_change_a_photo_and_leave_it_one(
    corruption: Callable[[Pixels], Pixels], side: int, thing: Pixels
) -> None:
    thing = np.asarray(Image.fromarray(thing).resize((side, side)))
    before = thing.copy()

    changed = corruption(thing)

    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert changed.shape[2] == 3
    assert not np.array_equal(changed, thing)
    np.testing.assert_array_equal(thing, before)


def test_only_the_ground_becomes_striped(thing: Pixels) -> None:
    striped = CORRUPTIONS["on stripes"](thing)

    np.testing.assert_array_equal(striped[40:56, 40:56], thing[40:56, 40:56])
    assert len(np.unique(striped[:20].reshape(-1, 3), axis=0)) == 2


def test_far_away_is_half_as_large(thing: Pixels) -> None:
    far = CORRUPTIONS["far away"](thing)

    assert (far[..., 0] < 100).sum() == pytest.approx((thing[..., 0] < 100).sum() / 4, rel=0.1)
