"""The tables between stages: what is written comes back, and nothing else is read."""

from pathlib import Path
from typing import NamedTuple

import pytest

from stages.outputs.duplicates import DuplicateRow
from stages.outputs.split import SplitRow
from stages.outputs.tables import (
    iterate_cells,
    iterate_table,
    read_header,
    read_table,
    write_sorted,
    write_table,
)
from waste_classifier.errors import InputError

HEADER = "path,label,group,split\n"


class Photo(NamedTuple):
    path: str
    label: str
    width: int
    red: float


def photo(path: str) -> Photo:
    return Photo(path, "glass", 1234, 0.1)


def test_the_bytes_of_a_table(tmp_path: Path) -> None:
    rows = [SplitRow("b/1.jpg", "b", "2", "test"), SplitRow("a/1.jpg", "a", "1", "train")]
    write_table(tmp_path / "split.csv", rows, SplitRow)
    assert (tmp_path / "split.csv").read_bytes() == (
        b"path,label,group,split\na/1.jpg,a,1,train\nb/1.jpg,b,2,test\n"
    )


def test_rows_are_sorted_as_they_are_and_not_as_text(tmp_path: Path) -> None:
    rows = [
        DuplicateRow("a/1.jpg", "b/1.jpg", "perceptual", 10),
        DuplicateRow("a/1.jpg", "b/1.jpg", "perceptual", 9),
    ]
    write_table(tmp_path / "duplicates.csv", rows, DuplicateRow)
    assert [row.distance for row in read_table(tmp_path / "duplicates.csv", DuplicateRow)] == [
        9,
        10,
    ]


def test_sorted_rows_are_written_as_they_come(tmp_path: Path) -> None:
    # Nothing is held in memory: these rows are made while they are written.
    rows = (SplitRow(f"a/{number}.jpg", "a", "1", "val") for number in range(2))
    write_sorted(tmp_path / "split.csv", rows, SplitRow)
    assert (tmp_path / "split.csv").read_text() == HEADER + "a/0.jpg,a,1,val\na/1.jpg,a,1,val\n"


def test_an_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path / "split.csv", [], SplitRow)
    assert (tmp_path / "split.csv").read_text() == HEADER
    assert read_table(tmp_path / "split.csv", SplitRow) == []


@pytest.mark.parametrize(
    "name", ["a,b.jpg", 'a"b.jpg', "a\nb.jpg", " a .jpg", "瓶子.jpg", "é.jpg", "=1+1.jpg", "'.jpg"]
)
def test_any_name_comes_back(tmp_path: Path, name: str) -> None:
    rows = [photo(f"glass/{name}")]
    write_table(tmp_path / "photos.csv", rows, Photo)
    assert read_table(tmp_path / "photos.csv", Photo) == rows


def test_cells_come_back_as_what_they_were(tmp_path: Path) -> None:
    rows = [photo("glass/1.jpg"), photo("glass/2.jpg")]
    write_table(tmp_path / "photos.csv", rows, Photo)

    first, second = iterate_table(tmp_path / "photos.csv", Photo)

    assert (type(first.width), type(first.red)) == (int, float)
    # A label stands in many rows: one string of it is enough.
    assert first.label is second.label


def test_the_bytes_of_numbers(tmp_path: Path) -> None:
    write_table(tmp_path / "photos.csv", [photo("glass/1.jpg")], Photo)
    assert (tmp_path / "photos.csv").read_text() == (
        "path,label,width,red\nglass/1.jpg,glass,1234,0.1\n"
    )


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_table(tmp_path / "a/b/split.csv", [], SplitRow)
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["split.csv"]


def test_a_failing_write_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    write_table(path, [photo("a/1.jpg")], Photo)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_table(path, [photo("a/\udce9.jpg")], Photo)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"split\.csv: no such file; run `dvc repro` to make it"):
        read_table(tmp_path / "split.csv", SplitRow)
    with pytest.raises(InputError, match=r"split\.csv: no such file; run `dvc repro` to make it"):
        read_header(tmp_path / "split.csv")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Is a directory; run `dvc checkout`"):
        read_table(tmp_path, SplitRow)
    with pytest.raises(InputError, match=r"Is a directory; run `dvc checkout`"):
        read_header(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected columns path,label,group,split, got "),
        ("path,label\n", "expected columns path,label,group,split, got path,label"),
        ("label,path,group,split\n", "expected columns path,label,group,split, got label,"),
        (HEADER + "a/1.jpg,a,1\n", "line 2: expected 4 cells, got 3; run `dvc checkout`"),
        (
            HEADER + "a/1.jpg,a,1,val\na/2.jpg,a,1,val,5\n",
            "line 3: expected 4 cells, got 5; run `dvc checkout`",
        ),
        (HEADER + "a\rb,a,1,val\n", "line 2: "),
        (HEADER + "a/1.jpg,a,1,valid\n", "line 2: expected train, val, test, got 'valid'"),
    ],
)
def test_a_table_that_is_not_as_expected(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(content)
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "split.csv", SplitRow)
    assert f"{tmp_path}/split.csv: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(("number", "text"), [("1234", "many"), ("1234", "1.5"), ("0.1", "red")])
def test_a_cell_that_is_no_number(tmp_path: Path, number: str, text: str) -> None:
    path = tmp_path / "photos.csv"
    write_table(path, [photo("a/1.jpg")], Photo)
    path.write_text(path.read_text().replace(number, text))
    with pytest.raises(InputError, match=f"line 2: .*'{text}'; run `dvc checkout`"):
        read_table(path, Photo)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(HEADER.encode() + b"a/caf\xe9.jpg,a,1,val\n")
    with pytest.raises(InputError, match="utf-8"):
        read_table(path, SplitRow)


def test_columns_may_be_known_when_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text(HEADER + 'a/1.jpg,a,"1\n2",val\na/2.jpg,a,1,test\n')

    columns = read_header(path)

    assert columns == ["path", "label", "group", "split"]
    # Lines of the file are numbered: the first row takes two of them.
    assert list(iterate_cells(path, columns)) == [
        (3, ["a/1.jpg", "a", "1\n2", "val"]),
        (4, ["a/2.jpg", "a", "1", "test"]),
    ]


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("")
    assert read_header(tmp_path / "split.csv") == []
