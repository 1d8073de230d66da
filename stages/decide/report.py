"""What decisions come to on images that had no say in them.

No answer to these test images had: the temperature and the thresholds are fitted to the answers to
images of train and val. Those are of the cross-validation, whose trainings learn from all images
outside their fold, test ones too: so test images have an indirect say in the fit, though none in
the classifier that is asked here.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.decide.thresholds import mix_weights, thing_weights
from stages.outputs.predictions import Predictions
from stages.scores import losses, resampled_interval, resamples
from waste_classifier.decision import UNSURE_POSITION, Decision
from waste_classifier.evenly import evenly
from waste_classifier.intervals import Interval, wilson_interval

Floats = npt.NDArray[np.float64]
Points = list[dict[str, Any]]

#: Of the curve of accuracy against coverage; more would not be seen.
MOST_POINTS = 200


class Report(NamedTuple):
    """Of some images; k is the number of labels, values are re-weighted to the mix.

    Purity, recovery and the share unsure are of things, as thresholds promise them: of one that
    has ten images, each counts a tenth. All else is of images.
    """

    images: npt.NDArray[np.intp]  #: `(k,)`, of each label
    purity: Floats  #: `(k,)`, of what goes into a bin, the share that belongs there; NaN: empty bin
    purity_interval: Interval
    recovery: Floats  #: `(k,)`, of what belongs into a bin, the share that goes there
    recovery_interval: Interval
    unsure: Floats  #: `(k,)`, share of a label's things without one
    unsure_interval: Interval
    unlike_training: float  #: share of images that are unlike the training ones
    of_no_label: float  #: share of images that are like things of none of the labels
    coverage: float  #: share of images that get a label
    accuracy: float  #: of these; NaN of none
    area_under_risk: float  #: of the curve of risk against coverage
    curve: tuple[Floats, Floats]  #: coverage rising, and the accuracy of so many surest images
    log_loss: float  #: of the calibrated probabilities, in nats
    log_loss_before: float  #: without temperature and mix


def report(
    decision: Decision, test: Predictions, distances: Floats, samples: int, seed: int
) -> Report:
    """Return what a decision comes to.

    Args:
        decision: fitted to other images.
        test: what the classifier says of the n images.
        distances: `(n, 2)`, to the training photos and to things of the labels; where one is above
            1: unsure, whatever the probabilities say.
        samples: resamples of groups behind the 95 % intervals.
        seed: of these.
    """
    k = len(decision.labels)
    weights = mix_weights(decision, test.actual)
    calibrated = decision.calibrated(test.probabilities)
    beyond = distances > 1
    decided = np.where(beyond.any(axis=1), UNSURE_POSITION, decision.decide(calibrated))
    _, group = np.unique(np.asarray(test.groups), return_inverse=True)
    things = things_of_groups(
        test.actual, decided, group, thing_weights(decision, test.actual, test.groups), k
    )

    of_all = _shares(things.sum(axis=0))
    generator = np.random.default_rng(seed)
    drawn = [_shares(draws @ things) for draws in resamples(len(things), samples, generator)]
    _, groups_of_bin, groups_of_label, _ = np.split((things > 0).sum(axis=0), 4)
    trials = (groups_of_bin, groups_of_label, groups_of_label)
    intervals = [
        _interval(np.concatenate([each[which] for each in drawn]), of_all[which], trials[which])
        for which in range(3)
    ]
    sure = decided != UNSURE_POSITION
    right = decided == test.actual
    curve = coverage_curve(calibrated, test.actual, weights)
    return Report(
        images=np.bincount(test.actual, minlength=k),
        purity=of_all[0],
        purity_interval=intervals[0],
        recovery=of_all[1],
        recovery_interval=intervals[1],
        unsure=of_all[2],
        unsure_interval=intervals[2],
        unlike_training=_mean(beyond[:, 0], weights),
        of_no_label=_mean(beyond[:, 1], weights),
        coverage=_mean(sure, weights),
        accuracy=_mean(right[sure], weights[sure]),
        area_under_risk=float(np.trapezoid(1 - curve[1], curve[0])),
        curve=curve,
        log_loss=_mean(losses(calibrated, test.actual), weights),
        # Of as many digits as the calibrated ones: where one is next to 0, they decide.
        log_loss_before=float(losses(test.probabilities.astype(float), test.actual).mean()),
    )


def things_of_groups(
    actual: npt.NDArray[np.intp],
    decided: npt.NDArray[np.intp],
    group: npt.NDArray[np.intp],
    weights: Floats,
    k: int,
) -> Floats:
    """Return what each group counts for purity, recovery and the share unsure: `(groups, 4 * k)`.

    That is, for each label, what is put right into its bin, all in its bin, all of the label, and
    what of the label is unsure.

    Args:
        actual: `(n,)`, positions of labels.
        decided: `(n,)`, positions of labels, or `UNSURE_POSITION`.
        group: `(n,)`, number of each image's group, from 0 on without gaps.
        weights: `(n,)`, how much each image counts.
        k: number of labels.
    """
    things = np.zeros((group.max() + 1, 4 * k))
    right, unsure = decided == actual, decided == UNSURE_POSITION
    np.add.at(things, (group[right], actual[right]), weights[right])
    np.add.at(things, (group[~unsure], k + decided[~unsure]), weights[~unsure])
    np.add.at(things, (group, 2 * k + actual), weights)
    np.add.at(things, (group[unsure], 3 * k + actual[unsure]), weights[unsure])
    return things


def coverage_curve(
    calibrated: npt.NDArray[Any], actual: npt.NDArray[np.intp], weights: Floats
) -> tuple[Floats, Floats]:
    """Return shares of the images, rising, and the accuracy on so many of the surest.

    The risk-coverage curve of selective classification (El-Yaniv and Wiener 2010); the area above
    it is the AURC of Geifman et al. 2019.

    Args:
        calibrated: `(n, k)`.
        actual: `(n,)`, positions of labels.
        weights: `(n,)`, how much each image counts.
    """
    order = np.argsort(-calibrated.max(axis=1), kind="stable")
    right = (calibrated.argmax(axis=1) == actual)[order]
    weight = np.cumsum(weights[order])
    accuracy = np.cumsum(weights[order] * right) / weight
    return weight / weight[-1], accuracy


def decision_points(decision: Decision, of_test: Report) -> Points:
    """Return purity, recovery and share unsure of each label, with 95 % intervals."""
    points: Points = []
    for name in ("purity", "recovery", "unsure"):
        values = getattr(of_test, name)
        low, high = getattr(of_test, f"{name}_interval")
        points += [
            {
                "label": label,
                "score": name,
                "value": None if np.isnan(values[position]) else float(values[position]),
                "low": float(low[position]),
                "high": float(high[position]),
                "images": int(of_test.images[position]),
                "promised": decision.purity if name == "purity" and not decision.costs else None,
            }
            for position, label in enumerate(decision.labels)
        ]
    return points


def coverage_points(of_test: Report) -> Points:
    """Return accuracy against coverage."""
    coverage, accuracy = of_test.curve
    shown = evenly(len(coverage), MOST_POINTS)
    return [
        {"coverage": float(coverage[position]), "accuracy": float(accuracy[position])}
        for position in shown
    ]


def summarise(decision: Decision, of_test: Report) -> dict[str, float]:
    """Return the metrics; `/` in a name stands for one level of nesting."""
    metrics = {
        "coverage": of_test.coverage,
        "accuracy_of_decided": of_test.accuracy,
        "unlike_training": of_test.unlike_training,
        "of_no_label": of_test.of_no_label,
        "area_under_risk_coverage": of_test.area_under_risk,
        "temperature": decision.temperature,
        "log_loss": of_test.log_loss,
        "log_loss_without_temperature": of_test.log_loss_before,
    }
    for position, label in enumerate(decision.labels):
        for name in ("purity", "recovery", "unsure"):
            value = float(getattr(of_test, name)[position])
            # Of an empty bin there is no purity.
            if not np.isnan(value):
                metrics[f"labels/{label}/{name}"] = value
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def _shares(things: Floats) -> tuple[Floats, Floats, Floats]:
    """Return purity, recovery and share unsure, each `(..., k)`, of sums of things."""
    right, of_bin, of_label, unsure = np.split(things, 4, axis=-1)
    return _ratio(right, of_bin), _ratio(right, of_label), _ratio(unsure, of_label)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator != 0
    )


def _interval(drawn: Floats, share: Floats, trials: npt.NDArray[np.intp]) -> Interval:
    """Return the middle 95 % of resamples, widened to cover Wilson's with groups for trials."""
    known = np.nan_to_num(share)
    filled = np.where(np.isnan(drawn), known, drawn)
    return resampled_interval(filled, wilson_interval(known, trials))


def _mean(values: npt.NDArray[Any], weights: Floats) -> float:
    """Return the weighted mean; NaN of nothing."""
    return float(weights @ values / weights.sum()) if len(values) else float("nan")
