"""Groups of images that show the same thing, by pairs of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.outputs.duplicates import DuplicateKind, DuplicateRow
from stages.split.groups import MixedGroups, group_images, mixed_groups, name_groups
from tests.table_rows import manifest_columns
from waste_classifier.errors import InputError

PATHS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]


def pair(left: str, right: str, kind: DuplicateKind = "perceptual") -> DuplicateRow:
    return DuplicateRow(f"{left}.jpg", f"{right}.jpg", kind, 0.1)


def test_groups_of_several_labels_are_counted() -> None:
    labels = ["glass", "metal", "metal", "metal", "paper", "glass"]

    assert mixed_groups(labels, np.array([0, 0, 0, 1, 2, 2])) == MixedGroups(2, 5, 3)
    assert mixed_groups(labels, np.arange(6)) == MixedGroups(0, 0, 0)


@pytest.mark.parametrize(
    ("group_by", "names"),
    [
        ("none", ["a", "b", "c", "d", "e"]),
        ("perceptual", ["a", "a", "c", "d", "e"]),
        ("embedding", ["a", "a", "a", "d", "d"]),
    ],
)
def test_each_kind_of_pair_counts_where_it_is_asked_for(group_by: str, names: list[str]) -> None:
    pairs = [pair("a", "b"), pair("b", "c", "embedding"), pair("d", "e", "embedding")]

    groups = group_images(manifest_columns(PATHS), pairs, group_by)

    assert name_groups(PATHS, groups) == [f"{name}.jpg" for name in names]


def test_a_chain_of_pairs_is_one_group() -> None:
    groups = group_images(manifest_columns(PATHS), [pair("b", "d"), pair("a", "d")], "perceptual")

    assert name_groups(PATHS, groups) == ["a.jpg", "a.jpg", "c.jpg", "a.jpg", "e.jpg"]


def test_a_group_has_the_name_of_its_first_image_that_is_named() -> None:
    groups = group_images(manifest_columns(PATHS), [pair("a", "c"), pair("c", "e")], "perceptual")
    without_the_first = groups[1:]

    assert name_groups(PATHS[1:], without_the_first) == ["b.jpg", "c.jpg", "d.jpg", "c.jpg"]


def test_pairs_of_other_images_are_refused() -> None:
    message = r"data/duplicates\.csv: z\.jpg is not in data/manifest\.csv; run `dvc repro`"

    with pytest.raises(InputError, match=message):
        group_images(manifest_columns(PATHS), [pair("a", "z")], "perceptual")


def test_without_images_there_are_no_groups() -> None:
    assert name_groups([], np.array([], np.intp)) == []


@st.composite
def links(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A number of images, and pairs of them."""
    count = draw(st.integers(1, 30))
    position = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(position, position), max_size=40))


@settings(deadline=None)
@given(links())
def test_images_share_a_group_exactly_if_pairs_lead_from_one_to_the_other(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    count, linked = drawn
    paths = [f"{number:02}.jpg" for number in range(count)]
    rows = [DuplicateRow(paths[left], paths[right], "perceptual", 1) for left, right in linked]

    groups = group_images(manifest_columns(paths), iter(rows), "perceptual")

    # Each image takes the least number among those that it is linked to, until none changes.
    expected = list(range(count))
    for _ in range(count):
        for left, right in linked:
            expected[left] = expected[right] = min(expected[left], expected[right])
    assert name_groups(paths, groups) == [paths[first] for first in expected]
