from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.explore.sheets import SQUARE, TILE, example_sheet, pair_sheet, tile
from stages.explore.summary import DuplicatePair


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

    figure = pair_sheet(photos, pairs, {"high.png": "train"})

    axes = figure.axes[0]
    assert axes.get_title() == "high.png (train)\nwide.png (dropped)\ndistance 3"
    pixels = np.asarray(axes.get_images()[0].get_array())
    assert pixels[SQUARE // 2, [SQUARE // 2, SQUARE + SQUARE // 2]].tolist() == [
        [0, 0, 255],
        [255, 0, 0],
    ]


def test_a_sheet_without_pairs_says_so(photos: Path) -> None:
    figure = pair_sheet(photos, [], {})

    assert figure.get_suptitle() == "No near-duplicates were found"
    assert figure.axes == []
