"""Pairs of images, as columns: of many photos of the same things there may be as many pairs."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt


class Pairs(NamedTuple):
    """Pairs of images; position i of each column is of the same pair."""

    left: npt.NDArray[np.int32]  #: position of the first image
    right: npt.NDArray[np.int32]  #: position of the other one, which is higher
    distance: npt.NDArray[np.float32]

    @classmethod
    def of(cls, one: npt.ArrayLike, other: npt.ArrayLike, distance: npt.ArrayLike) -> Self:
        """Return pairs of these images, whichever of two is the first."""
        ends = np.asarray(one, np.int32), np.asarray(other, np.int32)
        return cls(np.minimum(*ends), np.maximum(*ends), np.asarray(distance, np.float32))

    @classmethod
    def joined(cls, pairs: Iterable[Self]) -> Self:
        """Return all pairs of several."""
        # One of none, since there may be none.
        columns = zip(cls.of([], [], []), *pairs, strict=True)
        return cls(*map(np.concatenate, columns))
