"""data/suspects.csv: images that were accepted, but whose files are likely damaged."""

from pathlib import Path
from typing import NamedTuple

SUSPECTS_FILE = Path("data/suspects.csv")


class SuspectRow(NamedTuple):
    """One image whose file is likely damaged."""

    path: str
    reason: str
