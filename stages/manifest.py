r"""The tables that stages hand each other: their columns, and how they are read and written.

Every table is UTF-8 CSV with a header, `\n` line ends, and sorted rows, so that equal content
means equal bytes: by path, which is the first column of all but the table of label errors. Paths
are relative to `data/raw`, with `/`.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_type_hints

from stages.errors import InputError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")

RAW_DIR = Path("data/raw")
MANIFEST_FILE = Path("data/manifest.csv")
REJECTED_FILE = Path("data/rejected.csv")
SPLIT_FILE = Path("data/split.csv")
CONFLICTS_FILE = Path("data/conflicts.csv")
LABEL_ERRORS_FILE = Path("data/label_errors.csv")

MEND = "run `dvc checkout` to restore it, or `dvc repro` to make it anew"


class ManifestRow(NamedTuple):
    """One image as received."""

    path: str  #: relative to data/raw: `<label>/<file name>`
    label: str
    width: int  #: pixels, as displayed (after EXIF rotation)
    height: int
    bytes: int  #: size of the file
    sha256: str  #: of the file, hexadecimal
    phash: str  #: 64-bit perceptual hash of the image, 16 hexadecimal digits


class RejectedRow(NamedTuple):
    """One image that was left out."""

    path: str
    reason: str


class SplitRow(NamedTuple):
    """Where one image goes."""

    path: str
    label: str
    group: str  #: images of one group show the same thing and share a split
    split: SplitName


class ConflictRow(NamedTuple):
    """One image of which an identical file stands under another label."""

    path: str
    label: str
    sha256: str


class LabelErrorRow(NamedTuple):
    """One image that likely stands under a wrong label."""

    rank: int  #: 1 is the likeliest; the table is sorted by it
    path: str
    label: str
    suggested_label: str
    quality: str  #: 0 to 1, probability of the given label by images that it was not fitted on


Row = TypeVar("Row", ManifestRow, RejectedRow, SplitRow, ConflictRow, LabelErrorRow)


def write_table(path: Path, rows: Iterable[Row], row_type: type[Row]) -> None:
    """Write rows, sorted, to a CSV file; the file appears whole or not at all."""
    write_sorted(path, sorted(rows), row_type)


def write_sorted(path: Path, rows: Iterable[Row], row_type: type[Row]) -> None:
    """Write rows as they come, which must be sorted: memory does not grow with their number.

    The file appears whole or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(row_type._fields)
        writer.writerows(rows)
    temporary.replace(path)


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """Read a whole table that `write_table` wrote; errors are those of `iterate_table`."""
    return list(iterate_table(path, row_type))


def iterate_table(path: Path, row_type: type[Row]) -> Iterator[Row]:
    """Read a table that `write_table` wrote, a row at a time.

    Raises:
        InputError: the file is missing, has other columns, or a cell is not of its type.
    """
    types = get_type_hints(row_type)
    converters = [_converter(field, types[field]) for field in row_type._fields]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if tuple(header) != row_type._fields:
                raise InputError(
                    f"{path}: expected columns {','.join(row_type._fields)}, got {','.join(header)}"
                )
            for cells in reader:
                yield row_type(*_convert(cells, converters))  # type: ignore[arg-type]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro` to make it") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; {MEND}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; {MEND}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file that another stage wrote.

    Raises:
        InputError: the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro` to make it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}); {MEND}") from None


def labels_of(rows: Sequence[ManifestRow] | Sequence[SplitRow]) -> list[str]:
    """Return the distinct labels, sorted: the order of classes everywhere in the project."""
    return sorted({row.label for row in rows})


def _convert(cells: list[str], converters: Sequence[Callable[[str], object]]) -> list[object]:
    if len(cells) != len(converters):
        raise ValueError(f"expected {len(converters)} cells, got {len(cells)}")
    return [convert(cell) for convert, cell in zip(converters, cells, strict=True)]


def _converter(field: str, kind: Any) -> Callable[[str], object]:
    choices = get_args(kind)  # of a Literal

    def choose(cell: str) -> str:
        if cell not in choices:
            raise ValueError(f"expected {', '.join(choices)}, got {cell!r}")
        # The string of the type, not one more for each row.
        return str(choices[choices.index(cell)])

    if choices:
        return choose
    if kind is int:
        return int
    # Few labels stand in many rows: one string of each is enough.
    return sys.intern if field == "label" else str
