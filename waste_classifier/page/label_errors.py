"""label_errors.csv: photos that likely stand under a wrong label, likeliest first."""

import csv
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from waste_classifier.errors import InputError

COLUMNS = ("path", "label", "suggested_label", "quality")


class LabelError(NamedTuple):
    """One photo that likely stands under a wrong label."""

    path: str  #: below the folder of photos, with /
    label: str  #: that it stands under
    suggested_label: str
    quality: str  #: 0 to 1, probability of the label that it stands under


def read_label_errors(file: Path) -> list[LabelError]:
    """Read a table, in its order.

    Raises:
        InputError: it is missing, damaged, lacks a column, or a path leads out of the photos.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            lines = csv.DictReader(opened, strict=True)
            missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise ValueError(f"no column {', '.join(missing)}")
            errors = []
            for line in lines:
                cells = [line[name] for name in COLUMNS]
                if None in cells:
                    raise ValueError(f"line {lines.line_num} is short")
                errors.append(LabelError(*cells))
                _check_path(errors[-1].path, lines.line_num)
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); give another table of label errors"
        ) from None
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"{file}: not a table of label errors ({error}); make it anew with the pipeline"
        ) from None
    return errors


def _check_path(path: str, line: int) -> None:
    """Refuse a path that leads elsewhere, as written: DVC may link photos to its cache."""
    parts = PurePosixPath(path).parts
    # What Windows takes for a drive or a root is none on other systems.
    elsewhere = "\\" in path or PureWindowsPath(path).anchor or PurePosixPath(path).is_absolute()
    if not parts or elsewhere or ".." in parts or "\0" in path:
        raise ValueError(f"line {line}: path {path!r} leads out of the folder of photos")
