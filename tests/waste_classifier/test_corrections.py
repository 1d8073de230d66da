"""corrections.csv: sorted, whole or as it was, and never another table overwritten."""

import re
from pathlib import Path

import pytest

from waste_classifier.corrections import Correction, read_corrections, write_corrections
from waste_classifier.errors import InputError

MOVED = Correction("glass/b.jpg", "b1", "glass", "metal")
KEPT = Correction("glass/a, 1.jpg", "a1", "glass", "glass")


def test_rows_are_sorted_by_path(tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"

    write_corrections(file, [MOVED, KEPT])

    assert file.read_bytes() == (
        b'path,sha256,from,to\n"glass/a, 1.jpg",a1,glass,glass\nglass/b.jpg,b1,glass,metal\n'
    )
    assert read_corrections(file) == {KEPT.path: KEPT, MOVED.path: MOVED}
    assert list(tmp_path.iterdir()) == [file]


def test_a_photo_that_stays_is_told_from_one_that_moves() -> None:
    assert KEPT.keeps
    assert not MOVED.keeps


def test_no_file_no_corrections(tmp_path: Path) -> None:
    assert read_corrections(tmp_path / "corrections.csv") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"path,label\n", b"path;sha256;from;to\n", b'path,sha256,from,to\n"', b"\xff"],
)
def test_another_table_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"
    file.write_bytes(content)

    with pytest.raises(InputError, match=rf"^{re.escape(str(file))}: not a table with the columns"):
        read_corrections(file)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "glass/b.jpg,b1,glass",
            "expected 4 cells (path, sha256, from, to), got 3; mend that line",
        ),
        # As git leaves what two people changed.
        ("<<<<<<< HEAD", "expected 4 cells (path, sha256, from, to), got 1; mend that line"),
        (
            "glass/a.jpg,a1,glass,glass",
            "a second decision on 'glass/a.jpg'; take one of the two lines out",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text(f"path,sha256,from,to\nglass/a.jpg,a1,glass,metal\n{line}\n")

    with pytest.raises(InputError) as refused:
        read_corrections(file)

    assert str(refused.value) == f"{file}: line 3: {problem}"


def test_what_spreadsheets_and_other_systems_write_is_read(tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"
    # A mark of the byte order, other line ends, capital digits, a row twice and an empty line.
    file.write_bytes(
        b"\xef\xbb\xbfpath,sha256,from,to\r\nglass/b.jpg,B1,glass,metal\r\n"
        b"glass/b.jpg,b1,glass,metal\r\n\r\n"
    )
    assert read_corrections(file) == {MOVED.path: MOVED}


def test_a_name_that_is_taken_gets_more_and_more_of_the_checksum() -> None:
    assert Correction("glass/a.b.jpg", "0123456789abcdef" * 4, "glass", "metal").names == [
        "a.b.jpg",
        "a.b_01234567.jpg",
        "a.b_0123456789abcdef.jpg",
        f"a.b_{'0123456789abcdef' * 2}.jpg",
        f"a.b_{'0123456789abcdef' * 4}.jpg",
    ]


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_corrections(tmp_path)


def test_what_cannot_be_written_leaves_the_table_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "corrections.csv"
    write_corrections(file, [KEPT])

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"can't be written \(No space left on device\)"):
        write_corrections(file, [MOVED])

    assert read_corrections(file) == {KEPT.path: KEPT}
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none" / "corrections.csv"

    with pytest.raises(InputError, match=rf"^{re.escape(str(file))}: can't be written"):
        write_corrections(file, [KEPT])
