"""Photos in tar files: found by name, and errors that name shard and photo."""

import io
import pickle
import tarfile
from pathlib import Path

import pytest

from waste_classifier.errors import PhotoError
from waste_classifier.images import load
from waste_classifier.shards import ShardedPhoto, find_photo

#: More than one shard, and members of labels one of which begins as the other.
SHARDS = [
    ["glass-clear/1.jpg", "glass/1.jpg"],
    ["glass/2.jpg", "paper/1.jpg"],
    ["paper/2.jpg"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards, in which the content of each member is its name."""
    for number, names in enumerate(SHARDS):
        with tarfile.open(tmp_path / f"{number:06}.tar", "w") as shard:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(name)
                shard.addfile(member, io.BytesIO(name.encode()))
    return tmp_path


@pytest.mark.parametrize("name", [name for names in SHARDS for name in names])
def test_each_member_is_found_by_its_name(folder: Path, name: str) -> None:
    assert find_photo(folder, name).read_bytes() == name.encode()


@pytest.mark.parametrize("name", ["a/1.jpg", "glass/1.png", "paper/3.jpg", "z"])
def test_a_photo_that_is_in_no_shard_is_named(folder: Path, name: str) -> None:
    with pytest.raises(PhotoError, match=rf"^{folder}: {name}: no shard holds it$"):
        find_photo(folder, name)


def test_a_folder_without_shards_holds_files(tmp_path: Path) -> None:
    (tmp_path / "glass").mkdir()
    (tmp_path / "glass/1.jpg").write_bytes(b"a photo")

    assert find_photo(tmp_path, "glass/1.jpg") == tmp_path / "glass/1.jpg"
    # Whoever reads it learns that it is gone.
    assert find_photo(tmp_path, "glass/2.jpg") == tmp_path / "glass/2.jpg"


def test_a_file_comes_before_a_shard(folder: Path) -> None:
    (folder / "glass").mkdir()
    (folder / "glass/1.jpg").write_bytes(b"a file")

    assert find_photo(folder, "glass/1.jpg").read_bytes() == b"a file"


@pytest.mark.parametrize("content", [b"", b"no tar file" * 100, b"x" * 511])
def test_what_is_no_tar_file_is_named(folder: Path, content: bytes) -> None:
    (folder / "000001.tar").write_bytes(content)

    with pytest.raises(PhotoError, match=rf"^{folder}/000001\.tar: not a tar file that can be"):
        find_photo(folder, "glass/2.jpg")


def test_a_shard_that_ends_early_is_named_with_the_photo(folder: Path) -> None:
    photo = find_photo(folder, "paper/1.jpg")
    shard = folder / "000001.tar"
    shard.write_bytes(shard.read_bytes()[: 3 * 512 + 4])

    assert find_photo(folder, "glass/2.jpg").read_bytes() == b"glass/2.jpg"
    with pytest.raises(PhotoError, match=rf"^{shard}: paper/1\.jpg: cut off, since the shard en"):
        photo.read_bytes()


def test_a_shard_that_is_gone_is_named_with_the_photo(folder: Path) -> None:
    photo = find_photo(folder, "paper/1.jpg")
    (folder / "000001.tar").unlink()

    with pytest.raises(PhotoError, match=rf"^{photo}: cannot be read \(No such file or directory"):
        load(photo)


def test_it_travels_to_another_process_as_what_it_is(folder: Path) -> None:
    photo = find_photo(folder, "paper/2.jpg")

    assert isinstance(photo, ShardedPhoto)
    assert pickle.loads(pickle.dumps(photo)) == photo
    assert len(pickle.dumps(photo)) < 400
