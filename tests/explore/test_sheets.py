from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.explore.sheets import (
    SQUARE,
    TILE,
    example_sheet,
    label_error_sheet,
    pair_sheet,
    tile,
)
from stages.explore.summary import DuplicatePair
from stages.manifest import LabelErrorRow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two images of plain colours, one wide and one high."""
    Image.new("RGB", (200, 100), "red").save(tmp_path / "wide.png")
    Image.new("RGB", (100, 200), "blue").save(tmp_path / "high.png")
    return tmp_path


def test_a_tile_keeps_the_aspect_ratio(photos: Path) -> None:
    red = np.all(tile(photos / "wide.png") == (255, 0, 0), axis=2)

    assert red.shape == (SQUARE, SQUARE)
    assert red.any(axis=1).sum() == TILE // 2
    assert red.any(axis=0).sum() == TILE


def test_examples_stand_in_a_row_of_their_label(photos: Path) -> None:
    examples = {"glass": ["wide.png", "high.png"], "trash": ["high.png"]}

    (axes,) = example_sheet(photos, examples).axes

    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass", "trash"]
    (sheet,) = axes.get_images()
    pixels = np.asarray(sheet.get_array())
    centres = pixels[SQUARE // 2 :: SQUARE, SQUARE // 2 :: SQUARE]
    red, blue, white = [255, 0, 0], [0, 0, 255], [255, 255, 255]
    assert centres.tolist() == [[red, blue], [blue, white]]


def test_pairs_stand_side_by_side_with_their_splits_and_distance(photos: Path) -> None:
    pairs = [DuplicatePair(3, "high.png", "wide.png")]

    figure = pair_sheet(photos, pairs, {"high.png": "train"}, "Near-duplicates")

    assert figure.get_suptitle() == "Near-duplicates"
    axes = figure.axes[0]
    assert axes.get_title() == "high.png (train)\nwide.png (dropped)\ndistance 3"
    pixels = np.asarray(axes.get_images()[0].get_array())
    assert pixels[SQUARE // 2, [SQUARE // 2, SQUARE + SQUARE // 2]].tolist() == [
        [0, 0, 255],
        [255, 0, 0],
    ]


def test_a_distance_of_features_is_a_fraction(photos: Path) -> None:
    pairs = [DuplicatePair(0.2103, "high.png", "wide.png")]

    figure = pair_sheet(photos, pairs, {"high.png": "train", "wide.png": "val"}, "Similar")

    assert figure.axes[0].get_title() == "high.png (train)\nwide.png (val)\ndistance 0.2103"


def test_a_sheet_without_pairs_says_so(photos: Path) -> None:
    figure = pair_sheet(photos, [], {}, "Near-duplicates, nearest first")

    assert figure.get_suptitle() == "Near-duplicates, nearest first: none"
    assert figure.axes == []


def test_likely_label_errors_stand_with_the_label_they_rather_have(photos: Path) -> None:
    label_errors = [
        LabelErrorRow(1, "wide.png", "glass", "metal", "0.0100"),
        LabelErrorRow(2, "high.png", "trash", "paper", "0.2000"),
    ]

    figure = label_error_sheet(photos, label_errors)

    titles = [axes.get_title() for axes in figure.axes]
    # Places for three in a row, the last of which is empty.
    assert titles == ["wide.png\nrather metal?", "high.png\nrather paper?", ""]
    pixels = np.asarray(figure.axes[1].get_images()[0].get_array())
    assert pixels[SQUARE // 2, SQUARE // 2].tolist() == [0, 0, 255]


def test_a_sheet_without_label_errors_says_so(photos: Path) -> None:
    figure = label_error_sheet(photos, [])

    assert figure.get_suptitle() == "Likely label errors, likeliest first: none"
    assert figure.axes == []
