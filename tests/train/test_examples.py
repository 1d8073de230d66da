"""The images of one split and their rows of the cached features."""

from pathlib import Path

import numpy as np
import pytest

from stages.manifest import ManifestRow, SplitRow
from stages.train.examples import examples_of

PATHS = ["a/0.png", "a/1.png", "b/2.png", "b/3.png"]
MANIFEST = [ManifestRow(path, path[0], 1, 1, 1, "", "") for path in PATHS]
# The table of splits stands in another order, and lacks the second image.
ROWS = [
    SplitRow("b/3.png", "b", "3", "train"),
    SplitRow("b/2.png", "b", "2", "val"),
    SplitRow("a/0.png", "a", "0", "train"),
]
# Feature 0 is 10 x image + orientation, feature 1 is -1, feature 2 is 100 x feature 0.
NUMBERS = (10 * np.arange(4)[:, np.newaxis] + np.arange(2)).astype(np.float32)
FEATURES = np.stack([NUMBERS, np.full_like(NUMBERS, -1), 100 * NUMBERS], axis=2)


def test_images_of_a_split_keep_the_order_of_its_table() -> None:
    examples = examples_of("train", ROWS, ["a", "b"], MANIFEST, FEATURES, np.ones(3, np.bool_))

    assert examples.paths == [Path("data/raw/b/3.png"), Path("data/raw/a/0.png")]
    assert examples.targets.tolist() == [[0, 1], [1, 0]]
    assert examples.targets.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([True, False, True], [[31, 3100], [1, 100], [30, 3000]]),
        ([True, True, True], [[31, -1, 3100], [1, -1, 100], [30, -1, 3000]]),
    ],
)
def test_rows_are_of_the_image_in_the_orientation_and_used_columns_only(
    columns: list[bool], expected: list[list[float]]
) -> None:
    examples = examples_of("train", ROWS, ["a", "b"], MANIFEST, FEATURES, np.array(columns))
    images, views = np.array([0, 1, 0]), np.array([1, 1, 0])
    given = np.zeros((3, sum(columns)), np.float32)

    rows = examples.rows(images, views)
    filled = examples.rows(images, views, out=given)

    assert rows.tolist() == expected
    assert filled is given
    assert given.tolist() == expected
