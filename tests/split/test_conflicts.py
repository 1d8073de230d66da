"""Identical images that stand under different labels."""

import hashlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.outputs.conflicts import ConflictRow
from stages.outputs.manifest import ManifestColumns
from stages.split.conflicts import find_conflicts, first_identical
from tests.table_rows import manifest_columns


def checksums_of(contents: list[str]) -> npt.NDArray[np.uint8]:
    digests = b"".join(hashlib.sha256(content.encode()).digest() for content in contents)
    return np.frombuffer(digests, np.uint8).reshape(-1, 32)


def images(contents: dict[str, str]) -> ManifestColumns:
    """Images by path, and what is in their files."""
    checksums = checksums_of(list(contents.values()))
    return manifest_columns(list(contents))._replace(checksums=checksums)


def test_identical_images_under_different_labels_are_conflicts() -> None:
    conflicts = find_conflicts(
        images({"glass/1.jpg": "same", "glass/2.jpg": "other", "metal/1.jpg": "same"})
    )

    checksum = hashlib.sha256(b"same").hexdigest()
    assert conflicts == {
        0: ConflictRow("glass/1.jpg", "glass", checksum),
        2: ConflictRow("metal/1.jpg", "metal", checksum),
    }


def test_all_images_of_a_conflict_are_named_also_those_of_one_label() -> None:
    contents = dict.fromkeys(["glass/1.jpg", "glass/2.jpg", "metal/1.jpg", "metal/2.jpg"], "same")

    assert sorted(find_conflicts(images(contents))) == [0, 1, 2, 3]


def test_identical_images_under_one_label_are_no_conflict() -> None:
    assert find_conflicts(images({"glass/1.jpg": "same", "glass/2.jpg": "same"})) == {}


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_identical_files_point_to_the_first_of_them(contents: list[str]) -> None:
    first = first_identical(checksums_of(contents))

    assert first.tolist() == [contents.index(content) for content in contents]


@pytest.mark.parametrize("byte", [0, 7, 8, 31])
def test_every_byte_of_a_checksum_counts(byte: int) -> None:
    checksums = np.zeros((2, 32), np.uint8)
    checksums[1, byte] = 1

    assert first_identical(checksums).tolist() == [0, 1]
