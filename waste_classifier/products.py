"""Products of matrices, of few rows as of many, and distances between rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

#: From so many rows on, threads are worth it.
MANY_ROWS = 16

Floats = npt.NDArray[np.floating[Any]]


def product(rows: Floats, matrix: Floats) -> Floats:
    """Return `rows @ matrix`, `(n, k)`, in one thread where rows are few.

    NumPy's linear algebra shares out among all cores a product that takes less than a millisecond.
    The threads of a network that has just run still spin on these for a while, so that it takes
    twenty.

    Args:
        rows: `(n, m)`.
        matrix: `(m, k)`.
    """
    if len(rows) < MANY_ROWS:
        return np.asarray(np.einsum("nm,mk->nk", rows, matrix))
    return np.asarray(rows @ matrix)


def squared_distances(rows: Floats, points: Floats) -> Floats:
    """Return the squared Euclidean distance of each row to each point, `(n, k)`.

    Args:
        rows: `(n, m)`.
        points: `(k, m)`.
    """
    # One point at a time: of many, all differences at once would take much memory.
    return np.stack([((rows - point) ** 2).sum(axis=1) for point in points], axis=1)
