"""corrections.csv: what people decided on photos that likely stand under a wrong label."""

import csv
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from waste_classifier.errors import InputError
from waste_classifier.whole import refusals_explained, whole_text

COLUMNS = ("path", "sha256", "from", "to")
#: Digits of its checksum that a photo gets into its name where that is taken, one after the other.
_DIGITS_IN_NAME = (8, 16, 32, 64)


class Correction(NamedTuple):
    """A decision on one photo; a row of the table."""

    path: str  #: below the folder of photos, with /, as it was received
    sha256: str  #: of the file that was looked at, hexadecimal
    from_label: str  #: that it was received under
    to_label: str  #: that it belongs under; the same: it was looked at, and stays

    @property
    def keeps(self) -> bool:
        """Whether the photo stays where it is."""
        return self.from_label == self.to_label

    @property
    def names(self) -> list[str]:
        """File names for the photo under its new label: the first that is free there is its."""
        name = PurePosixPath(self.path)
        return [
            name.name,
            *(f"{name.stem}_{self.sha256[:digits]}{name.suffix}" for digits in _DIGITS_IN_NAME),
        ]


def read_corrections(file: Path) -> dict[str, Correction]:
    """Return the decision on each path; none where there is no file yet.

    Raises:
        InputError: it can't be read, is another table, or holds two decisions on one path.
    """
    corrections: dict[str, Correction] = {}
    try:
        # What Excel saves begins with a mark of the byte order.
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = csv.reader(opened, strict=True)
            if tuple(next(lines, ())) != COLUMNS:
                raise _not_corrections(file)
            for cells in filter(None, lines):
                if len(cells) != len(COLUMNS):
                    raise InputError(
                        f"{file}: line {lines.line_num}: expected {len(COLUMNS)} cells "
                        f"({', '.join(COLUMNS)}), got {len(cells)}; mend that line"
                    )
                path, sha256, from_label, to_label = cells
                row = Correction(path, sha256.lower(), from_label, to_label)
                if corrections.setdefault(path, row) != row:
                    raise InputError(
                        f"{file}: line {lines.line_num}: a second decision on {path!r}; take one "
                        "of the two lines out"
                    )
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); give another file for corrections"
        ) from None
    except (ValueError, csv.Error):
        raise _not_corrections(file) from None
    return corrections


def write_corrections(file: Path, corrections: Iterable[Correction]) -> None:
    """Write the table, sorted by path; it appears whole or stays as it was.

    Raises:
        InputError: it can't be written.
    """
    lost = "the decision is not kept"
    with refusals_explained(file, lost), whole_text(file, lost) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sorted(corrections))


def _not_corrections(file: Path) -> InputError:
    return InputError(
        f"{file}: not a table with the columns {', '.join(COLUMNS)}; give another file for "
        "corrections"
    )
