"""data/rejected.csv: the images that were left out, and why."""

from pathlib import Path
from typing import NamedTuple

REJECTED_FILE = Path("data/rejected.csv")


class RejectedRow(NamedTuple):
    """One image that was left out."""

    path: str
    reason: str
