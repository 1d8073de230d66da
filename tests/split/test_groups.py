"""Groups of images that show the same thing, by pairs of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.outputs.duplicates import DuplicateColumns, DuplicateRow, duplicate_columns
from stages.split.groups import Groups, MixedGroups, group_images, mixed_groups
from tests.table_rows import manifest_row, written_manifest
from waste_classifier.errors import InputError

PATHS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]


def pairs(*linked: str, of_objects: str = "") -> DuplicateColumns:
    """Pairs of the images a to e by perceptual hash, as in `ab`, and maybe by embedding."""
    named = [*linked, *of_objects.split()]
    ends = [("abcde".index(pair[0]), "abcde".index(pair[1])) for pair in named]
    return columns(ends)._replace(is_perceptual=np.arange(len(named)) < len(linked))


def columns(ends: list[tuple[int, int]]) -> DuplicateColumns:
    """Pairs of images by perceptual hash, by their positions."""
    left, right = np.array(ends, np.int32).reshape(-1, 2).T
    return DuplicateColumns(left, right, np.ones(len(ends), np.bool_), np.zeros(len(ends)))


def test_groups_of_several_labels_are_counted() -> None:
    labels = np.array([0, 1, 1, 1, 2, 0], np.int32)

    assert mixed_groups(Groups(labels, np.array([0, 0, 0, 3, 4, 4], np.int32))) == MixedGroups(
        2, 5, 3
    )
    assert mixed_groups(Groups(labels, np.arange(6, dtype=np.int32))) == MixedGroups(0, 0, 0)


@pytest.mark.parametrize(
    ("group_by", "firsts"),
    [
        ("none", [0, 1, 2, 3, 4]),
        ("perceptual", [0, 0, 2, 3, 4]),
        ("embedding", [0, 0, 0, 3, 3]),
    ],
)
def test_each_kind_of_pair_counts_where_it_is_asked_for(group_by: str, firsts: list[int]) -> None:
    assert group_images(5, pairs("ab", of_objects="bc de"), group_by).tolist() == firsts


def test_a_chain_of_pairs_is_one_group() -> None:
    assert group_images(5, pairs("bd", "ad"), "perceptual").tolist() == [0, 0, 2, 0, 4]


def test_dropped_images_connect_others_but_are_in_no_group() -> None:
    chain = pairs("ac", "ce")

    assert group_images(5, chain, "perceptual", dropped=[0]).tolist() == [0, 1, 2, 3, 2]
    assert group_images(5, chain, "perceptual", dropped=[2]).tolist() == [0, 1, 2, 3, 0]
    assert group_images(5, chain, "perceptual", dropped=[0, 2]).tolist() == [0, 1, 2, 3, 4]


def test_pairs_of_other_images_are_refused(tmp_path: Path) -> None:
    images = written_manifest(tmp_path, map(manifest_row, PATHS))
    message = r"data/duplicates\.csv: z\.jpg is not in data/manifest\.csv; run `dvc repro`"

    with pytest.raises(InputError, match=message):
        duplicate_columns([DuplicateRow("a.jpg", "z.jpg", "perceptual", 1)], images)


def test_without_images_there_are_no_groups() -> None:
    assert group_images(0, pairs(), "embedding").tolist() == []


def test_groups_know_the_labels_in_them() -> None:
    # The group of 0, 2 and 4 holds two labels, 3 stands alone, and 1 is in no group.
    labels = np.array([1, -1, 0, 2, 1], np.int32)
    groups = Groups(labels, np.array([0, 1, 0, 3, 0], np.int32))

    assert groups.all().tolist() == [0, 3]
    assert groups.count() == 2
    assert groups.content(0) == {0: 1, 1: 2}
    assert groups.content(3) == {2: 1}
    assert groups.images_per_label(4).tolist() == [1, 2, 1, 0]


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

    firsts = group_images(count, columns(linked), "perceptual")

    # Each image takes the least number among those that it is linked to, until none changes.
    expected = list(range(count))
    for _ in range(count):
        for left, right in linked:
            expected[left] = expected[right] = min(expected[left], expected[right])
    assert firsts.tolist() == expected
