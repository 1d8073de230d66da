"""The numbers of a small data set, worked out by hand."""

from pathlib import Path

from stages.explore.images import read_images
from stages.explore.summary import nearest_first, summarise
from stages.outputs.duplicates import DuplicateRow, duplicate_columns
from stages.outputs.manifest import ManifestRow
from stages.outputs.split import SplitRow
from tests.table_rows import manifest_row, written_manifest


def near(left: str, right: str, distance: float) -> DuplicateRow:
    return DuplicateRow(f"{left}.jpg", f"{right}.jpg", "perceptual", distance)


def similar(left: str, right: str, distance: float) -> DuplicateRow:
    return near(left, right, distance)._replace(kind="embedding")


def image(path: str, width: int, height: int, size: int, content: str = "") -> ManifestRow:
    return manifest_row(path, content)._replace(width=width, height=height, bytes=size)


def test_pairs_of_one_kind_come_nearest_first(tmp_path: Path) -> None:
    pairs = [
        near("a/2", "b/2", 2),
        near("a/1", "b/2", 1),
        similar("a/1", "c/1", 0.04),
        near("a/1", "b/1", 1),
        similar("a/1", "b/1", 0.02),
    ]
    images = written_manifest(
        tmp_path, (manifest_row(f"{each}.jpg") for each in ("a/1", "a/2", "b/1", "b/2", "c/1"))
    )
    columns = duplicate_columns(sorted(pairs), images)

    perceptual = [columns.row(number, images) for number in nearest_first(columns, "perceptual")]
    embedding = [columns.row(number, images) for number in nearest_first(columns, "embedding")]

    # Of equal distance, by their paths.
    assert perceptual == [near("a/1", "b/1", 1), near("a/1", "b/2", 1), near("a/2", "b/2", 2)]
    assert embedding == [similar("a/1", "b/1", 0.02), similar("a/1", "c/1", 0.04)]


def test_a_data_set_without_pairs_has_none(tmp_path: Path) -> None:
    received = written_manifest(tmp_path, [manifest_row("a/1.jpg")])
    images = read_images(received, [SplitRow("a/1.jpg", "a", "a/1.jpg", "train")])

    metrics = summarise(images, duplicate_columns([], received), 0, 0, 0)

    assert metrics["duplicates/near_pairs"] == metrics["similar/pairs_across_labels"] == 0


def test_numbers_of_a_small_data_set(tmp_path: Path) -> None:
    received = [
        image("glass/1.jpg", 100, 50, 10),
        image("glass/2.jpg", 200, 60, 20),
        image("glass/3.jpg", 300, 70, 30),
        image("glass/4.jpg", 300, 70, 30, content="same"),
        image("trash/1.jpg", 400, 80, 40, content="same"),
        image("trash/2.jpg", 500, 90, 90),
    ]
    rows = [
        SplitRow("glass/1.jpg", "glass", "glass/1.jpg", "train"),
        SplitRow("glass/2.jpg", "glass", "glass/1.jpg", "train"),
        SplitRow("glass/3.jpg", "glass", "glass/3.jpg", "val"),
        SplitRow("trash/2.jpg", "trash", "trash/2.jpg", "test"),
    ]
    pairs = [
        near("glass/4", "trash/1", 0),
        near("glass/1", "glass/2", 2),
        near("glass/2", "glass/3", 4),
        near("glass/2", "glass/4", 4),
        similar("glass/1", "glass/3", 0.05),
        similar("glass/1", "trash/2", 0.1),
        similar("glass/1", "glass/2", 0.2),
        similar("glass/4", "trash/2", 0.2),
    ]
    manifest = written_manifest(tmp_path, received)
    images = read_images(manifest, rows)

    metrics = summarise(
        images,
        duplicate_columns(pairs, manifest),
        identical_copies=1,
        conflicts=2,
        suspects=1,
    )

    assert metrics == {
        "images/received": 6,
        "images/dropped": 2,
        "images/used": 4,
        "images/suspect": 1,
        "labels": 2,
        "imbalance_ratio": 3.0,
        "duplicates/identical_copies": 1,
        "duplicates/identical_under_different_labels": 2,
        "duplicates/near_pairs": 4,
        "duplicates/near_pairs_across_splits": 1,  # of pairs with a dropped image, none
        "similar/pairs": 4,
        "similar/pairs_across_splits": 2,
        "similar/pairs_across_labels": 2,  # also of dropped images, which have a label
        "groups": 3,
        "width/min": 100,
        "width/median": 300.0,
        "width/max": 500,
        "height/min": 50,
        "height/median": 70.0,
        "height/max": 90,
        "bytes/min": 10,
        "bytes/median": 30.0,
        "bytes/max": 90,
        "splits/train": 2,
        "splits/val": 1,
        "splits/test": 1,
        "per_label/glass/train": 2,
        "per_label/glass/val": 1,
        "per_label/glass/test": 0,
        "per_label/trash/train": 0,
        "per_label/trash/val": 0,
        "per_label/trash/test": 1,
    }
