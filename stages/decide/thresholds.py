"""The temperature, and the thresholds that promise a purity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from stages.outputs.predictions import Predictions
from stages.scores import losses, shares_of_things
from waste_classifier.decision import Decision

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

#: Where the temperature is looked for.
TEMPERATURES = (0.05, 20.0)


def fit_temperature(
    decision: Decision, probabilities: npt.NDArray[Any], actual: Positions
) -> float:
    """Return the temperature at which the log loss at the mix is least: Guo et al. 2017.

    Args:
        decision: whose temperature counts for nothing.
        probabilities: `(n, k)`, of photos that their network has not seen.
        actual: `(n,)`, positions of labels.
    """
    weights = mix_weights(decision, actual)

    def loss(log_temperature: float) -> float:
        tried = decision._replace(temperature=float(np.exp(log_temperature)))
        return float(weights @ losses(tried.calibrated(probabilities), actual))

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def unseen_log_loss(decision: Decision, known: Predictions) -> float:
    """Return the log loss of a cross-validation, in nats, each fold at the temperature of others.

    Each temperature is fitted to photos that are not in the fold.

    Args:
        decision: whose temperature counts for nothing.
        known: with folds.
    """
    paths, folds = np.asarray(known.paths), np.asarray(known.folds)
    of_photos = np.empty(len(folds))
    for fold in np.unique(folds):
        held_out = folds == fold
        others = ~np.isin(paths, paths[held_out])
        temperature = fit_temperature(decision, known.probabilities[others], known.actual[others])
        calibrated = decision._replace(temperature=temperature).calibrated(known.probabilities)
        of_photos[held_out] = losses(calibrated, known.actual)[held_out]
    return float(np.average(of_photos, weights=mix_weights(decision, known.actual)))


def mix_weights(decision: Decision, actual: Positions, counts: Floats | None = None) -> Floats:
    """Return how much each photo counts at the mix, `(n,)`; they count as much in all as before.

    Shares are counted in the photos that are weighed: those of test differ from those of the data
    that the decision was fitted to. Of a label that has no photo there, the mix says nothing.

    Args:
        decision: whose mix, unless it is that of the data, labels are weighted to.
        actual: `(n,)`, positions of labels.
        counts: `(n,)`, how much each counts before; None: 1.
    """
    counts = np.ones(len(actual)) if counts is None else counts
    if not decision.reweights:
        return counts
    of_label = np.bincount(actual, counts, len(decision.labels))
    factors = np.asarray(decision.mix) * counts.sum() / np.maximum(of_label, 1e-300)
    weights: Floats = counts * factors[actual]
    return weights


def thing_weights(decision: Decision, actual: Positions, groups: Sequence[str]) -> Floats:
    """Return how much each photo counts at the mix where each thing counts once, `(n,)`.

    Args:
        decision: whose mix, unless it is that of the data, labels are weighted to: by things, of
            which some labels have more photos than others.
        actual: `(n,)`, positions of labels.
        groups: of each photo, the thing that it shows.
    """
    return mix_weights(decision, actual, shares_of_things(groups))


def fit_thresholds(
    decision: Decision,
    calibrated: npt.NDArray[Any],
    actual: Positions,
    groups: Sequence[str],
) -> tuple[float | None, ...]:
    """Return the least probability of each label from which on its bin is pure.

    Of all things that go into the bin at that threshold, the share that belongs there is, with
    `decision.confidence`, at least `decision.purity` (`least_share`). A sorting line sees a thing
    once: of one that has ten photos here, each counts a tenth.

    Args:
        decision: whose thresholds count for nothing.
        calibrated: `(n, k)`, of photos that their network has not seen.
        actual: `(n,)`, positions of labels.
        groups: of each photo; those of one group are right or wrong together.

    Returns:
        `(k,)`; None for a label whose purity so few photos can't show at any threshold.
    """
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    weights = thing_weights(decision, actual, groups)
    predicted = calibrated.argmax(axis=1)
    return tuple(
        _threshold(
            calibrated[predicted == label, label],
            actual[predicted == label] == label,
            weights[predicted == label],
            group[predicted == label],
            decision.purity,
            decision.confidence,
        )
        for label in range(len(decision.labels))
    )


def _threshold(
    probabilities: Floats,
    right: npt.NDArray[np.bool_],
    weights: Floats,
    group: npt.NDArray[np.intp],
    purity: float,
    confidence: float,
) -> float | None:
    order = np.argsort(-probabilities, kind="stable")
    probabilities, right, weights = probabilities[order], right[order], weights[order]
    in_bin = np.cumsum(weights)
    shares = np.cumsum(weights * right) / np.maximum(in_bin, np.finfo(np.float64).tiny)
    trials = in_bin**2 / np.maximum(_squares_of_groups(weights, group[order]), 1e-300)
    pure = least_share(shares, trials, confidence) >= purity
    # Photos of one probability lie above a threshold together.
    last_of_equals = np.append(probabilities[1:] != probabilities[:-1], True)[: len(order)]
    found = np.flatnonzero(pure & last_of_equals)
    return float(probabilities[found[-1]]) if len(found) else None


def _squares_of_groups(weights: Floats, group: npt.NDArray[np.intp]) -> Floats:
    """Return the sum over groups of the square of their weight, as photos come one by one."""
    order = np.argsort(group, kind="stable")
    weight = weights[order]
    # What of its group came before each photo.
    before = np.cumsum(weight) - weight
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    before -= np.repeat(before[starts], np.diff(starts, append=len(group)))
    growth = np.empty(len(weights))
    growth[order] = weight**2 + 2 * weight * before
    return np.cumsum(growth)


def least_share(shares: npt.ArrayLike, trials: npt.ArrayLike, confidence: float) -> Floats:
    """Return the one-sided lower bound of shares: Clopper and Pearson 1934.

    Trials are groups, since photos of one thing are right or wrong together, and of unequal weights
    so many as say as much: Kish 1965, "Survey Sampling", the effective sample size. It then need be
    no whole number, which the beta distribution of the bound does not ask for.

    Args:
        shares: that were right.
        trials: how many there were.
        confidence: that the true share is not below the bound.
    """
    share, n = np.asarray(shares, np.float64), np.asarray(trials, np.float64)
    right = share * n
    # No share is below 0; beta.ppf knows no parameter of 0.
    bound = beta.ppf(1 - confidence, np.maximum(right, 1e-12), n - right + 1)
    return np.asarray(np.where(right > 0, bound, 0.0))
