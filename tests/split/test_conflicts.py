"""Identical images that stand under different labels."""

import hashlib
from pathlib import Path

from stages.outputs.conflicts import ConflictRow
from stages.outputs.manifest import Manifest
from stages.split.conflicts import find_conflicts
from tests.table_rows import manifest_row, written_manifest


def images(folder: Path, contents: dict[str, str]) -> Manifest:
    """Images by path, and what is in their files."""
    return written_manifest(folder, (manifest_row(*each) for each in contents.items()))


def test_identical_images_under_different_labels_are_conflicts(tmp_path: Path) -> None:
    contents = {"glass/1.jpg": "same", "glass/2.jpg": "other", "metal/1.jpg": "same"}

    conflicts = find_conflicts(images(tmp_path, contents))

    checksum = hashlib.sha256(b"same").hexdigest()
    assert conflicts == {
        0: ConflictRow("glass/1.jpg", "glass", checksum),
        2: ConflictRow("metal/1.jpg", "metal", checksum),
    }


def test_all_images_of_a_conflict_are_named_also_those_of_one_label(tmp_path: Path) -> None:
    contents = dict.fromkeys(["glass/1.jpg", "glass/2.jpg", "metal/1.jpg", "metal/2.jpg"], "same")

    assert sorted(find_conflicts(images(tmp_path, contents))) == [0, 1, 2, 3]


def test_identical_images_under_one_label_are_no_conflict(tmp_path: Path) -> None:
    contents = {"glass/1.jpg": "same", "glass/2.jpg": "same"}

    assert find_conflicts(images(tmp_path, contents)) == {}
