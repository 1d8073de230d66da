"""data/duplicates.csv: pairs of images that show the same thing, each pair once.

Together they connect all images of one group (`stages.similarity`); of many equal images, each is
paired with the first alone.
"""

from pathlib import Path
from typing import Literal, NamedTuple

DUPLICATES_FILE = Path("data/duplicates.csv")

DuplicateKind = Literal["embedding", "perceptual"]


class DuplicateRow(NamedTuple):
    """Two images that show the same thing; the first in order of the manifest stands first."""

    path: str
    other_path: str
    kind: DuplicateKind  #: what says so
    distance: float  #: perceptual: bits of 64 that differ; embedding: cosine distance, 0 to 2
