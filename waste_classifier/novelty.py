"""How unlike the training photos a photo is, whatever is on it: novelty detection.

A Mahalanobis distance to the nearest of the label means, with one covariance for all, on the
principal components of the standardised features (Lee et al. 2018, "A Simple Unified Framework for
Detecting Out-of-Distribution Samples and Adversarial Attacks"), and beside it the part of the
features that these components leave out. Both are in units of what is usual among the label's own
photos: those of metal differ more than those of paper.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.arrays import check_shapes, load_arrays, save_arrays, unreadable
from waste_classifier.products import product, squared_distances

FILE_NAME = "novelty.npz"

Floats = npt.NDArray[np.floating[Any]]


class Novelty(NamedTuple):
    """What a photo's features are held against; d features, m components, k labels."""

    mean: npt.NDArray[np.float32]  #: `(d,)`, of the features
    scale: npt.NDArray[np.float32]  #: `(d,)`, standard deviation
    components: npt.NDArray[np.float32]  #: `(d, m)`, principal ones
    whitening: npt.NDArray[np.float32]  #: `(m, m)`, that makes the shared covariance one
    label_means: npt.NDArray[np.float32]  #: `(k, m)`, of the whitened components
    usual: npt.NDArray[np.float32]  #: `(k, 2)`, of each label: mean squared distance and rest
    limit: npt.NDArray[np.float32]  #: `()`, distance from which on a photo is unlike the others

    def coordinates(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return the whitened components, `(n, m) float32`, of features `(n, d)`."""
        standardised = (features - self.mean) / self.scale
        return np.asarray(
            product(product(standardised, self.components), self.whitening), np.float32
        )

    def distances(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return how far photos lie from the training ones, `(n,) float32`; 1: at the limit.

        Args:
            features: `(n, d)`, the mean over the orientations of each photo.
        """
        return np.asarray(self.raw_distances(features) / self.limit, np.float32)

    def raw_distances(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return the same, `(n,) float32`; about 1 on the photos that it was fitted to."""
        standardised = np.asarray((features - self.mean) / self.scale, np.float32)
        projected = product(standardised, self.components)
        rest = np.maximum((standardised**2).sum(axis=1) - (projected**2).sum(axis=1), 0)
        whitened = product(projected, self.whitening)
        to_means = squared_distances(whitened, self.label_means)
        squared = (to_means / self.usual[:, 0] + rest[:, None] / self.usual[:, 1]) / 2
        return np.asarray(np.sqrt(squared.min(axis=1)), np.float32)

    def save(self, file: Path) -> None:
        """Write `file`, .npz: equal arrays give equal bytes."""
        save_arrays(file, self._asdict())

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        novelty = cls(**load_arrays(file, cls._fields))
        try:
            novelty._check()
        except ValueError as error:
            raise unreadable(file, error) from None
        return novelty

    def _check(self) -> None:
        features, components = self.components.shape
        expected = {
            "mean": (features,),
            "scale": (features,),
            "whitening": (components, components),
            "label_means": (len(self.label_means), components),
            "usual": (len(self.label_means), 2),
            "limit": (),
        }
        check_shapes(self._asdict(), expected)
