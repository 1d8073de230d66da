"""Images chosen by the rows of a table, and their rows of the cached features."""

from pathlib import Path

import numpy as np
import pytest

from stages.outputs.features import open_features
from stages.outputs.manifest import Manifest
from stages.outputs.split import SplitRow
from stages.outputs.tables import write_table
from stages.outputs.views import Views, open_views
from stages.training.collection import Collection
from tests.feature_files import write_feature_files, write_view_files
from tests.table_rows import manifest_row
from waste_classifier.errors import InputError
from waste_classifier.model import Contract
from waste_classifier.orientations import ORIENTATIONS

PATHS = ["a/0.png", "a/1.png", "b/2.png", "b/3.png"]
# The table of splits stands in another order, and lacks the second image.
ROWS = [
    SplitRow("b/3.png", "b", "3", "train"),
    SplitRow("b/2.png", "b", "2", "val"),
    SplitRow("a/0.png", "a", "0", "train"),
]
# Feature 0 is 10 x image + orientation, feature 1 is -1, feature 2 is 100 x feature 0.
NUMBERS = (10 * np.arange(4)[:, np.newaxis] + np.arange(2)).astype(np.float32)
FEATURES = np.stack([NUMBERS, np.full_like(NUMBERS, -1), 100 * NUMBERS], axis=2)


def views_of(folder: Path, images: Manifest) -> Views:
    """Three views of each image: 1000 x image + number, in each column."""
    numbers = 1000 * np.arange(4)[:, np.newaxis] + np.arange(3)
    features = numbers[:, :, np.newaxis].repeat(3, axis=2).astype(np.float32)
    write_view_files(folder / "views", images, features)
    return open_views(images, folder / "views")


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    rows = [manifest_row(path) for path in PATHS]
    write_table(tmp_path / "manifest.csv", rows, type(rows[0]))
    images = Manifest(tmp_path / "manifest.csv")
    write_feature_files(tmp_path / "features", images, FEATURES)
    features = open_features(images, tmp_path / "features")
    contract = Contract(("a", "b"), ORIENTATIONS, 32)
    return Collection(
        contract, np.ones(3, np.bool_), images, features, views_of(tmp_path, images), memory_mib=1
    )


def test_images_keep_the_order_of_their_rows(collection: Collection) -> None:
    examples = collection.examples(ROWS[::2])

    assert list(map(str, examples.photos)) == ["data/raw/b/3.png", "data/raw/a/0.png"]
    assert examples.targets.tolist() == [[0, 1], [1, 0]]
    assert examples.targets.dtype == np.float32
    assert len(examples) == 2


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([True, False, True], [[[30, 3000], [31, 3100]], [[0, 0], [1, 100]]]),
        ([True, True, True], [[[30, -1, 3000], [31, -1, 3100]], [[0, -1, 0], [1, -1, 100]]]),
        ([False, False, False], [[[], []], [[], []]]),
    ],
)
def test_features_are_of_the_image_in_its_orientations_and_used_columns_only(
    collection: Collection,
    columns: list[bool],
    expected: list[list[list[float]]],
) -> None:
    examples = collection._replace(columns=np.array(columns)).examples(ROWS[::2])

    assert examples.features.dtype == np.float32
    assert examples.features.tolist() == expected
    assert examples.as_received.tolist() == [of_image[0] for of_image in expected]


def test_there_may_be_no_images(collection: Collection) -> None:
    examples = collection.examples([])

    assert len(examples) == 0
    assert examples.features.shape == (0, 2, 3)
    assert examples.targets.shape == (0, 2)


def test_an_image_that_the_manifest_lacks_is_named(collection: Collection) -> None:
    rows = [*ROWS, SplitRow("b/new.png", "b", "4", "train")]

    with pytest.raises(InputError, match=r"split\.csv: b/new\.png .*; run `dvc repro`"):
        collection.examples(rows)


def test_views_stand_behind_the_orientations_of_those_to_learn_from(collection: Collection) -> None:
    learned = collection.examples(ROWS[::2], with_views=True)
    judged = collection.examples(ROWS[::2])

    assert learned.features.shape == (2, 2 + 3, 3)
    np.testing.assert_array_equal(learned.features[:, :2], judged.features)
    assert learned.features[:, 2:, 0].tolist() == [[3000, 3001, 3002], [0, 1, 2]]
