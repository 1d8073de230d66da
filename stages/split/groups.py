"""Which images show the same thing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateKind, DuplicateRow
from stages.outputs.manifest import ManifestColumns

#: What joins images, by `split.group_by`.
KINDS: Mapping[str, set[DuplicateKind]] = {
    "none": set(),
    "perceptual": {"perceptual"},
    "embedding": {"perceptual", "embedding"},
}


def group_images(
    images: ManifestColumns, pairs: Iterable[DuplicateRow], group_by: str
) -> npt.NDArray[np.intp]:
    """Return the group of each image, a number: `(n,)`.

    A group is all images that pairs connect, directly or by way of others (single linkage), so no
    pair can end up in two groups.

    Args:
        images: all of them.
        pairs: images that show the same thing.
        group_by: section `split`: which kinds of pairs count.

    Raises:
        InputError: a pair is of other images.
    """
    kinds = KINDS[group_by]
    paths = [path for pair in pairs if pair.kind in kinds for path in (pair.path, pair.other_path)]
    ends = images.positions_of(paths, DUPLICATES_FILE).reshape(-1, 2)
    count = len(images.paths)
    links = coo_array((np.ones(len(ends), np.bool_), (ends[:, 0], ends[:, 1])), (count, count))
    _, groups = connected_components(links, directed=False)
    return np.asarray(groups, np.intp)


class MixedGroups(NamedTuple):
    """The groups that hold images of several labels."""

    groups: int
    images: int  #: in all of them
    largest: int  #: images in the largest one; 0 without


def mixed_groups(labels: Sequence[str], groups: npt.NDArray[np.intp]) -> MixedGroups:
    """Count the groups that hold images of several labels.

    What two labels share is hardly one thing: likelier, things differ too little from each other
    for what joined them, or a label is wrong.

    Args:
        labels: of each image.
        groups: of each image, `(n,)`.
    """
    names = {name: number for number, name in enumerate(sorted(set(labels)))}
    label = np.fromiter(map(names.__getitem__, labels), np.intp, len(labels))
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    # Each label of a group once. Tables of all images, since there may be as many groups.
    held = np.unique(group * len(names) + label) // len(names)
    mixed = sizes[np.bincount(held, minlength=len(sizes)) > 1]
    return MixedGroups(len(mixed), int(mixed.sum()), int(mixed.max(initial=0)))


def name_groups(paths: Sequence[str], groups: npt.NDArray[np.intp]) -> list[str]:
    """Return for each image the name of its group: the path of the first image of that group."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return [paths[number] for number in first[group]]
