r"""Tables: CSV with a header, UTF-8, `\n` line ends, rows sorted: equal rows mean equal bytes.

The columns are the fields of a `NamedTuple`: strings, whole numbers, numbers or a choice of
strings. Paths in tables are relative to `data/raw`, with `/`.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from stages.outputs.whole import whole_text
from waste_classifier.errors import InputError

MEND = "run `dvc checkout` to restore it, or `dvc repro` to make it anew"
#: What a float still holds exactly, as charts and means make of it.
LARGEST_WHOLE = 2**53

Row = TypeVar("Row", bound=NamedTuple)


def write_table(path: Path, rows: Iterable[Row], row_type: type[Row]) -> None:
    """Write rows, sorted; the file appears whole or not at all."""
    write_sorted(path, sorted(rows), row_type)


def write_sorted(path: Path, rows: Iterable[Row], row_type: type[Row]) -> None:
    """Write rows as they come, which must be sorted: memory does not grow with their number.

    The file appears whole or not at all.

    Raises:
        InputError: the disk is full or refuses to be written.
    """
    with whole_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(row_type._fields)
        writer.writerows(rows)


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """Read a whole table that `write_table` wrote; errors are those of `iterate_table`."""
    return list(iterate_table(path, row_type))


def iterate_table(path: Path, row_type: type[Row]) -> Iterator[Row]:
    """Read a table that `write_table` wrote, a row at a time.

    Raises:
        InputError: the file is missing, has other columns, or a cell is not of its type.
    """
    yield from _rows(iterate_cells(path, list(row_type._fields)), path, row_type)


def parse_table(text: str, name: Path, row_type: type[Row]) -> list[Row]:
    """Return the rows of the text of a table, as of another revision; errors are the same.

    Args:
        text: of the file.
        name: what errors call it.
        row_type: of its rows.
    """
    lines = io.StringIO(text, newline="")
    return list(_rows(_cells(lines, name, list(row_type._fields)), name, row_type))


def iterate_cells(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Read the lines of a table below its header: their number in the file, and their cells.

    Args:
        path: of the table.
        columns: what the header must say.

    Raises:
        InputError: the file is missing, damaged, or has other columns.
    """
    with reading_explained(path), path.open(encoding="utf-8", newline="") as file:
        yield from _cells(file, path, columns)


@contextmanager
def reading_explained(path: Path) -> Iterator[None]:
    """Turn what the system says of a table that can't be read into an `InputError`."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro` to make it") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; {MEND}") from None


def _cells(
    lines: Iterable[str], path: Path, columns: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
        if header != list(columns):
            raise InputError(
                f"{path}: expected columns {','.join(columns)}, got {','.join(header)}; {MEND}"
            )
        for cells in reader:
            if len(cells) != len(columns):
                raise ValueError(f"expected {len(columns)} cells, got {len(cells)}")
            yield reader.line_num, cells
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; {MEND}") from None


def _rows(lines: Iterable[tuple[int, list[str]]], path: Path, row_type: type[Row]) -> Iterator[Row]:
    to_row = RowMaker(row_type)
    for number, cells in lines:
        try:
            yield to_row(cells)
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}; {MEND}") from None


class RowMaker(Generic[Row]):
    """Makes rows of the texts of their cells."""

    def __init__(self, row_type: type[Row]) -> None:
        """Take the type of the rows."""
        types = get_type_hints(row_type)
        self._row_type = row_type
        self._converters = [_converter(field, types[field]) for field in row_type._fields]

    def __call__(self, cells: Sequence[str]) -> Row:
        """Return a row.

        Raises:
            ValueError: a cell is not of its type, or there are more or fewer than columns.
        """
        converted = zip(self._converters, cells, strict=True)
        return self._row_type._make(convert(cell) for convert, cell in converted)


def read_header(path: Path) -> list[str]:
    """Return the names of the columns of a table.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        with reading_explained(path), path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: damaged ({error}); {MEND}") from None


def _converter(field: str, kind: Any) -> Callable[[str], object]:
    choices = get_args(kind)  # of a Literal

    def choose(cell: str) -> str:
        if cell not in choices:
            raise ValueError(f"expected {', '.join(choices)}, got {cell!r}")
        # The string of the type, not one more for each row.
        return str(choices[choices.index(cell)])

    if choices:
        return choose
    if kind in (int, float):
        return _whole_number if kind is int else _number
    # Few labels and shards stand in many rows: one string of each is enough.
    return sys.intern if field in ("label", "shard") else str


def _whole_number(cell: str) -> int:
    number = int(cell)
    if abs(number) > LARGEST_WHOLE:
        raise ValueError(f"a number too large: {number}")
    return number


def _number(cell: str) -> float:
    number = float(cell)
    if not isfinite(number):
        raise ValueError(f"expected a number, got {cell!r}")
    return number
