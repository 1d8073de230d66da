import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import InputError
from stages.manifest import ManifestRow, write_sorted, write_table
from stages.split.images import Images, first_identical, read_images


def row(path: str, content: str = "", phash: str = "0" * 16) -> ManifestRow:
    checksum = hashlib.sha256((content or path).encode()).hexdigest()
    return ManifestRow(path, path.partition("/")[0], 1, 1, 1, checksum, phash)


def read(folder: Path, *rows: ManifestRow) -> Images:
    write_table(folder / "manifest.csv", rows, ManifestRow)
    return read_images(folder / "manifest.csv")


def test_columns_hold_what_the_manifest_says(tmp_path: Path) -> None:
    first, second = row("glass/1.jpg", phash="00000000000000ff"), row("metal/1.jpg")

    images = read(tmp_path, first, second)

    assert images.paths == ["glass/1.jpg", "metal/1.jpg"]
    assert images.labels == ["glass", "metal"]
    assert [each.tobytes().hex() for each in images.checksums] == [first.sha256, second.sha256]
    assert images.hashes.tolist() == [255, 0]


def test_some_images_can_be_left_out(tmp_path: Path) -> None:
    images = read(tmp_path, row("glass/1.jpg"), row("glass/2.jpg"), row("glass/3.jpg"))

    without = images.without({1})

    assert without.paths == ["glass/1.jpg", "glass/3.jpg"]
    assert without.checksums.tolist() == images.checksums[[0, 2]].tolist()


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    first, second, third = row("glass/1.jpg"), row("glass/2.jpg"), row("metal/1.jpg")
    # Nothing but a hand-made table is not in order.
    write_sorted(tmp_path / "manifest.csv", [third, first, second], ManifestRow)

    images = read_images(tmp_path / "manifest.csv")

    assert images.paths == ["metal/1.jpg", "glass/1.jpg", "glass/2.jpg"]
    ordered = images.sorted()
    assert ordered.paths == ["glass/1.jpg", "glass/2.jpg", "metal/1.jpg"]
    assert ordered.labels == ["glass", "glass", "metal"]
    assert [each.tobytes().hex() for each in ordered.checksums] == [
        first.sha256,
        second.sha256,
        third.sha256,
    ]


@settings(deadline=None)
@given(contents=st.lists(st.sampled_from("abcd"), max_size=12))
def test_identical_files_point_to_the_first_of_them(
    contents: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [row(f"paper/{i:02}.jpg", content) for i, content in enumerate(contents)]

    images = read(tmp_path_factory.mktemp("table"), *rows)

    assert first_identical(images).tolist() == [contents.index(content) for content in contents]


@pytest.mark.parametrize("checksum", ["", "ab", "g" * 64, "ab " * 32])
def test_what_is_no_checksum_is_refused(tmp_path: Path, checksum: str) -> None:
    with pytest.raises(InputError, match=r"glass/1\.jpg: sha256: expected 64 hexadecimal digits"):
        read(tmp_path, row("glass/1.jpg")._replace(sha256=checksum))
