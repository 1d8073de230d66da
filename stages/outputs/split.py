"""data/split.csv: where each image goes."""

from pathlib import Path
from typing import Literal, NamedTuple, get_args

SPLIT_FILE = Path("data/split.csv")

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


class SplitRow(NamedTuple):
    """Where one image goes."""

    path: str
    label: str
    group: str  #: images of one group show the same thing and share a split
    split: SplitName
