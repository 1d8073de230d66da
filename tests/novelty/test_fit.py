"""What photos are held against, and the limit; against scikit-learn."""

import numpy as np
import pytest
from sklearn.covariance import EmpiricalCovariance

from stages.novelty.fit import (
    fit_known_labels,
    fit_novelty,
    held_out_distances,
    limit_of,
    shares_of_things,
)

RANDOM = np.random.default_rng(0)
#: Two labels apart, of five features.
TARGETS = np.repeat([0, 1], 100)
FEATURES = (
    RANDOM.normal(size=(200, 5)) @ RANDOM.normal(size=(5, 5)) + 4 * TARGETS[:, None]
).astype(np.float32)


def test_with_all_components_it_is_the_mahalanobis_distance_to_the_label_mean() -> None:
    novelty = fit_novelty(FEATURES, TARGETS, 2)

    means = np.stack([FEATURES[label == TARGETS].mean(axis=0) for label in (0, 1)])
    shared = EmpiricalCovariance(assume_centered=True).fit(FEATURES - means[TARGETS])
    photo = FEATURES[:1]
    expected = shared.mahalanobis(photo - means[0])[0]
    to_mean = ((novelty.coordinates(photo) - novelty.label_means[0]) ** 2).sum()
    assert to_mean == pytest.approx(expected, rel=1e-3)


def test_the_photos_that_it_was_fitted_to_are_about_one_away_and_others_farther() -> None:
    novelty = fit_novelty(FEATURES, TARGETS, 2)

    others = FEATURES + np.array([30, -30, 0, 0, 0], np.float32)

    assert 0.3 < np.median(novelty.raw_distances(FEATURES)) < 1.2
    assert novelty.raw_distances(others).min() > novelty.raw_distances(FEATURES).max()


def test_photos_of_a_fold_are_held_against_those_of_the_others() -> None:
    folds = np.arange(200) % 2

    distances = held_out_distances(FEATURES, TARGETS, folds)

    first = folds == 0
    expected = fit_novelty(FEATURES[~first], TARGETS[~first], 2).raw_distances(FEATURES[first])
    np.testing.assert_array_equal(distances[first], expected)


def test_the_limit_leaves_a_share_of_things_out() -> None:
    distances = np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.91, 0.92, 0.93], np.float32)
    # Four things with a photo each, and one with four photos, far away.
    groups = [*"abcd", *"eeee"]

    assert limit_of(distances, groups, 0.2) == pytest.approx(0.4)
    assert limit_of(distances, groups, 0.0) == pytest.approx(0.93)
    np.testing.assert_allclose(shares_of_things(groups), [*[0.2] * 4, *[0.05] * 4])


def test_features_that_never_vary_are_no_obstacle() -> None:
    features = np.concatenate([FEATURES, np.ones((200, 1), np.float32)], axis=1)

    assert np.isfinite(fit_novelty(features, TARGETS, 2).raw_distances(features)).all()


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


def test_photos_that_are_all_alike_still_have_a_limit_above_what_is_usual() -> None:
    alike = np.ones((4, 3), np.float32)

    known = fit_known_labels(alike, np.array([0, 0, 1, 1]), 2, alike, list("abcd"), 0.05)

    assert known.distances(alike).tolist() == [0, 0, 0, 0]


def test_a_label_whose_things_are_all_in_one_fold_leaves_distances_finite() -> None:
    folds = (TARGETS == 1).astype(int)
    folds[:50] = 1

    distances = held_out_distances(FEATURES, TARGETS, folds)

    assert np.isfinite(distances).all()
