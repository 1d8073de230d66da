"""What photos are held against, and the limit; against scikit-learn and by simulation."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.covariance import EmpiricalCovariance

from stages.novelty.fit import (
    effective_things,
    fit_known_labels,
    fit_novelty,
    held_out_distances,
    limit_of,
    usual_of_no_mean,
    usual_of_others,
)

RANDOM = np.random.default_rng(0)
#: Two labels apart, of five features.
TARGETS = np.repeat([0, 1], 100)
#: Each photo shows a thing of its own.
GROUPS = np.arange(200).astype(str)
FEATURES = (
    RANDOM.normal(size=(200, 5)) @ RANDOM.normal(size=(5, 5)) + 4 * TARGETS[:, None]
).astype(np.float32)


def test_with_all_components_it_is_the_mahalanobis_distance_to_the_label_mean() -> None:
    novelty = fit_novelty(FEATURES, TARGETS, GROUPS.tolist(), 2)

    means = np.stack([FEATURES[label == TARGETS].mean(axis=0) for label in (0, 1)])
    shared = EmpiricalCovariance(assume_centered=True).fit(FEATURES - means[TARGETS])
    photo = FEATURES[:1]
    expected = shared.mahalanobis(photo - means[0])[0]
    to_mean = ((novelty.coordinates(photo) - novelty.label_means[0]) ** 2).sum()
    assert to_mean == pytest.approx(expected, rel=1e-3)


def test_the_photos_that_it_was_fitted_to_are_about_one_away_and_others_farther() -> None:
    novelty = fit_novelty(FEATURES, TARGETS, GROUPS.tolist(), 2)

    others = FEATURES + np.array([30, -30, 0, 0, 0], np.float32)

    assert 0.3 < np.median(novelty.raw_distances(FEATURES)) < 1.2
    assert novelty.raw_distances(others).min() > novelty.raw_distances(FEATURES).max()


def test_photos_of_a_fold_are_held_against_those_of_the_others() -> None:
    folds = np.arange(200) % 2

    distances = held_out_distances(FEATURES, TARGETS, GROUPS, folds)

    first = folds == 0
    others = fit_novelty(FEATURES[~first], TARGETS[~first], GROUPS[~first].tolist(), 2)
    np.testing.assert_array_equal(distances[first], others.raw_distances(FEATURES[first]))


def test_the_limit_leaves_a_share_of_things_out() -> None:
    distances = np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.91, 0.92, 0.93], np.float32)
    # Four things with a photo each, and one with four photos, far away.
    groups = [*"abcd", *"eeee"]

    assert limit_of(distances, groups, 0.2) == pytest.approx(0.4)
    assert limit_of(distances, groups, 0.0) == pytest.approx(0.93)


def test_features_that_never_vary_are_no_obstacle() -> None:
    features = np.concatenate([FEATURES, np.ones((200, 1), np.float32)], axis=1)

    assert np.isfinite(
        fit_novelty(features, TARGETS, GROUPS.tolist(), 2).raw_distances(features)
    ).all()


def test_relative_distances_are_those_of_two_mahalanobis_distances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stages.novelty.fit.RIDGE_OF_HIDDEN", 0)
    known = fit_known_labels(FEATURES, TARGETS, 2, FEATURES, [f"{n}" for n in range(200)], 0.1)

    means = np.stack([FEATURES[label == TARGETS].mean(axis=0) for label in (0, 1)])
    within = EmpiricalCovariance(assume_centered=True).fit(FEATURES - means[TARGETS])
    overall = EmpiricalCovariance().fit(FEATURES)
    to_labels = np.min([within.mahalanobis(FEATURES - mean) for mean in means], axis=0)
    expected = to_labels - overall.mahalanobis(FEATURES)
    np.testing.assert_allclose(known.relative_distances(FEATURES), expected, atol=0.01)
    # A tenth of the things lie beyond the limit, half of them above what is usual.
    assert (known.distances(FEATURES) > 1).mean() == pytest.approx(0.1, abs=0.005)
    assert np.median(known.distances(FEATURES)) == pytest.approx(0, abs=1e-5)


def test_the_limit_of_known_labels_leaves_out_things_not_photos() -> None:
    known = fit_known_labels(FEATURES, TARGETS, 2, FEATURES, GROUPS.tolist(), 0.1)
    order = np.argsort(known.relative_distances(FEATURES))
    # Nine things of one photo, and one of six photos, as far away as any.
    others = FEATURES[[*order[20:29], *[order[-1]] * 6]]
    groups = [*"abcdefghi", *["far"] * 6]

    limited = fit_known_labels(FEATURES, TARGETS, 2, others, groups, 0.1)

    relative = limited.relative_distances(others)
    assert relative[8] < relative[9]
    assert limited.limit == pytest.approx(relative[8], rel=1e-6)


def test_photos_that_are_all_alike_still_have_a_limit_above_what_is_usual() -> None:
    alike = np.ones((4, 3), np.float32)

    known = fit_known_labels(alike, np.array([0, 0, 1, 1]), 2, alike, list("abcd"), 0.05)

    assert known.distances(alike).tolist() == [0, 0, 0, 0]


def test_a_label_whose_things_are_all_in_one_fold_leaves_distances_finite() -> None:
    folds = (TARGETS == 1).astype(int)
    folds[:50] = 1

    distances = held_out_distances(FEATURES, TARGETS, GROUPS, folds)

    assert np.isfinite(distances).all()


def drawn(random: np.random.Generator, means: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Features of photos about a mean each, of some directions in which photos vary more."""
    n, d = means.shape
    noise = random.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5
    return np.asarray(means + noise, np.float32)


@pytest.mark.parametrize(("photos", "most"), [(3, 0.15), (5, 0.1), (30, 0.1)])
def test_new_photos_of_a_rare_label_are_refused_about_as_often_as_asked(
    photos: int, most: float
) -> None:
    refused = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        targets = np.repeat(np.arange(4), [150, 150, 150, photos])
        means = random.normal(size=(4, 80)) * np.arange(1, 81) ** -0.5
        features, groups = drawn(random, means[targets]), np.arange(len(targets)).astype(str)
        held_out = held_out_distances(features, targets, groups, np.arange(len(targets)) % 3)
        limit = limit_of(held_out, groups.tolist(), 0.05)
        novelty = fit_novelty(features, targets, groups.tolist(), 4, limit)
        new = drawn(random, np.repeat(means[-1:], 500, axis=0))
        refused.append((novelty.distances(new) > 1).mean())

    assert np.mean(refused) < most


def test_a_label_of_one_photo_excludes_not_all_others() -> None:
    # Of the third label one photo, which is its own mean.
    random = np.random.default_rng(0)
    targets, means = np.append(TARGETS, 2), np.array([[0.0] * 5, [9.0] * 5, [-9.0] * 5])
    features = drawn(random, means[targets])
    novelty = fit_novelty(features, targets, [*GROUPS, "one"], 3)

    new = drawn(random, np.repeat(means[2:], 100, axis=0))

    assert np.median(novelty.raw_distances(new)) < 3


def test_what_is_usual_of_new_things_is_more_than_of_those_that_made_the_mean() -> None:
    # Three things, 2/3 of a variance of 12 away: with it, that of all is (3 x 8 + 3 x 8) / 4 = 12,
    # and new ones lie 4/3 of it away. One thing alone says nothing of its own.
    even = usual_of_others(np.array([8.0, 8.0, 0.0]), np.array([3.0, 3.0, 1.0]))
    np.testing.assert_allclose(even, [16, 16, 24])
    # The variance of all is (100 x 9.9 + 2 x 25) / 100 = 10.4; of two things it is drawn there by
    # four: (2 x 25 + 4 x 10.4) / 5, times 3/2.
    usual = usual_of_others(np.array([9.9, 25.0]), np.array([100.0, 2.0]))
    assert usual[1] == pytest.approx((50 + 41.6) / 5 * 1.5)
    # What is left out is held against no mean: (2 x 4 + 4 x (100 x 1 + 2 x 4) / 102) / 6.
    rest = usual_of_no_mean(np.array([1.0, 4.0]), np.array([100.0, 2.0]))
    assert rest[1] == pytest.approx((8 + 4 * 108 / 102) / 6)


def test_of_labels_of_many_things_hardly_anything_changes() -> None:
    # Four fifths of the photos of TrashNet's labels; some vary half as much again as others.
    things = np.array([475.0, 401, 386, 328, 322, 110])
    before = np.array([0.9, 1.2, 1.0, 1.1, 0.8, 1.2])

    for usual in (usual_of_others(before, things), usual_of_no_mean(before, things)):
        np.testing.assert_allclose(usual, before, rtol=0.02)


def test_ten_photos_of_one_thing_make_no_ten_things() -> None:
    targets = np.array([0] * 10 + [1] * 4)
    groups = [*["one"] * 9, "two", *"abcd"]

    # Kish: (9 + 1)^2 / (9^2 + 1^2).
    np.testing.assert_allclose(effective_things(targets, groups, 2), [100 / 82, 4])
