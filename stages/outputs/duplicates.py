"""data/duplicates.csv: pairs of images that show the same thing, each pair once.

Together they connect all images of one group (`stages.similarity`); of many equal images, each is
paired with the first alone.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.manifest import Manifest
from stages.outputs.tables import iterate_table
from waste_classifier.batched import batched

DUPLICATES_FILE = Path("data/duplicates.csv")

DuplicateKind = Literal["embedding", "perceptual"]
#: Pairs whose images are looked up together.
AT_ONCE = 2**16


class DuplicateRow(NamedTuple):
    """Two images that show the same thing; the first in order of the manifest stands first."""

    path: str
    other_path: str
    kind: DuplicateKind  #: what says so
    distance: float  #: perceptual: bits of 64 that differ; embedding: cosine distance, 0 to 2


class DuplicateColumns(NamedTuple):
    """Columns of the table, in its order: there may be as many pairs as images."""

    left: npt.NDArray[np.int32]  #: position of the first image in the manifest
    right: npt.NDArray[np.int32]  #: of the other one
    is_perceptual: npt.NDArray[np.bool_]  #: its kind, which else is `embedding`
    distance: npt.NDArray[np.float64]

    def row(self, number: int, images: Manifest) -> DuplicateRow:
        """Return one of the pairs."""
        left, right = (images[int(column[number])].path for column in (self.left, self.right))
        kind: DuplicateKind = "perceptual" if self.is_perceptual[number] else "embedding"
        return DuplicateRow(left, right, kind, float(self.distance[number]))


def read_duplicates(images: Manifest, file: Path = DUPLICATES_FILE) -> DuplicateColumns:
    """Read the whole table.

    Raises:
        InputError: it is missing or damaged, or a pair is of other images than the manifest's.
    """
    return duplicate_columns(iterate_table(file, DuplicateRow), images, file)


def duplicate_columns(
    rows: Iterable[DuplicateRow], images: Manifest, file: Path = DUPLICATES_FILE
) -> DuplicateColumns:
    """Return the columns of some rows; errors are those of `read_duplicates`."""
    nothing = np.empty(0, np.int32)
    parts = [DuplicateColumns(nothing, nothing, nothing.astype(np.bool_), nothing.astype(float))]
    for some in batched(rows, AT_ONCE):
        paths = [path for row in some for path in (row.path, row.other_path)]
        ends = images.positions_of(paths, file).astype(np.int32).reshape(-1, 2)
        parts.append(
            DuplicateColumns(
                ends[:, 0],
                ends[:, 1],
                np.array([row.kind == "perceptual" for row in some]),
                np.array([row.distance for row in some]),
            )
        )
    return DuplicateColumns(*map(np.concatenate, zip(*parts, strict=True)))
