"""Which images show the same thing, and which identical images contradict each other."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from stages.manifest import ConflictRow
from stages.split.images import Images


def find_conflicts(images: Images, identical: Sequence[int]) -> dict[int, ConflictRow]:
    """Return the images of which an identical file stands under another label, by position.

    Args:
        images: all of them, sorted by path.
        identical: for each the first with an identical file, as of `first_identical`.
    """
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


def group_images(count: int, pairs: Iterable[tuple[int, int]]) -> npt.NDArray[np.intp]:
    """Return the group of each of `count` images, as the position of the first image of the group.

    A group is all images that pairs connect, directly or by way of others (single linkage). So no
    pair can end up in two groups.

    Args:
        count: how many images there are.
        pairs: positions of images that show the same thing.
    """
    # Union-find: each image points to one of its group that comes before it, the first to itself.
    parents = list(range(count))

    def first_of(position: int) -> int:
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    for left, right in pairs:
        lower, upper = sorted((first_of(left), first_of(right)))
        parents[upper] = lower
    return np.fromiter(map(first_of, range(count)), np.intp, count)
