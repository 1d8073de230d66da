"""The rows of a large table, read from its file as they are asked for: few of a million at once."""

import csv
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import overload

from stages.outputs.tables import MEND, Row, RowMaker, reading_explained
from waste_classifier.errors import InputError

#: Rows that are read together, and after each of which the place in the file is kept.
BLOCK_ROWS = 256
#: Blocks that stay in memory when others are read.
KEPT_BLOCKS = 8


class StoredRows(Sequence[Row]):
    """The rows of a table that `write_table` wrote, which stay in its file.

    Rows that follow each other are read together; one alone takes some ten microseconds. Memory
    does not grow with their number, but for a place in the file of every `BLOCK_ROWS`.
    """

    def __init__(self, file: Path, row_type: type[Row]) -> None:
        """Look up where the rows stand; what they say is not checked.

        Args:
            file: of the table. No cell has a line break: a line is a row.
            row_type: of its rows.

        Raises:
            InputError: it is missing or can't be read.
        """
        self.file = file
        self._fields = row_type._fields
        self._to_row = RowMaker(row_type)
        self._count, self._starts = _places(file)
        # Also for threads, which may ask at once.
        self._lines = lru_cache(KEPT_BLOCKS)(self._read_lines)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._count

    def __iter__(self) -> Iterator[Row]:
        """Yield all rows."""
        return self.between(0, self._count)

    @overload
    def __getitem__(self, position: int) -> Row: ...

    @overload
    def __getitem__(self, position: slice) -> list[Row]: ...

    def __getitem__(self, position: int | slice) -> Row | list[Row]:
        """Return one row, or some that follow each other."""
        if isinstance(position, slice):
            chosen = range(self._count)[position]
            if chosen.step != 1:
                return [self[each] for each in chosen]
            return list(self.between(chosen.start, chosen.stop))
        if not 0 <= position < self._count:
            raise IndexError(position)
        number, place = divmod(position, BLOCK_ROWS)
        return self._rows(self._lines(number)[place : place + 1])[0]

    def between(self, start: int, stop: int) -> Iterator[Row]:
        """Yield the rows from one position to below another.

        Raises:
            InputError: the file was changed, or can't be read any more.
        """
        for lines in self._blocks(start, stop):
            yield from self._rows(lines)

    def texts(self, field: str, start: int = 0, stop: int | None = None) -> Iterator[str]:
        """Yield the cells of one column as they stand in the file: several times faster than rows.

        Args:
            field: of a row.
            start: position of the first row.
            stop: position after the last one; None: to the end.

        Raises:
            InputError: as of `between`.
        """
        column = self._fields.index(field)
        for lines in self._blocks(start, self._count if stop is None else stop):
            try:
                yield from [cells[column] for cells in csv.reader(lines)]
            except (IndexError, csv.Error):
                raise self._changed() from None

    def _blocks(self, start: int, stop: int) -> Iterator[list[str]]:
        """Yield the lines from one position to below another, block by block."""
        for number in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = number * BLOCK_ROWS
            yield self._lines(number)[max(start - first, 0) : stop - first]

    def _rows(self, lines: list[str]) -> list[Row]:
        try:
            return [self._to_row(cells) for cells in csv.reader(lines)]
        except (ValueError, csv.Error):
            raise self._changed() from None

    def _read_lines(self, number: int) -> list[str]:
        start, stop = self._starts[number : number + 2]
        try:
            with self.file.open("rb") as file:
                file.seek(start)
                lines = file.read(stop - start).decode().removesuffix("\n").split("\n")
        except ValueError:
            raise self._changed() from None
        except OSError as error:
            raise InputError(f"{self.file}: {error.strerror}; {MEND}") from None
        if len(lines) != min(BLOCK_ROWS, self._count - number * BLOCK_ROWS):
            raise self._changed()
        return lines

    def _changed(self) -> InputError:
        return InputError(f"{self.file}: changed while it was read; {MEND}")


def _places(path: Path) -> "tuple[int, array[int]]":
    """Return how many rows a table has, and the bytes before each block and after the last."""
    starts = array("q")
    count = 0
    with reading_explained(path), path.open("rb") as file:
        place = len(file.readline())
        for count, line in enumerate(file, start=1):
            if count % BLOCK_ROWS == 1:
                starts.append(place)
            place += len(line)
    starts.append(place)
    return count, starts
