"""The tables between stages: what is written comes back, and nothing else is read."""

from pathlib import Path

import pytest

from stages.errors import InputError
from stages.manifest import (
    ManifestRow,
    SplitRow,
    labels_of,
    read_json,
    read_table,
    write_table,
)

HEADER = "path,label,group,split\n"


def image(path: str) -> ManifestRow:
    return ManifestRow(path, path.partition("/")[0], 30, 20, 1234, "ab" * 32, "0f" * 8)


def test_the_bytes_of_a_table(tmp_path: Path) -> None:
    rows = [SplitRow("b/1.jpg", "b", "2", "test"), SplitRow("a/1.jpg", "a", "1", "train")]
    write_table(tmp_path / "split.csv", rows, SplitRow)
    assert (tmp_path / "split.csv").read_bytes() == (
        b"path,label,group,split\na/1.jpg,a,1,train\nb/1.jpg,b,2,test\n"
    )


def test_an_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path / "split.csv", [], SplitRow)
    assert (tmp_path / "split.csv").read_text() == HEADER
    assert read_table(tmp_path / "split.csv", SplitRow) == []


@pytest.mark.parametrize(
    "name", ["a,b.jpg", 'a"b.jpg', "a\nb.jpg", " a .jpg", "瓶子.jpg", "é.jpg", "=1+1.jpg", "'.jpg"]
)
def test_any_name_comes_back(tmp_path: Path, name: str) -> None:
    rows = [image(f"glass/{name}")]
    write_table(tmp_path / "manifest.csv", rows, ManifestRow)
    assert read_table(tmp_path / "manifest.csv", ManifestRow) == rows


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_table(tmp_path / "a/b/split.csv", [], SplitRow)
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["split.csv"]


def test_a_failing_write_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_table(path, [image("a/1.jpg")], ManifestRow)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_table(path, [image("a/\udce9.jpg")], ManifestRow)
    assert path.read_bytes() == before


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"split\.csv: no such file; run `dvc repro` to make it"):
        read_table(tmp_path / "split.csv", SplitRow)


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


def test_a_cell_that_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_table(path, [image("a/1.jpg")], ManifestRow)
    path.write_text(path.read_text().replace("1234", "many"))
    with pytest.raises(InputError, match="'many'"):
        read_table(path, ManifestRow)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(HEADER.encode() + b"a/caf\xe9.jpg,a,1,val\n")
    with pytest.raises(InputError, match="utf-8"):
        read_table(path, SplitRow)


def test_labels_are_sorted_and_distinct() -> None:
    assert labels_of([image("b/1.jpg"), image("a/1.jpg"), image("b/2.jpg")]) == ["a", "b"]


def test_json_of_another_stage(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    with pytest.raises(InputError, match=r"labels\.json: no such file; run `dvc repro`"):
        read_json(path)
    path.write_text('["glass", "met')
    with pytest.raises(InputError, match=r"labels\.json: damaged .*; run `dvc checkout`"):
        read_json(path)
    path.write_text('["glass", "metal"]')
    assert read_json(path) == ["glass", "metal"]
