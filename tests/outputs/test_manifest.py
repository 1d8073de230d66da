"""The manifest: its columns, as stages read them."""

from pathlib import Path

import numpy as np
import pytest

from stages.outputs.manifest import (
    Manifest,
    ManifestRow,
    check_rows,
    labels_of,
    numbered_labels,
)
from stages.outputs.stored_rows import BLOCK_ROWS
from stages.outputs.tables import read_table, write_table
from tests.table_rows import manifest_row, written_manifest
from waste_classifier.errors import InputError, PhotoError


def read(folder: Path, *rows: ManifestRow) -> Manifest:
    return written_manifest(folder, rows)


def test_the_bytes_of_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    row = ManifestRow(
        "glass/1.jpg", "glass", 512, 384, 1234, 10.0, 20.25, 255.0, "ab" * 32, "0f" * 8
    )

    write_table(path, [row], ManifestRow)

    assert path.read_text() == (
        "path,label,width,height,bytes,red,green,blue,sha256,phash,shard,offset\n"
        f"glass/1.jpg,glass,512,384,1234,10.0,20.25,255.0,{'ab' * 32},{'0f' * 8},,0\n"
    )
    assert read_table(path, ManifestRow) == [row]


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    first = manifest_row("glass/1.jpg", phash="00000000000000ff")
    second = manifest_row("metal/1.jpg", phash="8000000000000000")

    images = read(tmp_path, first, second)

    assert list(images) == [first, second]
    assert [each.tobytes().hex() for each in images.checksums(range(2))] == [
        first.sha256,
        second.sha256,
    ]


def test_a_photo_gives_its_bytes_if_they_are_those_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "glass").mkdir()
    for name in ("1", "2"):
        (tmp_path / f"glass/{name}.jpg").write_text(name)
    images = read(
        tmp_path, *(manifest_row(f"glass/{name}.jpg", content=name) for name in ("1", "2", "3"))
    )

    second, first = images.photos([1, 0], tmp_path)

    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert str(first) == f"{tmp_path}/glass/1.jpg"


def test_a_photo_in_the_place_of_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "glass").mkdir()
    (tmp_path / "glass/1.jpg").write_text("another")
    (photo,) = read(tmp_path, manifest_row("glass/1.jpg", content="1")).photos([0], tmp_path)

    with pytest.raises(PhotoError, match=rf"^{photo}: not the photo that data/manifest.csv descr"):
        photo.read_bytes()


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (512, -1)])
def test_places_before_the_beginning_are_refused(tmp_path: Path, offset: int, size: int) -> None:
    row = manifest_row("glass/1.jpg")._replace(shard="000000.tar", offset=offset, bytes=size)

    with pytest.raises(InputError, match=r"glass/1\.jpg: offset or bytes below 0; run `dvc"):
        read(tmp_path, row)


def test_images_of_another_table_are_found_by_their_paths(tmp_path: Path) -> None:
    images = read(tmp_path, *map(manifest_row, ("a/1.jpg", "a/2.jpg", "b/1.jpg")))

    positions = images.positions_of(["b/1.jpg", "a/1.jpg", "b/1.jpg"], Path("split.csv"))

    assert positions.tolist() == [2, 0, 2]
    assert images.positions_of([], Path("split.csv")).tolist() == []
    with pytest.raises(InputError) as caught:
        images.positions_of(["a/1.jpg", "c/1.jpg"], Path("split.csv"))
    assert str(caught.value) == (
        "split.csv: c/1.jpg is not in data/manifest.csv; run `dvc repro` to make the tables anew"
    )


@pytest.mark.parametrize("checksum", ["", "ab", "g" * 64, "ab " * 32, "ab" * 31 + " a b"])
def test_what_is_no_checksum_is_refused(tmp_path: Path, checksum: str) -> None:
    with pytest.raises(InputError, match=r"glass/1\.jpg: sha256: expected 64 hexadecimal digits"):
        read(tmp_path, manifest_row("glass/1.jpg")._replace(sha256=checksum))


@pytest.mark.parametrize("phash", ["", "ff", "g000000000000000", " 00000000000000f"])
def test_what_is_not_a_hash_is_refused(tmp_path: Path, phash: str) -> None:
    with pytest.raises(InputError, match=r"glass/1\.jpg: phash: expected 16 hexadecimal digits"):
        read(tmp_path, manifest_row("glass/1.jpg")._replace(phash=phash))


@pytest.mark.parametrize("paths", [("metal/1.jpg", "glass/1.jpg"), ("glass/1.jpg", "glass/1.jpg")])
def test_a_manifest_that_is_not_sorted_or_names_an_image_twice_is_refused(
    tmp_path: Path, paths: tuple[str, str]
) -> None:
    # Groups are named by their first image, and features go by row.
    with pytest.raises(
        InputError, match=rf"manifest\.csv: {paths[1]} does not follow {paths[0]}; run `dvc checko"
    ):
        read(tmp_path, *map(manifest_row, paths))


def test_a_manifest_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv: no images; run `dvc repro`"):
        read(tmp_path)


def test_other_tables_of_images_need_some_too(tmp_path: Path) -> None:
    check_rows(tmp_path, [0])
    with pytest.raises(InputError, match="no images; run `dvc repro`"):
        check_rows(tmp_path, [])


def test_labels_are_sorted_and_distinct() -> None:
    rows = [manifest_row(path) for path in ("b/1.jpg", "a/1.jpg", "b/2.jpg")]

    assert labels_of(rows) == ["a", "b"]


def test_each_image_has_the_number_of_its_label_among_all_sorted() -> None:
    labels, numbers = numbered_labels(["b", "a", "c", "b"], 4)

    assert labels == ["a", "b", "c"]
    assert numbers.tolist() == [1, 0, 2, 1]


def test_images_are_found_in_whatever_part_of_the_file_they_stand(tmp_path: Path) -> None:
    count = 3 * BLOCK_ROWS + 1
    images = read(tmp_path, *(manifest_row(f"a/{number:04}.jpg") for number in range(count)))
    wanted = [count - 1, BLOCK_ROWS, 0, BLOCK_ROWS - 1, 2 * BLOCK_ROWS]

    positions = images.positions_of([f"a/{number:04}.jpg" for number in wanted], Path("split.csv"))

    assert positions.tolist() == wanted
    with pytest.raises(InputError, match=r"split\.csv: a/0000 is not in data/manifest\.csv"):
        images.positions_of(["a/0000"], Path("split.csv"))


def test_photos_of_some_positions_are_given_one_by_one(tmp_path: Path) -> None:
    images = read(tmp_path, *map(manifest_row, ("a/1.jpg", "a/2.jpg", "b/1.jpg")))

    photos = images.photos(np.array([2, 0, 1]), tmp_path)

    assert [str(photo) for photo in photos[1:]] == [f"{tmp_path}/a/1.jpg", f"{tmp_path}/a/2.jpg"]
    by_path = images.photos_by_path(["b/1.jpg", "a/1.jpg", "b/1.jpg"], Path("split.csv"))
    assert {path: str(photo) for path, photo in by_path.items()} == {
        "a/1.jpg": "data/raw/a/1.jpg",
        "b/1.jpg": "data/raw/b/1.jpg",
    }
