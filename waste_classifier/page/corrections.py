"""corrections.csv: what people decided on photos that likely stand under a wrong label."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from waste_classifier.errors import InputError

COLUMNS = ("path", "sha256", "from", "to")


class Correction(NamedTuple):
    """A decision on one photo; a row of the table."""

    path: str  #: below the folder of photos, with /
    sha256: str  #: of the file that was looked at, hexadecimal
    from_label: str  #: that it stood under
    to_label: str  #: that it belongs under; the same: it was looked at, and stays

    @property
    def keeps(self) -> bool:
        """Whether the photo stays where it is."""
        return self.from_label == self.to_label


def read_corrections(file: Path) -> dict[str, Correction]:
    """Return the decision on each path; none where there is no file yet.

    Raises:
        InputError: it can't be read, or is another table.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            header, *lines = csv.reader(opened, strict=True)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); give another file for corrections"
        ) from None
    except (ValueError, csv.Error):
        raise _not_corrections(file) from None
    if tuple(header) != COLUMNS or any(len(line) != len(COLUMNS) for line in lines):
        raise _not_corrections(file)
    return {line[0]: Correction(*line) for line in lines}


def write_corrections(file: Path, corrections: Iterable[Correction]) -> None:
    """Write the table, sorted by path; it appears whole or stays as it was.

    Raises:
        InputError: it can't be written.
    """
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as opened:
                writer = csv.writer(opened, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(sorted(corrections))
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{file}: cannot be written ({error.strerror}); the decision is not kept"
        ) from None


def _not_corrections(file: Path) -> InputError:
    return InputError(
        f"{file}: not a table with the columns {', '.join(COLUMNS)}; give another file for "
        "corrections"
    )
