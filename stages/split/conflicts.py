"""Which identical images contradict each other."""

import numpy as np
import numpy.typing as npt

from stages.outputs.conflicts import ConflictRow
from stages.outputs.manifest import ManifestColumns

WORD = np.dtype(np.uint64)


def find_conflicts(images: ManifestColumns) -> dict[int, ConflictRow]:
    """Return the images of which an identical file stands under another label, by position.

    Args:
        images: all of them, sorted by path.
    """
    identical = first_identical(images.checksums).tolist()
    contradicted = {
        first
        for position, first in enumerate(identical)
        if images.labels[position] != images.labels[first]
    }
    return {
        position: ConflictRow(
            images.paths[position],
            images.labels[position],
            images.checksums[position].tobytes().hex(),
        )
        for position, first in enumerate(identical)
        if first in contradicted
    }


def first_identical(checksums: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return for each image the first one with an identical file, which may be itself: `(n,)`.

    Args:
        checksums: `(n, 32)`, SHA-256 of the files.
    """
    words = np.ascontiguousarray(checksums).view(WORD)
    # Column by column, since a table of the differences would take more than the checksums do.
    order = np.lexsort(words.T)
    same_as_before = np.ones(len(order), np.bool_)
    same_as_before[:1] = False
    for word in words.T:
        same_as_before[1:] &= word[order[1:]] == word[order[:-1]]
    starts = np.flatnonzero(~same_as_before)
    first = np.empty(len(order), np.intp)
    # The sort is stable, so that equal files stand in their order.
    first[order] = order[starts].repeat(np.diff(starts, append=len(order)))
    return first
