"""Images packed into tar files: what stands in them, and what the manifest says of it."""

import re
import tarfile
from itertools import groupby
from pathlib import Path

import pytest

from stages.fetch.shards import most_bytes
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.tables import read_table
from tests.fetch.conftest import RunFetch, SaveImage

#: How WebDataset divides a name: the key of a sample, and what the file is of it.
KEY_AND_EXTENSION = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")


def shards() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(RAW_DIR.iterdir())}


def manifest() -> list[ManifestRow]:
    return read_table(MANIFEST_FILE, ManifestRow)


def test_images_go_to_shards_sorted_and_a_row_says_where(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "glass-clear/1.bmp", seed=4)
    save_image(photos / "paper/2.jpg", seed=5)
    run_fetch()
    of_files = manifest()

    run = run_fetch(shard_images=2)

    assert run.code == 0
    members = []
    for name in shards():
        with tarfile.open(RAW_DIR / name, "r:") as shard:
            members.append((name, [(each.name, each.offset_data) for each in shard]))
    assert [(name, [path for path, _ in each]) for name, each in members] == [
        ("000000.tar", ["glass-clear/1.bmp", "glass/1.jpg"]),
        ("000001.tar", ["glass/2.png", "paper/1.jpg"]),
        ("000002.tar", ["paper/2.jpg"]),
    ]
    places = {path: (name, offset) for name, each in members for path, offset in each}
    # All else is as it is of files.
    assert manifest() == [
        row._replace(shard=places[row.path][0], offset=places[row.path][1]) for row in of_files
    ]


def test_a_photo_of_a_shard_has_the_bytes_of_its_file(photos: Path, run_fetch: RunFetch) -> None:
    run_fetch(shard_images=2)

    images = Manifest()

    for row, photo in zip(images, images.photos([0, 1, 2]), strict=True):
        assert photo.read_bytes() == (photos / row.path).read_bytes()
    assert [str(photo) for photo in images.photos([2, 0])] == [
        "data/raw/000001.tar: paper/1.jpg",
        "data/raw/000000.tar: glass/1.jpg",
    ]


def test_unpacked_they_are_the_label_folders(
    photos: Path, run_fetch: RunFetch, tmp_path: Path
) -> None:
    run_fetch(shard_images=10)
    with tarfile.open(RAW_DIR / "000000.tar", "r:") as shard:
        shard.extractall(tmp_path / "unpacked", filter="data")

    for path in ("glass/1.jpg", "glass/2.png", "paper/1.jpg"):
        assert (tmp_path / "unpacked" / path).read_bytes() == (photos / path).read_bytes()


@pytest.mark.usefixtures("photos")
def test_webdataset_sees_a_sample_for_each_image(run_fetch: RunFetch) -> None:
    run_fetch(shard_images=10)
    with tarfile.open(RAW_DIR / "000000.tar", "r:") as shard:
        names = [KEY_AND_EXTENSION.fullmatch(member.name) for member in shard]

    samples = groupby((match.groups() for match in names if match), lambda pair: pair[0])

    assert [(key, [extension for _, extension in parts]) for key, parts in samples] == [
        ("glass/1", ["jpg"]),
        ("glass/2", ["png"]),
        ("paper/1", ["jpg"]),
    ]


def test_equal_images_give_equal_bytes_whenever_and_from_wherever_they_come(
    photos: Path, run_fetch: RunFetch
) -> None:
    run_fetch(shard_images=2)
    first = shards() | {"manifest": MANIFEST_FILE.read_bytes()}
    with tarfile.open("photos.tgz", "w:gz") as archive:
        archive.add(photos, "anything")
    (photos / "glass/1.jpg").touch(mode=0o600)

    for path in ("photos", "photos.tgz"):
        run_fetch(path=path, shard_images=2)
        assert shards() | {"manifest": MANIFEST_FILE.read_bytes()} == first


def test_headers_hold_neither_times_nor_users(photos: Path, run_fetch: RunFetch) -> None:
    run_fetch(shard_images=10)

    with tarfile.open(RAW_DIR / "000000.tar", "r:") as shard:
        for member in shard:
            assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
            assert (member.uname, member.gname, member.mode) == ("", "", 0o644)
            assert member.size == (photos / member.name).stat().st_size


@pytest.mark.parametrize("name", ["é.jpg", "照片 1.jpg", "n" * 180 + ".jpg", "ü" * 80 + ".jpg"])
def test_a_name_may_be_long_or_foreign(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, name: str
) -> None:
    file = save_image(photos / "métal" / name, seed=6)
    run_fetch(shard_images=1)

    images = Manifest()

    number = [row.path for row in images].index(f"métal/{name}")
    (photo,) = images.photos([number])
    assert photo.read_bytes() == file.read_bytes()
    # As much room as is asked for suffices: a tar file ends with blocks of its own.
    with tarfile.open(RAW_DIR / images[number].shard, "r:") as shard:
        (member,) = shard
        assert shard.offset <= most_bytes(member.size)


def test_what_is_rejected_stands_in_no_shard(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/1.jpg").write_bytes(b"no image")
    (photos / "glass/0.jpg").write_bytes(b"")

    assert run_fetch(shard_images=1, max_rejected=2).code == 0

    assert [(row.path, row.shard) for row in manifest()] == [
        ("glass/2.png", "000000.tar"),
        ("paper/1.jpg", "000001.tar"),
    ]
    assert list(shards()) == ["000000.tar", "000001.tar"]


def test_a_failed_run_leaves_the_shards_as_they_were(photos: Path, run_fetch: RunFetch) -> None:
    run_fetch(shard_images=2)
    before = shards()
    (photos / "paper/1.jpg").write_bytes(b"no image")

    assert run_fetch(shard_images=1).code == 1

    assert shards() == before


@pytest.mark.usefixtures("photos")
def test_shards_and_files_take_each_others_place(run_fetch: RunFetch) -> None:
    run_fetch(shard_images=2)
    run_fetch()
    assert sorted(path.name for path in RAW_DIR.iterdir()) == ["glass", "paper"]
    assert {(row.shard, row.offset) for row in manifest()} == {("", 0)}

    run_fetch(shard_images=3)
    assert list(shards()) == ["000000.tar"]


def test_shards_that_dvc_would_overlook_are_refused(
    workspace: Path, photos: Path, run_fetch: RunFetch
) -> None:
    assert photos.is_relative_to(workspace)
    (workspace / ".dvcignore").write_text("*.tar\n")

    run = run_fetch(shard_images=2)

    assert run.code == 1
    assert "  raw/000000.tar (.dvcignore:1:*.tar)\n  raw/000001.tar" in run.err
    assert run_fetch().code == 0


def test_a_label_that_dvc_overlooks_in_the_place_of_shards_is_no_matter(
    workspace: Path, photos: Path, run_fetch: RunFetch
) -> None:
    photos.rename(workspace.parent / "photos")
    (workspace / ".dvcignore").write_text("/data/raw/glass\n")

    assert run_fetch(path="../photos").code == 1
    assert run_fetch(path="../photos", shard_images=2).code == 0
