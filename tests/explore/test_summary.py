import numpy as np

from stages.explore.summary import DuplicatePair, find_pairs, find_similar_pairs, summarise
from stages.manifest import ConflictRow, LabelErrorRow, ManifestRow, SplitRow


def test_pairs_are_found_nearest_first() -> None:
    hashes = {"a/1.jpg": 0b0111, "a/2.jpg": 0b0000, "b/1.jpg": 0b0111, "b/2.jpg": 0b0110}
    rows = [
        ManifestRow(path, path[0], 1, 1, 1, path, f"{phash:016x}") for path, phash in hashes.items()
    ]

    assert find_pairs(rows, max_distance=2) == [
        DuplicatePair(0, "a/1.jpg", "b/1.jpg"),
        DuplicatePair(1, "a/1.jpg", "b/2.jpg"),
        DuplicatePair(2, "a/2.jpg", "b/2.jpg"),
    ]


def test_similar_pairs_are_found_nearest_first() -> None:
    rows = [SplitRow(path, path[0], path, "train") for path in ("b/1.jpg", "a/1.jpg", "c/1.jpg")]
    # Cosines: 0.8 of the first two, 0.96 of the last two, 0.6 of the first and the last.
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)

    assert find_similar_pairs(rows, vectors, max_distance=0.3) == [
        DuplicatePair(0.04, "a/1.jpg", "c/1.jpg"),
        DuplicatePair(0.2, "a/1.jpg", "b/1.jpg"),
    ]


def test_numbers_of_a_small_data_set() -> None:
    received = [
        ManifestRow("glass/1.jpg", "glass", 100, 50, 10, "a", "0" * 16),
        ManifestRow("glass/2.jpg", "glass", 200, 60, 20, "b", "0" * 16),
        ManifestRow("glass/3.jpg", "glass", 300, 70, 30, "c", "0" * 16),
        ManifestRow("glass/4.jpg", "glass", 300, 70, 30, "d", "0" * 16),
        ManifestRow("trash/1.jpg", "trash", 400, 80, 40, "d", "0" * 16),
        ManifestRow("trash/2.jpg", "trash", 500, 90, 90, "e", "0" * 16),
    ]
    rows = [
        SplitRow("glass/1.jpg", "glass", "glass/1.jpg", "train"),
        SplitRow("glass/2.jpg", "glass", "glass/1.jpg", "train"),
        SplitRow("glass/3.jpg", "glass", "glass/3.jpg", "val"),
        SplitRow("trash/2.jpg", "trash", "trash/2.jpg", "test"),
    ]
    conflicts = [ConflictRow("glass/4.jpg", "glass", "d"), ConflictRow("trash/1.jpg", "trash", "d")]
    pairs = [
        DuplicatePair(0, "glass/4.jpg", "trash/1.jpg"),
        DuplicatePair(2, "glass/1.jpg", "glass/2.jpg"),
        DuplicatePair(4, "glass/2.jpg", "glass/3.jpg"),
        DuplicatePair(4, "glass/2.jpg", "glass/4.jpg"),
    ]

    similar = [
        DuplicatePair(0.05, "glass/1.jpg", "glass/3.jpg"),
        DuplicatePair(0.1, "glass/1.jpg", "trash/2.jpg"),
        DuplicatePair(0.2, "glass/1.jpg", "glass/2.jpg"),
    ]
    label_errors = [LabelErrorRow(1, "glass/1.jpg", "glass", "trash", "0.1000")]

    assert summarise(received, rows, conflicts, pairs, similar, label_errors) == {
        "images/received": 6,
        "images/dropped": 2,
        "images/used": 4,
        "labels": 2,
        "imbalance_ratio": 3.0,
        "duplicates/identical_copies": 1,
        "duplicates/identical_under_different_labels": 2,
        "duplicates/near_pairs": 4,
        "duplicates/near_pairs_across_splits": 1,  # of pairs with a dropped image, none
        "similar/pairs": 3,
        "similar/pairs_across_splits": 2,
        "similar/pairs_across_labels": 1,
        "label_errors": 1,
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
