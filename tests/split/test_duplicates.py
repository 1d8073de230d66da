from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from stages.manifest import ConflictRow, ManifestRow
from stages.split.duplicates import find_conflicts, group_near_duplicates


def image(path: str, sha256: str) -> ManifestRow:
    return ManifestRow(path, Path(path).parent.name, 1, 1, 1, sha256, "0" * 16)


def test_identical_images_under_different_labels_are_conflicts() -> None:
    rows = [image("glass/1.jpg", "a"), image("glass/2.jpg", "b"), image("metal/1.jpg", "a")]

    assert find_conflicts(rows) == [
        ConflictRow("glass/1.jpg", "glass", "a"),
        ConflictRow("metal/1.jpg", "metal", "a"),
    ]


def test_identical_images_under_one_label_are_no_conflict() -> None:
    assert find_conflicts([image("glass/1.jpg", "a"), image("glass/2.jpg", "a")]) == []


def test_a_group_is_named_after_its_first_image() -> None:
    rows = [image("glass/1.jpg", "a"), image("glass/2.jpg", "b"), image("metal/1.jpg", "c")]

    assert group_near_duplicates(rows, [(2, 0)]) == ["glass/1.jpg", "glass/2.jpg", "glass/1.jpg"]


def test_a_chain_of_pairs_is_one_group() -> None:
    rows = [image(f"paper/{number}.jpg", str(number)) for number in range(4)]

    assert group_near_duplicates(rows, [(1, 3), (0, 3)]) == [
        "paper/0.jpg",
        "paper/0.jpg",
        "paper/2.jpg",
        "paper/0.jpg",
    ]


def test_identical_files_are_one_group_without_a_pair() -> None:
    rows = [image("paper/1.jpg", "a"), image("paper/2.jpg", "b"), image("paper/3.jpg", "a")]

    assert group_near_duplicates(rows, []) == ["paper/1.jpg", "paper/2.jpg", "paper/1.jpg"]


@st.composite
def links(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A number of images, and pairs of them."""
    count = draw(st.integers(1, 30))
    position = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(position, position), max_size=40))


@settings(deadline=None)
@given(links())
def test_groups_are_the_connected_components_of_all_pairs(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    count, pairs = drawn
    rows = [image(f"paper/{number:02}.jpg", str(number)) for number in range(count)]

    groups = group_near_duplicates(rows, iter(pairs))

    linked = np.zeros((count, count), np.bool_)
    for left, right in pairs:
        linked[left, right] = True
    _, components = connected_components(linked, directed=False)
    first = [rows[components.tolist().index(component)].path for component in components]
    assert groups == first
