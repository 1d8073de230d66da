"""A map of the images: those that the backbone finds alike lie together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from stages.explore.components import SMALLEST_SPREAD, spread
from stages.outputs.split import SplitRow
from waste_classifier.evenly import evenly

ITERATIONS = 500  # twice as many move no point that one could tell
PERPLEXITY = 30.0
FEWEST_IMAGES = 4


def choose_mapped(in_test: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.intp]:
    """Return up to `count` positions of images, rising: those of test before others.

    Of those that are found wrong later none is to be missed. What is taken is spread evenly.

    Args:
        in_test: `(n,)`, of each image.
        count: positions wanted.
    """
    test, others = np.flatnonzero(in_test), np.flatnonzero(~in_test)
    chosen = test[evenly(len(test), count)]
    further = others[evenly(len(others), count - len(chosen))]
    return np.sort(np.concatenate([chosen, further]))


def embedding_map(
    rows: Sequence[SplitRow], components: npt.NDArray[np.float32], seed: int
) -> list[dict[str, str | float]]:
    """Return a point for each image: `x`, `y`, its label, split and path.

    t-SNE (van der Maaten and Hinton 2008) of the first principal components: neighbours on the map
    are neighbours in the features, but distances between far points mean nothing.

    Args:
        rows: images; of fewer than four, or where components do not tell them apart, there is no
            map, but a row of points.
        components: `(n, c)`, of the same images, largest first.
        seed: of the map.
    """
    if len(rows) < FEWEST_IMAGES or spread(components) < SMALLEST_SPREAD:
        places = np.array([[float(number), 0.0] for number in range(len(rows))])
    else:
        places = TSNE(
            perplexity=min(PERPLEXITY, (len(rows) - 1) / 3),
            init="pca",
            max_iter=ITERATIONS,
            random_state=seed,
        ).fit_transform(components)
    return [
        {
            "x": round(float(x), 2),
            "y": round(float(y), 2),
            "label": row.label,
            "split": row.split,
            "path": row.path,
        }
        for row, (x, y) in zip(rows, places, strict=True)
    ]
