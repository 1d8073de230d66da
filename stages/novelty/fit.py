"""Fits what tells an unlike photo and a thing of no label, and the limits of both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.extmath import randomized_svd

from stages.scores import shares_of_things
from waste_classifier.known_labels import KnownLabels
from waste_classifier.novelty import Novelty

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

COMPONENTS = 64
#: Added to a covariance of the hidden layer, as a share of its mean variance: it has nearly as many
#: values as there are photos.
RIDGE_OF_HIDDEN = 0.01
#: What is usual of all labels counts as so many things beside a label's own: of three things alone,
#: chance decides how far they lie from their mean; of a hundred it has hardly a say.
PRIOR_THINGS = 4
#: Least difference between what is usual and the limit.
SMALLEST_SPREAD = 1e-3
#: Of the search for components, which draws where it begins.
SEED = 0
# Below the scale of a feature that does not vary.
SMALLEST_SCALE = 1e-6
# Added to the covariance, whose components all have variance of their own.
RIDGE = 1e-6


def fit_novelty(
    features: Floats, targets: Positions, groups: Sequence[str], k: int, limit: float = 1.0
) -> Novelty:
    """Return what photos are held against.

    Args:
        features: `(n, d)`, of the training photos, the mean over the orientations of each.
        targets: `(n,)`, positions of their labels.
        groups: of each photo; those of one group show one thing.
        k: number of labels, each of which has photos.
        limit: distance from which on a photo is unlike them.
    """
    mean = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), SMALLEST_SCALE)
    standardised = (features - mean) / scale
    m = min(COMPONENTS, *standardised.shape)
    _, _, rows = randomized_svd(standardised, m, random_state=SEED)
    components = np.asarray(rows.T, np.float32)
    projected = standardised @ components
    means = np.stack([projected[targets == label].mean(axis=0) for label in range(k)])
    whitening = whitening_of((projected - means[targets]).astype(np.float64))
    whitened, label_means = projected @ whitening, means @ whitening
    to_own_mean = ((whitened - label_means[targets]) ** 2).sum(axis=1)
    rest = np.maximum((standardised**2).sum(axis=1) - (projected**2).sum(axis=1), 0)
    things = effective_things(targets, groups, k)
    usual = np.stack(
        [
            usual_of_others(_means_by_label(to_own_mean, targets, k), things),
            usual_of_no_mean(_means_by_label(rest, targets, k), things),
        ],
        axis=1,
    )
    return Novelty(
        mean=np.asarray(mean, np.float32),
        scale=np.asarray(scale, np.float32),
        components=components,
        whitening=whitening,
        label_means=np.asarray(label_means, np.float32),
        usual=np.asarray(np.maximum(usual, SMALLEST_SCALE), np.float32),
        limit=np.asarray(limit, np.float32),
    )


def effective_things(targets: Positions, groups: Sequence[str], k: int) -> Doubles:
    """Return how many things the photos of each label say as much as, `(k,)`, from 1.

    Kish 1965, "Survey Sampling", the effective sample size: the mean of a label leans to the things
    that have many photos.

    Args:
        targets: `(n,)`, positions of labels.
        groups: of each photo; those of one group show one thing.
        k: number of labels, each of which has photos.
    """
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    # Of each label and thing; a table of all labels by all things would be mostly zeros.
    pairs, photos = np.unique(np.stack([targets, group]), axis=1, return_counts=True)
    whole, squares = (np.bincount(pairs[0], values, k) for values in (photos, photos**2))
    return np.asarray(whole**2 / squares)


def usual_of_others(squared: Doubles, things: Doubles) -> Doubles:
    """Return the mean squared distance of new things to the mean of their label, `(k,)`.

    A mean is nearer to the n things that it was made of than to others: of a variance v they lie
    v (n - 1) / n away, others v (n + 1) / n. Of few things the variance leans to that of all labels
    (Gelman et al. 2013, "Bayesian Data Analysis", 3.3: the conjugate prior of a variance, with
    `PRIOR_THINGS` degrees of freedom).

    Args:
        squared: `(k,)`, mean squared distance of a label's photos to their own mean.
        things: `(k,)`, of each label.
    """
    # Of labels of one thing each nothing varies, and nothing is known.
    of_all = (things * squared).sum() / max((things - 1).sum(), 1)
    variance = (things * squared + PRIOR_THINGS * of_all) / (things - 1 + PRIOR_THINGS)
    return np.asarray(variance * (things + 1) / things)


def usual_of_no_mean(squared: Doubles, things: Doubles) -> Doubles:
    """Return the same of what is not held against a mean that a label's things have made, `(k,)`.

    Args:
        squared: `(k,)`, mean of a label's photos.
        things: `(k,)`, of each label.
    """
    of_all = (things * squared).sum() / things.sum()
    return np.asarray((things * squared + PRIOR_THINGS * of_all) / (things + PRIOR_THINGS))


def fit_known_labels(
    hidden: Floats,
    targets: Positions,
    k: int,
    others: Floats,
    groups: Sequence[str],
    refused: float,
) -> KnownLabels:
    """Return what things are held against.

    Args:
        hidden: `(n, m)`, of the training photos, of `Head.representation`.
        targets: `(n,)`, positions of their labels.
        k: number of labels, each of which has photos.
        others: `(o, m)`, of photos that the head has not learned from, to which it is less used.
        groups: of each of these; those of one group show one thing.
        refused: share of such things beyond the limit.
    """
    hidden = hidden.astype(np.float64)
    means = np.stack([hidden[targets == label].mean(axis=0) for label in range(k)])
    mean = hidden.mean(axis=0)
    known = KnownLabels(
        label_means=np.asarray(means, np.float32),
        whitening_within=whitening_of(hidden - means[targets], RIDGE_OF_HIDDEN),
        mean=np.asarray(mean, np.float32),
        whitening_overall=whitening_of(hidden - mean, RIDGE_OF_HIDDEN),
        usual=np.asarray(0, np.float32),
        limit=np.asarray(1, np.float32),
    )
    relative = known.relative_distances(others)
    usual = float(np.median(relative))
    limit = max(limit_of(relative, groups, refused), usual + SMALLEST_SPREAD)
    return known._replace(usual=np.asarray(usual, np.float32), limit=np.asarray(limit, np.float32))


def whitening_of(centred: npt.NDArray[np.float64], share: float = 0.0) -> npt.NDArray[np.float32]:
    """Return what makes the covariance of rows of mean 0 one, `(m, m) float32`.

    Args:
        centred: `(n, m)`.
        share: of the mean variance, that is added to each; never less than `RIDGE` is.
    """
    covariance = centred.T @ centred / len(centred)
    ridge = max(share * float(np.trace(covariance)) / len(covariance), RIDGE)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 0) + ridge), np.float32)


def held_out_distances(
    features: Floats, targets: Positions, groups: npt.NDArray[np.str_], folds: npt.NDArray[Any]
) -> Floats:
    """Return how far each photo lies from those of other folds, `(n,)`.

    Args:
        features: `(n, d)`, as of `fit_novelty`.
        targets: `(n,)`, positions of labels.
        groups: `(n,)`, of each photo; those of one group show one thing.
        folds: `(n,)`, which photos of one thing share.
    """
    distances = np.empty(len(features), np.float32)
    for fold in np.unique(folds):
        held_out = folds == fold
        # Of a label of few things, all may be in one fold: no other photos show it.
        there, renumbered = np.unique(targets[~held_out], return_inverse=True)
        shown = groups[~held_out].tolist()
        others = fit_novelty(features[~held_out], renumbered, shown, len(there))
        distances[held_out] = others.raw_distances(features[held_out])
    return distances


def limit_of(distances: Floats, groups: Sequence[str], refused: float) -> float:
    """Return the distance beyond which at most a share of things lies.

    A sorting line sees a thing once: of one that has ten photos here, each counts a tenth.

    Args:
        distances: `(n,)`, of photos that are like the training ones.
        groups: of each photo; those of one group show one thing.
        refused: that share; 0 to 1, exclusive of 1.
    """
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(shares_of_things(groups)[order] / len(set(groups)))
    # Rounding must not leave the last one out.
    position = int(np.searchsorted(within, 1 - refused - 1e-9))
    return float(distances[order][min(position, len(order) - 1)])


def _means_by_label(values: Floats, targets: Positions, k: int) -> Doubles:
    return np.bincount(targets, values, k) / np.bincount(targets, minlength=k)
