"""Which images show the same thing."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.outputs.duplicates import DuplicateColumns
from stages.outputs.manifest import LabelNumbers

#: Images that are looked at together.
AT_ONCE = 2**16

#: Of images: position of the first one that shows the same thing, which may be itself.
FirstOfGroup = npt.NDArray[np.int32]


def group_images(
    images: int,
    pairs: DuplicateColumns,
    group_by: str,
    dropped: Collection[int] = (),
) -> FirstOfGroup:
    """Return for each image the first one of its group: `(n,)`.

    A group is all images that pairs connect, directly or by way of others (single linkage), so no
    pair can end up in two groups.

    Args:
        images: how many there are.
        pairs: of those that show the same thing.
        group_by: section `split`: which kinds of pairs count.
        dropped: positions of images that connect others, but are in no group.
    """
    near = pairs.is_perceptual
    joins = {"none": np.zeros_like(near), "perceptual": near, "embedding": np.ones_like(near)}
    ends = np.stack([pairs.left, pairs.right])[:, joins[group_by]]
    # Most images are like no other.
    members, numbers = np.unique(ends, return_inverse=True)
    links = coo_array(
        (np.ones(ends.shape[1], np.bool_), numbers.reshape(2, -1)), (len(members), len(members))
    )
    _, group_of = connected_components(links, directed=False)
    kept = ~np.isin(members, list(dropped))
    members, group_of = members[kept], group_of[kept]
    _, first, group = np.unique(group_of, return_index=True, return_inverse=True)
    firsts = np.arange(images, dtype=np.int32)
    firsts[members] = members[first[group]]
    return firsts


class Groups:
    """Groups of images, each known by the position of its first image, and the labels in them.

    What an image takes that shares its group with none is six bytes: there may be many.
    """

    def __init__(self, labels: LabelNumbers, firsts: FirstOfGroup) -> None:
        """Take the images.

        Args:
            labels: `(n,)`; below 0: of an image that is in no group.
            firsts: `(n,)`, as of `group_images`.
        """
        self.labels = labels
        self._is_first = firsts == np.arange(len(firsts), dtype=np.int32)
        further = np.flatnonzero(~self._is_first)
        self._is_first &= labels >= 0
        #: The groups of several images, rising.
        self.shared, others = np.unique(firsts[further], return_counts=True)
        #: Images in each of these.
        self.sizes = others + 1
        #: Whether an image is the first of such a group, `(n,)`.
        self.is_shared = np.zeros(len(labels), np.bool_)
        self.is_shared[self.shared] = True
        members = np.concatenate([self.shared, further])
        # The labels in these, one group after the other.
        self._held = labels[members[np.argsort(firsts[members], kind="stable")]]
        self._ends = np.cumsum(self.sizes)

    def count(self) -> int:
        """Return how many groups there are."""
        return int(np.count_nonzero(self._is_first))

    def all(self) -> npt.NDArray[np.int32]:
        """Return all groups, rising."""
        return np.flatnonzero(self._is_first).astype(np.int32)

    def content(self, group: int) -> dict[int, int]:
        """Return the labels in a group, and how many images of each."""
        if not self.is_shared[group]:
            return {int(self.labels[group]): 1}
        number = np.searchsorted(self.shared, group)
        held = self._held[self._ends[number] - self.sizes[number] : self._ends[number]]
        labels, counts = np.unique(held, return_counts=True)
        return dict(zip(labels.tolist(), counts.tolist(), strict=True))

    def images_per_label(self, labels: int = 0) -> npt.NDArray[np.intp]:
        """Return how many images there are of each label, of at least so many labels."""
        images = np.zeros(max(labels, int(self.labels.max(initial=-1)) + 1), np.intp)
        for start in range(0, len(self.labels), AT_ONCE):
            some = self.labels[start : start + AT_ONCE]
            images += np.bincount(some[some >= 0], minlength=len(images))
        return images

    def labels_of_shared(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the labels in groups of several, each label of a group once.

        Returns:
            Positions in `shared`, and labels.
        """
        numbers = np.repeat(np.arange(len(self.shared)), self.sizes)
        count = int(self.labels.max(initial=0)) + 1
        groups, labels = np.divmod(np.unique(numbers * count + self._held), count)
        return groups, labels


class MixedGroups(NamedTuple):
    """The groups that hold images of several labels."""

    groups: int
    images: int  #: in all of them
    largest: int  #: images in the largest one; 0 without


def mixed_groups(groups: Groups) -> MixedGroups:
    """Count the groups that hold images of several labels.

    What two labels share is hardly one thing: likelier, things differ too little from each other
    for what joined them, or a label is wrong.
    """
    numbers, _ = groups.labels_of_shared()
    mixed = groups.sizes[np.bincount(numbers, minlength=len(groups.sizes)) > 1]
    return MixedGroups(len(mixed), int(mixed.sum()), int(mixed.max(initial=0)))
