"""The images to be split, as columns: a hundred thousand of them take some fifteen MiB."""

from array import array
from collections.abc import Set
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.manifest import MANIFEST_FILE, ManifestRow, iterate_table
from stages.near_duplicates import HEXADECIMAL_DIGITS, perceptual_hash

SHA256_BYTES = 32
WORD = np.dtype(np.uint64)


class Images(NamedTuple):
    """Columns of images: position i of each is of the same image."""

    paths: list[str]
    labels: list[str]
    checksums: npt.NDArray[np.uint64]  #: `(n, 4)`, SHA-256 of the files
    hashes: npt.NDArray[np.uint64]  #: `(n,)`, perceptual hashes

    def without(self, positions: Set[int]) -> Self:
        """Return the images but for those at some positions."""
        return self._take([i for i in range(len(self.paths)) if i not in positions])

    def sorted(self) -> Self:
        """Return the images in the order of their paths."""
        # They mostly are in order; a second copy of all columns is worth sparing.
        if all(path <= following for path, following in pairwise(self.paths)):
            return self
        order = sorted(range(len(self.paths)), key=self.paths.__getitem__)
        return self._take(order)

    def _take(self, positions: list[int]) -> Self:
        return type(self)(
            [self.paths[i] for i in positions],
            [self.labels[i] for i in positions],
            self.checksums[positions],
            self.hashes[positions],
        )


def read_images(manifest: Path) -> Images:
    """Read what splitting needs of a manifest, in its order.

    Raises:
        InputError: the table is missing or damaged.
    """
    paths: list[str] = []
    labels: list[str] = []
    checksums = bytearray()
    hashes = array("Q")
    for row in iterate_table(manifest, ManifestRow):
        paths.append(row.path)
        labels.append(row.label)
        checksums += _checksum(row)
        hashes.append(perceptual_hash(row))
    return Images(
        paths,
        labels,
        np.frombuffer(checksums, WORD).reshape(-1, SHA256_BYTES // WORD.itemsize),
        np.frombuffer(hashes, WORD),
    )


def first_identical(images: Images) -> npt.NDArray[np.intp]:
    """Return for each image the first one whose file is identical, which may be itself.

    Args:
        images: sorted by path.
    """
    # Column by column, since a table of the differences would take more than the checksums do.
    order = np.lexsort(images.checksums.T)
    same_as_before = np.ones(len(order), np.bool_)
    same_as_before[:1] = False
    for word in images.checksums.T:
        same_as_before[1:] &= word[order[1:]] == word[order[:-1]]
    starts = np.flatnonzero(~same_as_before)
    first = np.empty(len(order), np.intp)
    # The sort is stable, so that equal files stand in the order of their paths.
    first[order] = order[starts].repeat(np.diff(starts, append=len(order)))
    return first


def _checksum(row: ManifestRow) -> bytes:
    if len(row.sha256) != 2 * SHA256_BYTES or not set(row.sha256) <= HEXADECIMAL_DIGITS:
        raise InputError(
            f"{MANIFEST_FILE}: {row.path}: sha256: expected 64 hexadecimal digits, "
            f"got '{row.sha256}'; run `dvc repro --force fetch` to make the table anew"
        )
    return bytes.fromhex(row.sha256)
