"""data/conflicts.csv: identical images that stand under different labels."""

from pathlib import Path
from typing import NamedTuple

CONFLICTS_FILE = Path("data/conflicts.csv")


class ConflictRow(NamedTuple):
    """One image of which an identical file stands under another label."""

    path: str
    label: str
    sha256: str
