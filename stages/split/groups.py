"""Which images show the same thing."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.outputs.duplicates import DuplicateKind, DuplicateRow

#: What joins images, by `split.group_by`.
KINDS: Mapping[str, set[DuplicateKind]] = {
    "none": set(),
    "perceptual": {"perceptual"},
    "embedding": {"perceptual", "embedding"},
}


def group_images(
    paths: Sequence[str], pairs: Iterable[DuplicateRow], group_by: str
) -> npt.NDArray[np.intp]:
    """Return the group of each image, a number: `(n,)`.

    A group is all images that pairs connect, directly or by way of others (single linkage), so no
    pair can end up in two groups.

    Args:
        paths: of the images.
        pairs: images that show the same thing.
        group_by: section `split`: which kinds of pairs count.
    """
    kinds = KINDS[group_by]
    position = {path: number for number, path in enumerate(paths)} if kinds else {}
    ends = np.array(
        [
            (position[pair.path], position[pair.other_path])
            for pair in pairs
            if pair.kind in kinds
        ],
        np.intp,
    ).reshape(-1, 2)
    links = coo_array(
        (np.ones(len(ends), np.bool_), (ends[:, 0], ends[:, 1])), (len(paths), len(paths))
    )
    _, groups = connected_components(links, directed=False)
    return np.asarray(groups, np.intp)


def name_groups(paths: Sequence[str], groups: npt.NDArray[np.intp]) -> list[str]:
    """Return for each image the name of its group: the path of the first image of that group."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return [paths[number] for number in first[group]]
