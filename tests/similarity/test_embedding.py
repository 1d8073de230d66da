"""Vectors and distances of images, against scikit-learn and SciPy."""

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist, squareform
from sklearn.preprocessing import normalize, scale

from stages.similarity.embedding import ROWS_AT_ONCE, similar_pairs, unit_vectors
from stages.similarity.pairs import Pairs

IMAGES = ROWS_AT_ONCE + 200


def random_features(images: int, columns: int) -> npt.NDArray[np.float32]:
    """Features of which each column has another mean and another spread."""
    random = np.random.default_rng(0)
    scales = 10.0 ** np.arange(columns)
    return (random.normal(3, 1, (images, 2, columns)) * scales).astype(np.float32)


def pairs_of(vectors: npt.NDArray[np.float32], max_distance: float) -> list[tuple[int, int, float]]:
    pairs = Pairs.joined(similar_pairs(vectors, max_distance))
    return list(zip(*(column.tolist() for column in pairs), strict=True))


def test_vectors_are_standardised_means_over_orientations_of_length_one() -> None:
    features = random_features(IMAGES, 5)

    # Of the shards of a table, which are of some images each.
    vectors = unit_vectors([features[:300], features[300:1000], features[1000:]])

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    expected = normalize(scale(features.astype(np.float64).mean(axis=1)))
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


def test_an_image_and_the_same_turned_by_half_have_one_vector() -> None:
    features = random_features(6, 3)
    # What is turned of the one is received of the other.
    features[1] = features[0, [1, 0]]

    vectors = unit_vectors([features])

    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-6)


def test_columns_and_images_that_differ_in_nothing_are_zero() -> None:
    # Means over images: 2 and 5. The first image has them; the second column is always 5.
    means = np.array([[2, 5], [1, 5], [3, 5]], np.float32)
    features = means[:, np.newaxis].repeat(2, axis=1)

    assert unit_vectors([features]).tolist() == [[0, 0], [-1, 0], [1, 0]]


def test_features_are_left_as_they_are() -> None:
    # They are mapped read-only from their files.
    features = random_features(6, 3)
    features.setflags(write=False)

    unit_vectors([features])


def test_no_distance_is_below_zero() -> None:
    # Rounded, the product of this vector and itself is above 1.
    vector = normalize(np.array([[1, 2, 3, 4, 5]], np.float32))
    assert (vector @ vector.T).item() > 1

    assert pairs_of(vector.repeat(2, axis=0), 0.1) == [(0, 1, 0.0)]


def test_pairs_of_known_angles() -> None:
    # Cosines 0.8, 0 and 0.6.
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)

    near = [(left, right) for left, right, _ in pairs_of(vectors, 0.25)]
    nearer_and_farther = pairs_of(vectors, 0.5)

    assert near == [(0, 1)]
    assert [(left, right) for left, right, _ in nearer_and_farther] == [(0, 1), (1, 2)]
    np.testing.assert_allclose([pair[2] for pair in nearer_and_farther], [0.2, 0.4], atol=1e-6)


def test_pairs_are_those_of_brute_force_whatever_block_they_are_in() -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(IMAGES, 32))
    # Noise around the same directions: of the first rows, of the last, and of both.
    for first, second in ((0, 1), (5, IMAGES - 1), (IMAGES - 3, IMAGES - 2)):
        vectors[second] = vectors[first] + random.normal(scale=0.1, size=32)
    vectors = normalize(vectors).astype(np.float32)

    pairs = pairs_of(vectors, max_distance=0.2)

    distances = squareform(pdist(vectors, "cosine"))
    expected = np.argwhere(np.triu(distances <= 0.2, k=1))
    assert {(5, IMAGES - 1), (0, 1)} <= {(left, right) for left, right, _ in pairs}
    assert [[left, right] for left, right, _ in sorted(pairs)] == expected.tolist()
    for left, right, distance in pairs:
        np.testing.assert_allclose(distance, distances[left, right], atol=1e-5)
