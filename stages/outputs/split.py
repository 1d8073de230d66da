"""data/split.csv: where each image goes."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from stages.outputs.tables import MEND, iterate_table
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
    return list(iterate_split(path=path))


def iterate_split(
    splits: Collection[SplitName] = SPLITS, path: Path = SPLIT_FILE
) -> Iterator[SplitRow]:
    """Read the same a row at a time, or the images of some splits alone."""
    before = ""
    for row in iterate_table(path, SplitRow):
        if row.path <= before:
            raise InputError(f"{path}: {row.path} does not follow {before}; {MEND}")
        before = row.path
        if row.split in splits:
            yield row
