"""Archives that lie, leave their folder or blow up: all are refused."""

import errno
import io
import shutil
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stages.fetch import archive
from stages.fetch.archive import extract
from waste_classifier.errors import InputError

FILE_AND_FOLDER = "is a file where another one needs a folder, or the other way round"


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def assert_refused(path: Path, message: str) -> None:
    target = path.parent / "outer" / "target"
    target.mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        extract(path, target, "the archive")
    assert str(caught.value).startswith("the archive: ")
    assert message in str(caught.value)
    assert list(target.parent.iterdir()) == [target]


def test_extracts_files_and_folders(tmp_path: Path) -> None:
    members = {"./a/1.txt": b"one", "a//b/2.txt": b"two", "3.txt": b"", "c/": b""}
    (tmp_path / "target").mkdir()

    extract(write_zip(tmp_path / "x.zip", members), tmp_path / "target", "x.zip")

    assert (tmp_path / "target/a/1.txt").read_bytes() == b"one"
    assert (tmp_path / "target/a/b/2.txt").read_bytes() == b"two"
    assert (tmp_path / "target/3.txt").read_bytes() == b""
    assert (tmp_path / "target/c").is_dir()


def test_memory_does_not_grow_with_the_members_of_a_tar(tmp_path: Path) -> None:
    def peak_bytes(target: Path, members: int) -> int:
        contents = {f"a/{number:06}.jpg": b"x" for number in range(members)}
        path = write_tar(tmp_path / "x.tar", contents)
        target.mkdir()
        tracemalloc.start()
        try:
            extract(path, target, "the archive")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(tmp_path / "first", 50)  # with what is made once

    growth = peak_bytes(tmp_path / "many", 550) - peak_bytes(tmp_path / "few", 50)

    # A name alone takes some 60 bytes.
    assert growth / 500 < 10


def test_permissions_in_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("program")
    info.external_attr = 0o104777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(info, b"x")
    (tmp_path / "target").mkdir()

    extract(tmp_path / "x.zip", tmp_path / "target", "x.zip")

    assert (tmp_path / "target/program").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["/etc/passwd"], "'/etc/passwd' is an absolute path"),
        (["C:/windows/x"], "is an absolute path"),
        (["../x"], "'../x' leads outside by '..'"),
        (["a/../../x"], "leads outside by '..'"),
        (["a\\b.jpg"], "has a backslash in its name"),
        (["Glass/1.jpg", "glass/2.jpg"], "'glass/2.jpg' can't be told from 'Glass/' on every"),
        (["é/a/1.jpg", "e\u0301/a/2.jpg"], "can't be told from 'é/' on every system"),
        (["a/b/1.jpg", "c/1.jpg", "a/B/2.jpg"], "'a/B/2.jpg' can't be told from 'a/b/'"),
        (["a", "a/1.jpg"], f"'a/1.jpg' {FILE_AND_FOLDER}"),
        (["a", "a/b/1.jpg"], f"'a/b/1.jpg' {FILE_AND_FOLDER}"),
        (["a/1.jpg", "a"], f"'a' {FILE_AND_FOLDER}"),
        (["a/1.jpg", "./a/1.jpg"], "is there twice; nothing was extracted: mend that and pack"),
        (
            ["a/" * 1500 + "1.jpg"],
            "…' stands in more than 19 folders (label folders alone do)",
        ),
        (
            ["a/" + "x" * 256],
            "has a longer name than this disk can hold; shorten it and pack again",
        ),
        (["\x1b[2J/../1.jpg"], r"'\x1b[2J/../1.jpg' leads outside by '..'"),
    ],
)
def test_names_that_could_do_harm(
    tmp_path: Path,
    write: Callable[[Path, Mapping[str, bytes]], Path],
    names: list[str],
    message: str,
) -> None:
    name = "x.zip" if write is write_zip else "x.tar"
    assert_refused(write(tmp_path / name, dict.fromkeys(names, b"x")), message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a/1.jpg", b"one")
        file.writestr("a/1.jpg", b"two")
    assert_refused(tmp_path / "x.zip", "'a/1.jpg' is there twice")


def test_a_folder_where_a_file_stands(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a/1": b"x", "a/1/": b""})
    assert_refused(path, f"'a/1/' {FILE_AND_FOLDER}; nothing was extracted: mend that and pack")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_folder_may_be_there_twice_and_after_its_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name in ("a/b/", "a/b/1.jpg", "a/b/", "a/"):
            file.writestr(name, b"")
    (tmp_path / "target").mkdir()

    extract(tmp_path / "x.zip", tmp_path / "target", "x.zip")

    assert (tmp_path / "target/a/b/1.jpg").exists()


def test_files_that_differ_in_case_alone_are_extracted_where_the_disk_can_hold_both(
    tmp_path: Path,
) -> None:
    members = {"a/1.jpg": b"one", "a/1.JPG": b"two"}
    (tmp_path / "target").mkdir()

    extract(write_tar(tmp_path / "x.tar", members), tmp_path / "target", "x.tar")

    assert (tmp_path / "target/a/1.jpg").read_bytes() == b"one"
    assert (tmp_path / "target/a/1.JPG").read_bytes() == b"two"


def test_files_that_differ_in_case_alone_are_refused_where_the_disk_takes_them_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / "x.tar", {"a/1.jpg": b"one", "a/1.JPG": b"two"})
    # As macOS and Windows do, but that they keep the case of the first.
    open_path, is_file = Path.open, Path.is_file

    def lower(path: Path) -> Path:
        return path.with_name(path.name.lower())

    monkeypatch.setattr(Path, "open", lambda path, mode: open_path(lower(path), mode))
    monkeypatch.setattr(Path, "is_file", lambda path: is_file(lower(path)))

    assert_refused(path, "'a/1.JPG' can't be told from another one on this disk; nothing was")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            tarfile.SYMTYPE,
            "is a link, not the file or folder that it leads to; nothing was extracted: mend that",
        ),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device"),
        (tarfile.BLKTYPE, "is a device"),
        (tarfile.FIFOTYPE, "is a device"),
    ],
)
def test_special_members_of_a_tar(tmp_path: Path, kind: bytes, message: str) -> None:
    info = tarfile.TarInfo("special")
    info.type = kind
    info.linkname = "/etc/passwd"
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.addfile(info)
    assert_refused(tmp_path / "x.tar", f"'special' {message}")


@pytest.mark.parametrize(("mode", "message"), [(0o120777, "is a link"), (0o020666, "is a device")])
def test_special_members_of_a_zip(tmp_path: Path, mode: int, message: str) -> None:
    info = zipfile.ZipInfo("special")
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    assert_refused(tmp_path / "x.zip", f"'special' {message}")


def patch_directory(path: Path, offset: int, value: bytes) -> None:
    """Change the first entry of a zip's central directory, at an offset in that entry."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"1.jpg": b"x"})
    patch_directory(path, 8, b"\x01\x00")
    assert_refused(path, "'1.jpg' is encrypted")


def test_a_compression_that_python_lacks(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"1.jpg": b"x"})
    patch_directory(path, 10, struct.pack("<H", 9))  # Deflate64, of Windows' own zip
    content = bytearray(path.read_bytes())
    content[8:10] = struct.pack("<H", 9)
    path.write_bytes(content)
    assert_refused(path, "compression method is not supported; pack it again")


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"1.jpg": bytes(10_000)})
    patch_directory(path, 24, struct.pack("<I", 10))
    assert_refused(path, "truncated or corrupt (Bad CRC-32 for file '1.jpg')")


def test_a_zip_whose_directory_lies_elsewhere(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"1.jpg": bytes(10)})
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    # The offset of the directory, four bytes at 16, is far more than there is.
    content[end + 16 : end + 20] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    assert_refused(path, "truncated or corrupt")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped"])
def test_damaged_archives(tmp_path: Path, kind: str, damage: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "1.bin").write_bytes(bytes(i * i % 251 for i in range(50_000)))
    packed = {"zip": "zip", "tar": "tar", "tar.gz": "gztar", "tar.bz2": "bztar", "tar.xz": "xztar"}
    path = Path(shutil.make_archive(str(tmp_path / "x"), packed[kind], source))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        if kind == "tar":
            pytest.skip("a plain tar has no checksum of contents")
        content[len(content) // 2] ^= 0xFF
    else:
        content = {
            "empty": bytearray(),
            "text": bytearray(b"<Error>AccessDenied</Error>" * 50),
            "cut": content[: len(content) // 2],
        }[damage]
    path.write_bytes(content)
    assert_refused(path, "truncated or corrupt")


def test_a_tar_that_ends_after_a_whole_member(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"1.jpg": bytes(512), "2.jpg": bytes(512)})
    path.write_bytes(path.read_bytes()[: 2 * 512])  # header and content of the first
    assert_refused(path, "truncated or corrupt (its end is missing)")


def test_a_tar_with_a_damaged_header(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"1.jpg": bytes(512), "2.jpg": bytes(512)})
    content = bytearray(path.read_bytes())
    content[2 * 512] ^= 0xFF
    path.write_bytes(content)
    assert_refused(path, "truncated or corrupt (its end is missing)")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    path = write_zip(tmp_path / "x.zip", {"1": b"", "2": b"", "3": b""})
    assert_refused(path, "'3' is one more than the 2 members that an archive may have")


def test_too_large_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 999)
    assert_refused(write_zip(tmp_path / "x.zip", {"1": bytes(1000)}), "'1' is larger than 999")


def test_an_archive_that_grows_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "HARMLESS_BYTES", 1000)
    path = write_zip(tmp_path / "x.zip", {"1": bytes(1_000_000)})
    assert_refused(path, "makes the content more than 100 times as large as the archive")


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_too_little_space(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, Mapping[str, bytes]], Path],
) -> None:
    path = write(tmp_path / ("x.zip" if write is write_zip else "x.tar"), {"1": bytes(1000)})
    usage = shutil.disk_usage(tmp_path)._replace(free=999)
    target = tmp_path / "target"
    target.mkdir()
    # The archive may lie on a full disk: it is unpacked elsewhere.
    of = {tmp_path: usage._replace(free=0), target: usage}
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: of[Path(directory)])
    with pytest.raises(InputError, match=r"x needs 0 MiB of disk space, .* free some space"):
        extract(path, target, "x")


def test_a_disk_that_fills_up_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="No space left"):
        extract(write_zip(tmp_path / "x.zip", {"1": b"x"}), tmp_path / "target", "x")


@pytest.mark.parametrize("size", [2**41, 2**70])
def test_a_tar_whose_long_name_lies_about_its_size(tmp_path: Path, size: int) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = size
    (tmp_path / "x.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    assert_refused(tmp_path / "x.tar", "")
