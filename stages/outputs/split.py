"""data/split.csv: where each image goes."""

from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from stages.outputs.tables import MEND, read_table
from waste_classifier.errors import InputError

SPLIT_FILE = Path("data/split.csv")

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


class SplitRow(NamedTuple):
    """Where one image goes."""

    path: str
    label: str
    group: str  #: images of one group show the same thing and share a split
    split: SplitName


def read_split(path: Path = SPLIT_FILE) -> list[SplitRow]:
    """Read where each image goes, sorted by path.

    Raises:
        InputError: the table is missing, damaged, or not strictly sorted.
    """
    rows = read_table(path, SplitRow)
    for row, following in pairwise(rows):
        if row.path >= following.path:
            raise InputError(f"{path}: {following.path} does not follow {row.path}; {MEND}")
    return rows
