"""Another camera, ground or light: features brought to where those of the training photos lie.

Each feature of the photos of a new line is shifted and scaled so that its mean and standard
deviation over these photos are those over the training photos: adaptive normalisation (Li et al.
2018, "Adaptive Batch Normalization for Practical Domain Adaptation"), of the features instead of
within the network. It takes no labels, but photos of the usual mix: of glass alone it would learn
that glass is the usual thing.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.arrays import check_shapes, load_arrays, save_arrays, unreadable

FILE_NAME = "adaptation.npz"

#: Of a feature's deviation over the training photos: what varies less is left as it is.
LEAST_VARIATION = 1e-3
ROWS_AT_ONCE = 256

Floats = npt.NDArray[np.floating[Any]]


class Adaptation(NamedTuple):
    """A shift and a scale of each feature; d features."""

    factor: npt.NDArray[np.float32]  #: `(d,)`
    offset: npt.NDArray[np.float32]  #: `(d,)`

    def __call__(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return features of the new line, `(..., d) float32`, as if of the old one."""
        return features * self.factor + self.offset

    def save(self, file: Path) -> None:
        """Write `file`, .npz: equal arrays give equal bytes."""
        save_arrays(file, self._asdict())

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        read = cls(**load_arrays(file, cls._fields))
        try:
            check_shapes(read._asdict(), dict.fromkeys(cls._fields, (read.factor.size,)))
        except ValueError as error:
            raise unreadable(file, error) from None
        return read


def adapt(features: Floats, mean: Floats, scale: Floats) -> Adaptation:
    """Return what brings features of a new line to the training photos' mean and scale.

    Args:
        features: `(n, d)`, of photos of the new line.
        mean: `(d,)`, of the training photos.
        scale: `(d,)`, standard deviation of the training photos.
    """
    # Of equal values of 32 bits the deviation is not 0, but what rounding leaves; some rows at a
    # time, since twice as wide they would take the most memory of all.
    blocks = np.array_split(features, -(-len(features) // ROWS_AT_ONCE))
    own_mean = sum(block.sum(axis=0, dtype=np.float64) for block in blocks) / len(features)
    squares = sum(np.square(block - own_mean).sum(axis=0) for block in blocks)
    own_scale = np.sqrt(squares / len(features))
    # A feature that hardly varies in a few photos says nothing of its scale.
    varies = own_scale > LEAST_VARIATION * scale
    factor = np.where(varies, scale / np.where(varies, own_scale, 1), 1)
    return Adaptation(
        np.asarray(factor, np.float32), np.asarray(mean - own_mean * factor, np.float32)
    )
