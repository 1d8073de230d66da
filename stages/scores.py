"""Scores of predictions: pure functions of arrays.

They give what scikit-learn gives, which takes longer to import than all of them to compute.

Positions of labels count from 0; k is the number of labels, n of images.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from waste_classifier.intervals import Interval, wilson_interval

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

# Bounds the memory of the bootstrap: so many numbers of draws of groups at once.
DRAWS_AT_ONCE = 1_000_000


class Scores(NamedTuple):
    """Scores of some predictions, or of a stack of such; `...` is the shape of the stack."""

    accuracy: Floats  #: `(...)`
    macro_f1: Floats  #: `(...)`, mean over the labels that occur, as actual or as predicted
    weighted_f1: Floats  #: `(...)`, mean weighted by support
    precision: Floats  #: `(..., k)`, 0 for a label never predicted
    recall: Floats  #: `(..., k)`, 0 for a label without images
    f1: Floats  #: `(..., k)`, 0 for a label without a right prediction
    support: Floats  #: `(..., k)`, images of each label


def confusion_matrix(actual: Labels, predicted: Labels, k: int) -> npt.NDArray[np.int64]:
    """Count images by actual label (rows) and predicted label (columns): `(k, k)`."""
    return np.bincount(actual * k + predicted, minlength=k * k).reshape(k, k).astype(np.int64)


def scores(confusion: npt.NDArray[Any]) -> Scores:
    """Return the scores of a confusion matrix, `(k, k)`, rows actual, columns predicted."""
    counts = [np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)]
    return scores_of_counts(np.concatenate(counts).astype(np.float64))


def counts_of_groups(actual: Labels, predicted: Labels, group: Labels, k: int) -> Floats:
    """Return what each group counts for `scores_of_counts`: `(groups, 3 * k)`.

    That is, of each label, its images that are predicted as such, all its images, and all that are
    predicted as it. Many labels have far fewer of these than cells of a confusion matrix.

    Args:
        actual: `(n,)`, positions of labels.
        predicted: `(n,)`, positions of labels.
        group: `(n,)`, number of each image's group, from 0 on without gaps.
        k: number of labels.
    """
    counts = np.zeros((group.max() + 1, 3 * k))
    right = actual == predicted
    np.add.at(counts, (group[right], actual[right]), 1)
    np.add.at(counts, (group, k + actual), 1)
    np.add.at(counts, (group, 2 * k + predicted), 1)
    return counts


def scores_of_counts(counts: Floats) -> Scores:
    """Return the scores of sums of `counts_of_groups`, `(..., 3 * k)`.

    As `sklearn.metrics.precision_recall_fscore_support` with `zero_division=0`.
    """
    right, support, predictions = np.split(counts, 3, axis=-1)
    images = support.sum(axis=-1)
    f1 = _ratio(2 * right, support + predictions)
    return Scores(
        accuracy=right.sum(axis=-1) / images,
        macro_f1=f1.sum(axis=-1) / np.count_nonzero(support + predictions, axis=-1),
        weighted_f1=(f1 * support).sum(axis=-1) / images,
        precision=_ratio(right, predictions),
        recall=_ratio(right, support),
        f1=f1,
        support=support,
    )


def bootstrap_intervals(
    actual: Labels,
    predicted: Labels,
    groups: Sequence[str],
    k: int,
    samples: int,
    seed: int,
) -> dict[str, Interval]:
    """Return 95 % intervals of all scores but support.

    Images of one group are not independent, so groups are drawn, not images: each resample draws
    as many groups as there are, with replacement (cluster bootstrap; Davison and Hinkley 1997,
    "Bootstrap Methods and their Application", 3.8). A resample may lack a label: it then counts
    neither for the recall and F1 of that label nor, unless the label was predicted, as a term of
    the mean that macro F1 is. Nor does one count for the precision of a label that it predicts for
    no image. The interval is the middle 95 % of the resamples.

    Of few images, and where all are right, resamples are too much alike. So each interval covers
    Wilson's too, with groups for the number of trials, of the F1 of a label the mean number of
    groups of the label and of its predictions; that of a mean of F1 covers what follows from
    Wilson's of the labels (`_of_weighted_sum`).

    Args:
        actual: `(n,)`, positions of labels.
        predicted: `(n,)`, positions of labels.
        groups: of each image, n.
        k: number of labels.
        samples: number of resamples.
        seed: of the draws.

    Returns:
        By name of score: scalars for accuracy, macro_f1 and weighted_f1, `(k,)` for precision,
        recall and f1. Every label must have an image. The precision of a label that is never
        predicted is unknown: from 0 to 1.
    """
    members, group = np.unique(np.asarray(groups), return_inverse=True)
    counts = counts_of_groups(actual, predicted, group, k)

    # How often each group is drawn says all about a resample: what it counts is the sum of what
    # its groups do.
    generator = np.random.default_rng(seed)
    resampled = np.concatenate(
        [draws @ counts for draws in resamples(len(members), samples, generator)]
    )
    drawn = scores_of_counts(resampled)
    absent = drawn.support == 0
    unpredicted = resampled[:, 2 * k :] == 0
    unpredicted[:, np.bincount(predicted, minlength=k) == 0] = False

    of_all = scores_of_counts(counts.sum(axis=0))
    groups_of_label, groups_of_prediction = np.split((counts[:, k:] > 0).sum(axis=0), 2)
    accuracy = wilson_interval(of_all.accuracy, len(members))
    precision = wilson_interval(of_all.precision, groups_of_prediction)
    recall = wilson_interval(of_all.recall, groups_of_label)
    f1 = wilson_interval(of_all.f1, (groups_of_label + groups_of_prediction) / 2)
    macro = _of_weighted_sum(of_all.f1, f1, np.full(k, 1 / k))
    weighted = _of_weighted_sum(of_all.f1, f1, of_all.support / of_all.support.sum())
    return {
        "accuracy": resampled_interval(drawn.accuracy, accuracy),
        "macro_f1": resampled_interval(drawn.macro_f1, macro),
        "weighted_f1": resampled_interval(drawn.weighted_f1, weighted),
        "precision": resampled_interval(np.where(unpredicted, np.nan, drawn.precision), precision),
        "recall": resampled_interval(np.where(absent, np.nan, drawn.recall), recall),
        "f1": resampled_interval(np.where(absent, np.nan, drawn.f1), f1),
    }


def resamples(groups: int, samples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each group is drawn: `(up to some resamples, groups)`, `samples` in all.

    Args:
        groups: how many there are, and are drawn, with replacement.
        samples: number of resamples.
        generator: that they are drawn from.
    """
    shares = np.full(groups, 1 / groups)
    step = max(1, DRAWS_AT_ONCE // groups)
    for start in range(0, samples, step):
        yield generator.multinomial(groups, shares, size=min(step, samples - start)).astype(float)


def resampled_interval(drawn: Floats, least: Interval) -> Interval:
    """Return the middle 95 % of resamples, widened to cover another interval.

    Args:
        drawn: `(resamples, …)`; NaN counts as none.
        least: that is covered.
    """
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return Interval(np.minimum(low, least.low), np.maximum(high, least.high))


class CalibrationBin(NamedTuple):
    """Images of like confidence."""

    low: float  #: least confidence
    high: float  #: greatest
    images: int
    confidence: float  #: mean
    accuracy: float
    accuracy_low: float  #: Wilson's 95 % interval, with groups for the number of trials
    accuracy_high: float


def calibration(
    confidences: npt.NDArray[np.floating[Any]],
    right: npt.NDArray[np.bool_],
    groups: Sequence[str],
    bins: int,
) -> list[CalibrationBin]:
    """Return bins of equal count, lowest confidence first.

    Nguyen and O'Connor 2015, "Posterior calibration and exploratory analysis for natural language
    processing models". Images of equal confidence share a bin, so that there may be fewer bins.

    Args:
        confidences: `(n,)`, probability of the predicted label.
        right: `(n,)`, whether that is the actual one.
        groups: of each image, n.
        bins: number of bins.
    """
    ranked = np.sort(confidences)
    starts = ranked[np.arange(1, bins) * len(ranked) // bins]
    of_image = np.digitize(confidences, np.unique(starts))
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    found = []
    for number in np.unique(of_image):
        inside = of_image == number
        accuracy = right[inside].mean()
        interval = wilson_interval(accuracy, len(np.unique(group[inside])))
        found.append(
            CalibrationBin(
                low=float(confidences[inside].min()),
                high=float(confidences[inside].max()),
                images=int(inside.sum()),
                confidence=float(confidences[inside].mean(dtype=np.float64)),
                accuracy=float(accuracy),
                accuracy_low=float(interval.low),
                accuracy_high=float(interval.high),
            )
        )
    return found


def expected_calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Return how far confidence is from accuracy, averaged over images: 0 to 1.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    images = sum(each.images for each in bins)
    return sum(each.images / images * abs(each.accuracy - each.confidence) for each in bins)


def shares_of_things(groups: Sequence[str]) -> Floats:
    """Return how much each image counts where each thing counts once, `(n,)`.

    Args:
        groups: of each image; those of one group show one thing.
    """
    group, images = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)[1:]
    return np.asarray(1 / images[group])


def accuracy_of_surest(
    confidences: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.bool_], share: float
) -> float:
    """Return the accuracy on the images that a model is surest of.

    Args:
        confidences: `(n,)`, probability of the predicted label.
        right: `(n,)`, whether that is the actual one.
        share: of the images, above 0; of equal confidence, the first ones.
    """
    surest = np.argsort(-confidences, kind="stable")[: max(1, int(share * len(confidences)))]
    return float(right[surest].mean())


def losses(probabilities: npt.NDArray[np.floating[Any]], actual: Labels) -> Floats:
    """Return the negative log of the probability of the actual label, in nats: `(n,)`.

    A probability below the step of its type at 1 (of float32 1.2e-7) counts as that, as
    scikit-learn has it.

    Args:
        probabilities: `(n, k)`, float32 or float64.
        actual: `(n,)`, positions of labels.
    """
    step = np.finfo(probabilities.dtype).eps
    of_actual = probabilities[np.arange(len(actual)), actual].astype(np.float64)
    return np.asarray(-np.log(np.clip(of_actual, step, 1 - step)))


class Curve(NamedTuple):
    """A precision-recall curve, recall rising from 0."""

    precision: Floats  #: `(m,)`
    recall: Floats  #: `(m,)`
    thresholds: Floats  #: `(m,)`, least score that counts; infinite for recall 0

    @property
    def average_precision(self) -> float:
        """The mean of precision over steps of recall, as scikit-learn has it: 0 to 1."""
        return float(np.diff(self.recall) @ self.precision[1:])


def precision_recall_curve(
    relevant: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating[Any]]
) -> Curve:
    """Return precision and recall at every threshold that changes the shape of the curve.

    Args:
        relevant: `(n,)`, which images have the label; at least one.
        scores: `(n,)`, probability of the label.
    """
    order = np.argsort(-scores, kind="stable")
    # Images of equal score lie above a threshold together.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    found = np.cumsum(relevant[order])[ends]
    # Where neither the step before nor the one after finds an image, recall stays as it is.
    steps = np.diff(found) > 0
    corner = np.concatenate([[True], steps[:-1] | steps[1:], [True]]) if len(ends) > 1 else [True]
    found, ends = found[corner], ends[corner]
    return Curve(
        np.append(1.0, found / (ends + 1)),
        np.append(0.0, found / found[-1]),
        np.append(np.inf, scores[order][ends]),
    )


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def _of_weighted_sum(values: Floats, intervals: Interval, weights: Floats) -> Interval:
    """Return the interval of a weighted sum of values that do not depend on each other.

    Zou and Donner 2008, "Construction of confidence limits about effect measures: a general
    approach", for a sum of several.

    Args:
        values: `(k,)`.
        intervals: of each.
        weights: `(k,)`.
    """
    whole = values @ weights
    below = np.linalg.norm((values - intervals.low) * weights)
    above = np.linalg.norm((intervals.high - values) * weights)
    return Interval(np.asarray(whole - below), np.asarray(whole + above))
