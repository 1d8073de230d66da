"""Scores against values worked out by hand and against scikit-learn."""

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import sklearn.metrics

from stages import scores as module
from stages.scores import (
    accuracy_of_surest,
    bootstrap_intervals,
    calibration,
    confusion_matrix,
    counts_of_groups,
    expected_calibration_error,
    losses,
    precision_recall_curve,
    scores,
    scores_of_counts,
    shares_of_things,
)
from waste_classifier.intervals import wilson_interval

Labels = npt.NDArray[np.intp]


def random_labels(images: int, k: int, seed: int) -> tuple[Labels, Labels]:
    """Actual labels, each at least once, and predictions that are right more often than not."""
    generator = np.random.default_rng(seed)
    actual = np.concatenate([np.arange(k), generator.integers(k, size=images - k)])
    wrong = generator.random(images) < 0.4
    return actual, np.where(wrong, generator.integers(k, size=images), actual)


def test_confusion_matrix_has_actual_labels_in_rows_and_all_labels() -> None:
    actual, predicted = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1])

    assert confusion_matrix(actual, predicted, 3).tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_by_hand() -> None:
    # Label 0: 3 of 4 found, 1 wrongly taken for it. Label 1: 1 of 2 found. Label 2 never predicted.
    confusion = np.array([[3, 1, 0], [1, 1, 0], [0, 2, 0]])

    result = scores(confusion)

    assert result.accuracy == 4 / 8
    assert result.precision.tolist() == [3 / 4, 1 / 4, 0]
    assert result.recall.tolist() == [3 / 4, 1 / 2, 0]
    assert result.f1.tolist() == pytest.approx([3 / 4, 1 / 3, 0])
    assert result.macro_f1 == pytest.approx((3 / 4 + 1 / 3 + 0) / 3)
    assert result.weighted_f1 == pytest.approx((4 * 3 / 4 + 2 * 1 / 3 + 0) / 8)
    assert result.support.tolist() == [4, 2, 2]


def test_groups_count_right_ones_labels_and_predictions() -> None:
    actual, predicted, group = (
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 1, 0]),
        np.array([0, 0, 0, 1]),
    )

    counts = counts_of_groups(actual, predicted, group, 2)

    # Right ones, images of the label, predictions of it: of glass, then of metal each.
    assert counts.tolist() == [[1, 1, 2, 1, 1, 2], [0, 0, 0, 1, 1, 0]]
    assert scores_of_counts(counts.sum(axis=0)).f1.tolist() == [1 / 2, 1 / 2]


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_scikit_learn(seed: int) -> None:
    actual, predicted = random_labels(images=60, k=5, seed=seed)

    result = scores(confusion_matrix(actual, predicted, 5))

    expected = sklearn.metrics.precision_recall_fscore_support(
        actual, predicted, labels=range(5), zero_division=0
    )
    for values, name in zip(expected, ("precision", "recall", "f1", "support"), strict=True):
        np.testing.assert_allclose(getattr(result, name), values)
    assert result.accuracy == sklearn.metrics.accuracy_score(actual, predicted)
    for average in ("macro", "weighted"):
        f1 = sklearn.metrics.f1_score(actual, predicted, average=average, zero_division=0)
        assert getattr(result, f"{average}_f1") == pytest.approx(f1)


def test_macro_f1_leaves_out_a_label_that_does_not_occur() -> None:
    assert scores(np.array([[2, 0], [0, 0]])).macro_f1 == 1
    # Predicted, though: as in scikit-learn it counts, as 0.
    assert scores(np.array([[2, 2], [0, 0]])).macro_f1 == pytest.approx((2 * 2 / 6 + 0) / 2)


@pytest.mark.parametrize(("right", "trials"), [(0, 5), (3, 7), (14, 14)])
def test_wilson_interval_is_that_of_scipy(right: int, trials: int) -> None:
    expected = scipy.stats.binomtest(right, trials).proportion_ci(method="wilson")

    interval = wilson_interval(right / trials, trials)

    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_where_all_are_right_the_interval_follows_from_the_number_of_groups() -> None:
    # Of label 0 four images in two groups, of label 1 one image.
    actual = np.array([0, 0, 0, 0, 1])

    intervals = bootstrap_intervals(actual, actual, list("aabbc"), k=2, samples=200, seed=0)

    def low(groups: int) -> float:
        return float(scipy.stats.binomtest(groups, groups).proportion_ci(method="wilson").low)

    assert intervals["accuracy"] == pytest.approx((low(3), 1))
    assert intervals["recall"].low == pytest.approx([low(2), low(1)])
    # Precision and recall are both at least this.
    assert intervals["f1"].low == pytest.approx([low(2), low(1)])
    # Of labels that do not depend on each other, distances from 1 add up as the sides of a right
    # angle do.
    below = np.hypot(1 - low(2), 1 - low(1)) / 2
    assert intervals["macro_f1"].low == pytest.approx(1 - below)
    below = np.hypot(4 * (1 - low(2)), 1 - low(1)) / 5
    assert intervals["weighted_f1"].low == pytest.approx(1 - below)
    for interval in intervals.values():
        assert np.all(interval.high == pytest.approx(1))


def test_bootstrap_equals_a_loop_that_collects_the_images_of_drawn_groups() -> None:
    actual, predicted = random_labels(images=40, k=3, seed=1)
    groups = [f"group{number:02}" for number in np.random.default_rng(2).integers(15, size=40)]
    members = sorted(set(groups))
    generator = np.random.default_rng(7)
    accuracies, macros, recalls, precisions = [], [], [], []
    for _ in range(100):
        times = generator.multinomial(len(members), [1 / len(members)] * len(members))
        images = np.concatenate(
            [
                np.repeat(np.flatnonzero(np.array(groups) == member), count)
                for member, count in zip(members, times, strict=True)
            ]
        )
        a, p = actual[images], predicted[images]
        accuracies.append(sklearn.metrics.accuracy_score(a, p))
        macros.append(sklearn.metrics.f1_score(a, p, average="macro", zero_division=0))
        recalls.append((p[a == 2] == 2).mean())
        precisions.append((a[p == 2] == 2).mean())

    intervals = bootstrap_intervals(actual, predicted, groups, k=3, samples=100, seed=7)

    low, high = np.quantile(accuracies, [0.025, 0.975])
    wilson = wilson_interval((actual == predicted).mean(), len(members))
    assert intervals["accuracy"] == pytest.approx((min(low, wilson.low), max(high, wilson.high)))
    low, high = np.quantile(macros, [0.025, 0.975])
    assert intervals["macro_f1"].low <= low
    assert intervals["macro_f1"].high >= high
    for name, drawn, images in (
        ("recall", recalls, actual == 2),
        ("precision", precisions, predicted == 2),
    ):
        # Widened to cover Wilson's of the groups.
        trials = len(set(np.array(groups)[images]))
        wilson = wilson_interval((actual == predicted)[images].mean(), trials)
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert intervals[name].low[2] == pytest.approx(min(low, wilson.low))
        assert intervals[name].high[2] == pytest.approx(max(high, wilson.high))


def test_one_mistake_makes_no_score_surer() -> None:
    actual = np.repeat([0, 1], 30)
    predicted = actual.copy()
    predicted[0] = 1

    groups = [str(image) for image in range(60)]
    with_mistake = bootstrap_intervals(actual, predicted, groups, k=2, samples=200, seed=0)
    all_right = bootstrap_intervals(actual, actual, groups, k=2, samples=200, seed=0)

    for score in with_mistake:
        assert np.all(with_mistake[score].low <= all_right[score].low)


def test_bootstrap_by_group_is_wider_where_groups_stand_or_fall_together() -> None:
    actual = np.tile([0, 1], 50)
    predicted = np.concatenate([actual[:50], 1 - actual[50:]])

    alone = bootstrap_intervals(actual, predicted, [str(i) for i in range(100)], 2, 500, seed=0)
    tens = bootstrap_intervals(
        actual, predicted, [str(i // 10) for i in range(100)], 2, 500, seed=0
    )

    width_alone = alone["accuracy"].high - alone["accuracy"].low
    width_tens = tens["accuracy"].high - tens["accuracy"].low
    # Standard errors: sqrt(0.25 / 100) and sqrt(0.25 / 10).
    assert width_alone == pytest.approx(2 * 1.96 * 0.05, rel=0.2)
    assert width_tens == pytest.approx(2 * 1.96 * 0.158, rel=0.2)


def test_bootstrap_interval_of_a_rare_label_is_of_the_resamples_that_have_it() -> None:
    # A third of the resamples lack the one image of label 1, which is always found.
    actual = np.array([0, 0, 1])

    intervals = bootstrap_intervals(actual, actual, list("abc"), k=2, samples=300, seed=0)

    # Wilson's of one trial, 1 / (1 + 1.96 ** 2), and not 0.
    assert intervals["recall"].low[1] == pytest.approx(0.2065, abs=1e-4)
    assert intervals["f1"].low[1] == pytest.approx(0.2065, abs=1e-4)


@pytest.mark.filterwarnings("error")
def test_bootstrap_interval_of_precision_is_of_the_resamples_that_predict_the_label() -> None:
    # Label 1 is predicted once, rightly; label 2 never.
    actual, predicted = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 0])

    precision = bootstrap_intervals(actual, predicted, list("abcd"), 3, 300, seed=0)["precision"]

    # Wilson's of one group that is right: 1 / (1 + 1.96 ** 2).
    assert (precision.low[1], precision.high[1]) == pytest.approx((0.2065, 1), abs=1e-4)
    assert (precision.low[2], precision.high[2]) == (0, 1)


def test_bootstrap_does_not_depend_on_how_many_draws_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actual, predicted = random_labels(images=30, k=3, seed=3)
    groups = [str(image // 2) for image in range(30)]
    at_once = bootstrap_intervals(actual, predicted, groups, k=3, samples=101, seed=5)

    monkeypatch.setattr(module, "DRAWS_AT_ONCE", 15 * 4)
    in_parts = bootstrap_intervals(actual, predicted, groups, k=3, samples=101, seed=5)

    for name, interval in at_once.items():
        np.testing.assert_array_equal(interval, in_parts[name])


def test_bins_of_calibration_are_of_equal_count() -> None:
    confidences = np.array([0.9, 0.5, 1.0, 0.6])
    right = np.array([True, True, True, False])

    bins = calibration(confidences, right, list("abcc"), bins=2)

    assert [(each.low, each.high, each.images) for each in bins] == [(0.5, 0.6, 2), (0.9, 1.0, 2)]
    assert [each.accuracy for each in bins] == [0.5, 1]
    assert [each.confidence for each in bins] == pytest.approx([0.55, 0.95])
    # Two groups of which both are right.
    high = scipy.stats.binomtest(2, 2).proportion_ci(method="wilson")
    assert (bins[1].accuracy_low, bins[1].accuracy_high) == pytest.approx((high.low, high.high))
    expected = (2 * 0.05 + 2 * 0.05) / 4
    assert expected_calibration_error(bins) == pytest.approx(expected)


def test_images_of_equal_confidence_share_a_bin() -> None:
    confidences = np.array([0.5, 1.0, 1.0, 1.0, 1.0])

    bins = calibration(confidences, np.full(5, True), list("abcde"), bins=5)

    assert [each.images for each in bins] == [1, 4]


def test_calibration_error_is_0_where_confidence_is_accuracy() -> None:
    right = np.array([True, True, True, False])

    bins = calibration(np.full(4, 0.75), right, list("abcd"), bins=10)

    assert expected_calibration_error(bins) == 0


def test_accuracy_of_the_surest_by_hand() -> None:
    confidences = np.array([0.9, 0.5, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, False, True])

    # Of 0.9, 0.8, 0.7 and 0.6 three are right.
    assert accuracy_of_surest(confidences, right, 0.8) == 0.75
    assert accuracy_of_surest(confidences, right, 1.0) == 0.6
    assert accuracy_of_surest(confidences, right, 0.1) == 1


def test_log_loss_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]], dtype=np.float32)

    loss = losses(probabilities, np.array([0, 1])).mean()

    assert loss == pytest.approx((np.log(2) + np.log(4 / 3)) / 2)


def test_log_loss_of_a_probability_of_0_is_finite() -> None:
    probabilities = np.array([[1, 0], [1, 0]], dtype=np.float32)

    assert losses(probabilities, np.array([0, 1])).mean() == pytest.approx(-np.log(2**-23) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_curve_and_log_loss_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few digits, so that many scores are equal; some of them 0 and 1.
    probabilities = random.dirichlet(np.full(3, 0.3), 60).round(1 + seed % 3).astype(np.float32)
    actual = np.concatenate([np.arange(3), random.integers(0, 3, 57)])
    relevant = actual == 1

    curve = precision_recall_curve(relevant, probabilities[:, 1])

    precision, recall, thresholds = sklearn.metrics.precision_recall_curve(
        relevant, probabilities[:, 1], drop_intermediate=True
    )
    np.testing.assert_allclose(curve.precision, precision[::-1])
    np.testing.assert_allclose(curve.recall, recall[::-1])
    np.testing.assert_array_equal(curve.thresholds[1:], thresholds[::-1])
    assert curve.average_precision == pytest.approx(
        sklearn.metrics.average_precision_score(relevant, probabilities[:, 1])
    )
    normal = (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)
    assert losses(normal, actual).mean() == pytest.approx(
        sklearn.metrics.log_loss(actual, normal, labels=np.arange(3)), rel=1e-5
    )


def test_of_one_image_the_curve_has_one_threshold() -> None:
    curve = precision_recall_curve(np.array([True]), np.array([0.3]))

    assert curve.precision.tolist() == [1, 1]
    assert curve.recall.tolist() == [0, 1]


def test_each_thing_counts_once() -> None:
    groups = [*"abcd", *"eeee"]

    assert shares_of_things(groups).tolist() == [1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25]
