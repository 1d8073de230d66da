from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from stages.manifest import ConflictRow, ManifestRow
from stages.split.duplicates import find_conflicts, group_near_duplicates


def image(path: str, sha256: str, phash: int = 0) -> ManifestRow:
    return ManifestRow(path, Path(path).parent.name, 1, 1, 1, sha256, f"{phash:016x}")


def test_identical_images_under_different_labels_are_conflicts() -> None:
    rows = [image("glass/1.jpg", "a"), image("glass/2.jpg", "b"), image("metal/1.jpg", "a")]

    assert find_conflicts(rows) == [
        ConflictRow("glass/1.jpg", "glass", "a"),
        ConflictRow("metal/1.jpg", "metal", "a"),
    ]


def test_identical_images_under_one_label_are_no_conflict() -> None:
    assert find_conflicts([image("glass/1.jpg", "a"), image("glass/2.jpg", "a")]) == []


def test_a_group_is_named_after_its_first_image() -> None:
    rows = [
        image("glass/1.jpg", "a", 0b0000),
        image("glass/2.jpg", "b", 0xFFFF),
        image("metal/1.jpg", "c", 0b0001),
    ]

    assert group_near_duplicates(rows, 1) == ["glass/1.jpg", "glass/2.jpg", "glass/1.jpg"]


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    rows = [
        image("paper/1.jpg", "a", 0b000000),
        image("paper/2.jpg", "b", 0b111111),
        image("paper/3.jpg", "c", 0b000111),
    ]

    assert group_near_duplicates(rows, 3) == ["paper/1.jpg"] * 3
    assert group_near_duplicates(rows, 2) == ["paper/1.jpg", "paper/2.jpg", "paper/3.jpg"]


def test_identical_files_are_one_group_whatever_their_hash_says() -> None:
    rows = [image("paper/1.jpg", "a", 0), image("paper/2.jpg", "a", 2**64 - 1)]

    assert group_near_duplicates(rows, 0) == ["paper/1.jpg"] * 2


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=30), st.integers(0, 3))
def test_groups_are_the_connected_components_of_all_near_pairs(
    hashes: list[int], max_distance: int
) -> None:
    rows = [image(f"paper/{i:02}.jpg", str(i), phash) for i, phash in enumerate(hashes)]

    groups = group_near_duplicates(rows, max_distance)

    near = [[(a ^ b).bit_count() <= max_distance for b in hashes] for a in hashes]
    _, components = connected_components(np.array(near), directed=False)
    first = [rows[components.tolist().index(component)].path for component in components]
    assert groups == first
