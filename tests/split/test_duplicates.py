import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from stages.split.duplicates import find_conflicts, group_images
from stages.split.images import Images


def images(*paths: str) -> Images:
    labels = [path.partition("/")[0] for path in paths]
    checksums = np.arange(4 * len(paths), dtype=np.uint64).reshape(-1, 4)
    return Images(list(paths), labels, checksums, np.zeros(len(paths), np.uint64))


def test_identical_images_under_different_labels_are_conflicts() -> None:
    conflicts = find_conflicts(images("glass/1.jpg", "glass/2.jpg", "metal/1.jpg"), [0, 1, 0])

    assert {position: row[:2] for position, row in conflicts.items()} == {
        0: ("glass/1.jpg", "glass"),
        2: ("metal/1.jpg", "metal"),
    }
    # The numbers 0 to 3, least significant byte first.
    assert conflicts[0].sha256 == "".join(f"{number:02x}" + "00" * 7 for number in range(4))


def test_identical_images_under_one_label_are_no_conflict() -> None:
    assert find_conflicts(images("glass/1.jpg", "glass/2.jpg"), [0, 0]) == {}


def test_a_group_is_the_position_of_its_first_image() -> None:
    assert group_images(3, [(2, 0)]).tolist() == [0, 1, 0]


def test_a_chain_of_pairs_is_one_group() -> None:
    assert group_images(4, [(1, 3), (0, 3)]).tolist() == [0, 0, 2, 0]


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

    groups = group_images(count, iter(pairs))

    linked = np.zeros((count, count), np.bool_)
    for left, right in pairs:
        linked[left, right] = True
    _, components = connected_components(linked, directed=False)
    first = [components.tolist().index(component) for component in components]
    assert groups.tolist() == first
