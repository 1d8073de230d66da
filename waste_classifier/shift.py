"""Whether photos look as others do, taken together."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

EXCHANGES = 999
SEED = 0


def energy_test(first: Floats, second: Floats) -> float:
    """Return the p-value of two samples being drawn from one distribution.

    By the energy distance (Szekely and Rizzo 2004, "Testing for Equal Distributions in High
    Dimension"): the share of random exchanges between the samples that set them as far apart, the
    samples as they are counting as one.

    Args:
        first: `(n, m)`.
        second: `(o, m)`.
    """
    both = np.concatenate([first, second]).astype(np.float64)
    squares = (both**2).sum(axis=1)
    between = np.sqrt(np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0))
    generator = np.random.default_rng(SEED)
    n, o = len(first), len(second)
    member = np.repeat([1.0, 0.0], [n, o])
    members = np.stack([member, *(generator.permutation(member) for _ in range(EXCHANGES))])
    to_first = members @ between
    within_first = (to_first * members).sum(axis=1)
    to_all = between.sum(axis=1)
    across = members @ to_all - within_first
    within_second = to_all.sum() - 2 * across - within_first
    energy = 2 * across / (n * o) - within_first / n**2 - within_second / o**2
    # Equal up to rounding counts as equal.
    return float((energy >= energy[0] - 1e-9 * abs(energy[0])).mean())
