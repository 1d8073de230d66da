"""Rows of a table that stay in its file."""

import tracemalloc
from pathlib import Path
from typing import NamedTuple

import pytest

from stages.outputs.stored_rows import BLOCK_ROWS, StoredRows
from stages.outputs.tables import write_table
from waste_classifier.errors import InputError


class Row(NamedTuple):
    name: str
    number: int


def rows(count: int) -> list[Row]:
    return [Row(f"{number:06}, ü", number) for number in range(count)]


def stored(folder: Path, count: int) -> StoredRows[Row]:
    write_table(folder / "table.csv", rows(count), Row)
    return StoredRows(folder / "table.csv", Row)


@pytest.mark.parametrize(
    "count", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 3]
)
def test_they_are_those_that_were_written(tmp_path: Path, count: int) -> None:
    table = stored(tmp_path, count)

    assert len(table) == count
    assert list(table) == rows(count)
    assert [table[position] for position in range(count)] == rows(count)
    assert list(table.texts("number")) == [str(number) for number in range(count)]


@pytest.mark.parametrize(
    "chosen", [slice(250, 260), slice(5), slice(-3, None), slice(7, 3), slice(0, 600, 97)]
)
def test_some_of_them_are_those_of_a_list(tmp_path: Path, chosen: slice) -> None:
    table = stored(tmp_path, 600)

    assert table[chosen] == rows(600)[chosen]


def test_a_part_of_a_column_is_read_alone(tmp_path: Path) -> None:
    table = stored(tmp_path, 2 * BLOCK_ROWS)

    assert list(table.texts("number", BLOCK_ROWS - 1, BLOCK_ROWS + 1)) == ["255", "256"]


@pytest.mark.parametrize("position", [-1, 3])
def test_there_is_none_beyond_the_last(tmp_path: Path, position: int) -> None:
    with pytest.raises(IndexError):
        stored(tmp_path, 3)[position]


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table\.csv: no such file; run `dvc repro` to make it"):
        StoredRows(tmp_path / "table.csv", Row)


@pytest.mark.parametrize("content", [b"name,number\n", b"name,number\na,1\nb,2\n", b"\xff" * 9999])
def test_a_table_that_changes_meanwhile_is_refused(tmp_path: Path, content: bytes) -> None:
    table = stored(tmp_path, 300)
    (tmp_path / "table.csv").write_bytes(content)

    with pytest.raises(InputError, match=r"table\.csv: changed while it was read; run `dvc"):
        list(table)


def test_a_table_that_is_gone_is_named(tmp_path: Path) -> None:
    table = stored(tmp_path, 3)
    (tmp_path / "table.csv").unlink()

    with pytest.raises(InputError, match=r"table\.csv: No such file or directory; run `dvc"):
        list(table)


def test_many_take_little_more_memory_than_few(tmp_path: Path) -> None:
    peaks = []
    for count in (10 * BLOCK_ROWS, 200 * BLOCK_ROWS):
        table_file = stored(tmp_path, count).file
        tracemalloc.start()
        assert sum(int(number) for number in StoredRows(table_file, Row).texts("number")) > 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.3 * peaks[0]
