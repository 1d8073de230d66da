"""Some images of many, of every label."""

from collections.abc import Sequence

import numpy as np


def spread_over_labels(labels: Sequence[str], count: int, seed: int) -> list[int]:
    """Return positions of up to `count` images, as many of each label as there are, rising.

    Args:
        labels: of each image.
        count: how many are wanted.
        seed: of which ones.
    """
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    taken: dict[str, int] = {}
    # The first of every label before the second of any.
    rank = {}
    for position in order:
        label = labels[position]
        rank[position] = taken[label] = taken.get(label, -1) + 1
    return sorted(sorted(order, key=lambda position: rank[position])[:count])
