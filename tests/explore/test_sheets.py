"""Sheets of images of plain colours, by the pixels and words on them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stages.explore.sheets import SIZE, example_sheet, pair_sheet, suspect_sheet
from stages.outputs.duplicates import DuplicateRow
from stages.outputs.suspects import SuspectRow
from waste_classifier.images import Photo

RED, BLUE = [255, 0, 0], [0, 0, 255]


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Photo]:
    """Two images of plain colours."""
    Image.new("RGB", (100, 100), "red").save(tmp_path / "red.png")
    Image.new("RGB", (200, 200), "blue").save(tmp_path / "blue.png")
    return {name: tmp_path / name for name in ("red.png", "blue.png")}


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def images_on(figure: Figure, rows: int, columns: int) -> list[list[list[int]]]:
    """Return the colours of squares that fill a sheet's images, from the first one's corner."""
    (sheet,) = figure.axes[0].get_images()
    pixels: npt.NDArray[np.uint8] = np.asarray(sheet.get_array())
    coloured = (pixels == RED).all(axis=2) | (pixels == BLUE).all(axis=2)
    inside = pixels[coloured.any(axis=1)][:, coloured.any(axis=0)]
    assert inside.shape == (rows * SIZE, columns * SIZE, 3)
    colours: list[list[list[int]]] = inside[SIZE // 2 :: SIZE, SIZE // 2 :: SIZE].tolist()
    return colours


def test_examples_stand_in_a_row_of_their_label(photos: dict[str, Photo]) -> None:
    examples = {"glass": ["red.png", "blue.png"], "trash": ["blue.png", "red.png"]}

    figure = example_sheet(photos, examples)

    assert words(figure) == ["Examples of each label", "glass", "trash"]
    assert images_on(figure, rows=2, columns=2) == [[RED, BLUE], [BLUE, RED]]


def test_a_label_of_fewer_examples_has_a_shorter_row(photos: dict[str, Photo]) -> None:
    figure = example_sheet(photos, {"glass": ["red.png", "blue.png"], "trash": ["blue.png"]})

    assert images_on(figure, rows=2, columns=2) == [[RED, BLUE], [BLUE, [255, 255, 255]]]


def test_pairs_stand_side_by_side_with_their_splits_and_distance(photos: dict[str, Photo]) -> None:
    pairs = [DuplicateRow("blue.png", "red.png", "perceptual", 3.0)]

    figure = pair_sheet(photos, pairs, {"blue.png": "train"}, "Near-duplicates")

    assert words(figure) == [
        "Near-duplicates",
        "blue.png (train)",
        "red.png (dropped)",
        "distance 3",
    ]
    assert images_on(figure, rows=1, columns=2) == [[BLUE, RED]]


def test_a_distance_of_features_is_a_fraction(photos: dict[str, Photo]) -> None:
    pairs = [DuplicateRow("blue.png", "red.png", "embedding", 0.2103)]

    figure = pair_sheet(photos, pairs, {"blue.png": "train", "red.png": "val"}, "Similar")

    assert words(figure)[1:] == ["blue.png (train)", "red.png (val)", "distance 0.2103"]


def test_a_sheet_without_pairs_says_so(photos: dict[str, Photo]) -> None:
    figure = pair_sheet(photos, [], {}, "Near-duplicates, nearest first", "none so near")

    assert words(figure) == ["Near-duplicates, nearest first: none so near"]


def test_suspect_files_stand_with_the_reason(photos: dict[str, Photo]) -> None:
    suspects = [SuspectRow("blue.png", "ends early")]

    assert words(suspect_sheet(photos, suspects)) == [
        "1 of 1 files that are likely damaged",
        *("blue.png", "ends early"),
    ]
    assert words(suspect_sheet(photos, [])) == [
        "0 of 0 files that are likely damaged: no decoder warned of any"
    ]
    assert words(suspect_sheet(photos, suspects * 25))[0].startswith("24 of 25 files")
