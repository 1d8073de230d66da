"""How unlike things of the labels that are known a thing is: one of no label, perhaps.

The relative Mahalanobis distance (Ren et al. 2021, "A Simple Fix to Mahalanobis Distance for
Improving Near-OOD Detection") in the head's hidden layer, which knows what tells the labels apart:
the squared distance to the nearest label mean, under the covariance within labels, less that to the
mean of all, under the covariance of all. A thing of no label is to be far from the labels alone,
what is far from everything by both. That holds in part: photos of another camera are mostly beyond
the limit too, whatever they show, and many are still where the classifier is adapted to them.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.arrays import check_shapes, load_arrays, save_arrays, unreadable
from waste_classifier.products import product, squared_distances

FILE_NAME = "known_labels.npz"

Floats = npt.NDArray[np.floating[Any]]


class KnownLabels(NamedTuple):
    """What a photo is held against; m values of the hidden layer, k labels."""

    label_means: npt.NDArray[np.float32]  #: `(k, m)`
    whitening_within: npt.NDArray[np.float32]  #: `(m, m)`, makes the covariance within labels one
    mean: npt.NDArray[np.float32]  #: `(m,)`, of all
    whitening_overall: npt.NDArray[np.float32]  #: `(m, m)`, makes the covariance of all one
    usual: npt.NDArray[np.float32]  #: `()`, relative distance that becomes 0
    limit: npt.NDArray[np.float32]  #: `()`, relative distance that becomes 1

    def distances(self, hidden: Floats) -> npt.NDArray[np.float32]:
        """Return how far photos lie from the labels, `(n,) float32`; 0: as usual, 1: at the limit.

        Args:
            hidden: `(n, m)`, of `Head.representation`.
        """
        relative = self.relative_distances(hidden)
        return np.asarray((relative - self.usual) / (self.limit - self.usual), np.float32)

    def relative_distances(self, hidden: Floats) -> npt.NDArray[np.float32]:
        """Return the relative Mahalanobis distances, `(n,) float32`."""
        placed = product(hidden, self.whitening_within)
        means = product(self.label_means, self.whitening_within)
        to_labels = squared_distances(placed, means).min(axis=1)
        to_all = (product(hidden - self.mean, self.whitening_overall) ** 2).sum(axis=1)
        return np.asarray(to_labels - to_all, np.float32)

    def save(self, file: Path) -> None:
        """Write `file`, .npz: equal arrays give equal bytes."""
        save_arrays(file, self._asdict())

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        known = cls(**load_arrays(file, cls._fields))
        try:
            known._check()
        except ValueError as error:
            raise unreadable(file, error) from None
        return known

    def _check(self) -> None:
        labels, width = self.label_means.shape
        expected = {
            "label_means": (labels, width),
            "whitening_within": (width, width),
            "mean": (width,),
            "whitening_overall": (width, width),
            "usual": (),
            "limit": (),
        }
        check_shapes(self._asdict(), expected)
        if not self.usual < self.limit:
            raise ValueError(f"limit: {self.limit} is not above what is usual, {self.usual}")
