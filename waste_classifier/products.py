"""Products of matrices, of few rows as of many."""

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
