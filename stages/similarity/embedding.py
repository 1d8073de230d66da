"""Distances between images as the pretrained backbone sees them."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from stages.similarity.pairs import Pairs

ROWS_AT_ONCE = 1024


def unit_vectors(features: Iterable[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return one vector for each image, so that `1 - a @ b` is the cosine distance of two.

    The mean over the orientations makes an image and the same turned by half equal; standardised
    columns make a channel of small values count as much as one of large values.

    Args:
        features: arrays `(some images, orientations, d)`, together of all images.

    Returns:
        `(n, d) float32`, rows of length 1; 0 for an image that differs from the mean in nothing.
    """
    vectors = np.concatenate([block.mean(axis=1) for block in features])
    vectors -= vectors.mean(axis=0)
    deviation = vectors.std(axis=0)
    vectors /= np.where(deviation > 0, deviation, 1)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1)
    return vectors


def similar_pairs(vectors: npt.NDArray[np.float32], max_distance: float) -> Iterator[Pairs]:
    """Yield pairs of images at most `max_distance` apart, each once.

    Memory does not grow with the square of the number of images.

    Args:
        vectors: `(n, d)`, as of `unit_vectors`.
        max_distance: cosine distance, 0 (same direction) to 2.

    Yields:
        Positions in `vectors` of two images, the lower first, and their distance.
    """
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        # Rounding takes equal vectors a little past 0.
        distances = np.maximum(1 - vectors[start : start + ROWS_AT_ONCE] @ vectors[start:].T, 0)
        left, right = np.nonzero(np.triu(distances <= max_distance, k=1))
        yield Pairs.of(start + left, start + right, distances[left, right])
