"""Two models on the same photos: differences of scores, their intervals, and verdicts.

Photos of one group show the same thing and are right or wrong together, so both the intervals and
the p-values take groups for what is drawn.
"""

from collections.abc import Sequence
from math import ceil, log2
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.scores import DRAWS_AT_ONCE, resamples, scores

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Word = Literal["better", "worse", "not told apart"]

#: Of an interval, and of what counts as told apart: 95 %.
ALPHA = 0.05
#: Of a difference that this share of all comparisons would tell apart, in standard errors: the
#: quantiles of the normal distribution for 97.5 % and 80 % (Cohen 1988, "Statistical Power Analysis
#: for the Behavioral Sciences", chapter 2).
DETECTABLE_ERRORS = 1.959964 + 0.841621
LOG_LOSS = "log loss"
#: Accuracy, macro F1 and log loss stand before the recalls.
HEADLINES = 3
#: Two differences of scores that rounding alone tells apart are equal.
ROUNDING = 1e-12


class Answers(NamedTuple):
    """What one model says of n photos, in an order that both models share."""

    predicted: Integers  #: `(n,)`, positions of labels
    losses: Floats  #: `(n,)`, in nats


class Difference(NamedTuple):
    """What one score says of two models."""

    score: str
    base: float
    head: float
    low: float  #: 95 % interval of head less base
    high: float
    p: float  #: of so large a difference between models that are equally good
    detectable: float  #: what four of five such comparisons would tell apart; of a share at most 1
    word: Word

    @property
    def difference(self) -> float:
        """Head less base."""
        return self.head - self.base


def compare(
    base: Answers,
    head: Answers,
    actual: Integers,
    groups: Integers,
    labels: Sequence[str],
    draws: int,
    seed: int,
) -> list[Difference]:
    """Return what accuracy, macro F1, log loss and the recall of each label say of two models.

    - Interval: the middle 95 % of the differences in resamples of groups, drawn with replacement,
      the same for both models (paired cluster bootstrap; Davison and Hinkley 1997, "Bootstrap
      Methods and their Application", 3.8). Of few groups that differ it is too narrow: where p does
      not tell a difference from none, it is widened to reach 0.
    - p: the share of random exchanges of both models' answers, group by group, that make the
      difference as large either way; the answers as they are count as one exchange (Phipson and
      Smyth 2010, "Permutation P-values Should Never Be Zero"). Those of the labels are corrected
      for their number (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure").

    Args:
        base: of the model that is compared with.
        head: of the other one.
        actual: `(n,)`, positions of the labels of the photos.
        groups: `(n,)`, of each photo, numbers.
        labels: all of them; of those without a photo there is no recall.
        draws: resamples, and exchanges.
        seed: of both.
    """
    k = len(labels)
    occurring = np.unique(actual)
    columns = np.concatenate([np.arange(HEADLINES), HEADLINES + occurring])
    names = ["accuracy", "macro F1", LOG_LOSS, *(f"recall of {labels[i]}" for i in occurring)]
    sums = [group_sums(answers, actual, groups, k) for answers in (base, head)]
    of_base, of_head = (score_sums(of_model.sum(axis=0), k)[columns] for of_model in sums)
    difference = of_head - of_base
    generator = np.random.default_rng(seed)
    resampled = np.concatenate(
        [
            score_sums(drawn @ sums[1], k)[:, columns] - score_sums(drawn @ sums[0], k)[:, columns]
            for drawn in resamples(len(sums[0]), draws, generator)
        ]
    )
    low, high = np.nanquantile(resampled, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    p = exchange_p(sums, columns, draws, generator, k)
    low = np.where(p > ALPHA, np.minimum(low, 0), low)
    high = np.where(p > ALPHA, np.maximum(high, 0), high)
    p[HEADLINES:] = holm(p[HEADLINES:])
    detectable = DETECTABLE_ERRORS * np.nanstd(resampled, axis=0)
    # Of fewer groups that differ, all one way, no exchange is rare enough.
    groups_of_label = [len(np.unique(groups[actual == i])) for i in occurring]
    least = [fewest_groups(ALPHA), fewest_groups(ALPHA), 0]
    least += [fewest_groups(ALPHA / len(occurring))] * len(occurring)
    floor = np.divide(least, [len(sums[0])] * HEADLINES + groups_of_label)
    shares = np.array([name != LOG_LOSS for name in names])
    detectable = np.minimum(np.maximum(detectable, floor), np.where(shares, 1, np.inf))
    return [
        Difference(
            name,
            float(of_base[i]),
            float(of_head[i]),
            float(low[i]),
            float(high[i]),
            float(p[i]),
            float(detectable[i]),
            word_for(difference[i] * (-1 if name == LOG_LOSS else 1), p[i]),
        )
        for i, name in enumerate(names)
    ]


def group_sums(answers: Answers, actual: Integers, groups: Integers, k: int) -> Floats:
    """Return what each group adds to the scores: `(groups, k * k + 2)`.

    That is its confusion matrix, actual by predicted, its losses, and how many photos it has.
    """
    members, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(members), k * k + 2))
    np.add.at(sums, (group, actual * k + answers.predicted), 1)
    sums[:, k * k] = np.bincount(group, answers.losses)
    sums[:, k * k + 1] = np.bincount(group)
    return sums


def score_sums(sums: Floats, k: int) -> Floats:
    """Return the scores of sums over groups, `(..., 3 + k)`; a label without photos has NaN."""
    confusion = sums[..., : k * k].reshape(*sums.shape[:-1], k, k)
    of_all = scores(confusion)
    recall = np.where(of_all.support > 0, of_all.recall, np.nan)
    loss = sums[..., k * k] / sums[..., k * k + 1]
    headline = np.stack([of_all.accuracy, of_all.macro_f1, loss], axis=-1)
    return np.concatenate([headline, recall], axis=-1)


def exchange_p(
    sums: Sequence[Floats], columns: Integers, draws: int, generator: np.random.Generator, k: int
) -> Floats:
    """Return the p-value of each difference by random exchanges of whole groups: `(columns,)`."""
    base, head = sums
    changes = head - base
    # Exchanging what is equal changes nothing.
    changes = changes[changes.any(axis=1)]
    total_base, total_head = base.sum(axis=0), head.sum(axis=0)
    difference = (score_sums(total_head, k) - score_sums(total_base, k))[columns]
    reached = np.ones(len(columns))
    step = max(1, DRAWS_AT_ONCE // max(1, len(changes)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        moved = generator.integers(0, 2, (size, len(changes))).astype(float) @ changes
        exchanged = score_sums(total_head - moved, k) - score_sums(total_base + moved, k)
        reached += (np.abs(exchanged[:, columns]) >= np.abs(difference) - ROUNDING).sum(axis=0)
    return np.asarray(reached / (draws + 1))


def fewest_groups(alpha: float) -> int:
    """Return how many groups must differ, all one way, for a p-value of at most alpha.

    Of n groups, 2 of the 2 ** n exchanges make such a difference as large.
    """
    return ceil(1 - log2(alpha))


def holm(p: Floats) -> Floats:
    """Return p-values corrected for their number, in their order."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return np.asarray(corrected[np.argsort(order, kind="stable")])


def word_for(gain: float, p: float) -> Word:
    """Return the verdict on a difference: how much better head is, and its p-value."""
    if p > ALPHA or gain == 0:
        return "not told apart"
    return "better" if gain > 0 else "worse"


def joined_groups(base: Integers, head: Integers) -> Integers:
    """Return groups of photos that are in one group of either grouping, linked or not: `(n,)`."""
    numbers = np.concatenate([base, head + base.max() + 1])
    nodes = len(base) + numbers.max() + 1
    photos = np.tile(np.arange(len(base)), 2)
    links = coo_array((np.ones(len(numbers)), (photos, len(base) + numbers)), shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1][: len(base)], np.intp)


def same_groups(base: Integers, head: Integers) -> bool:
    """Return whether two groupings of the same photos differ in their numbers alone."""
    pairs = np.unique(np.stack([base, head], axis=1), axis=0)
    return len(pairs) == len(np.unique(base)) == len(np.unique(head))


def divided(groups: Integers, repeats: Integers, folds: Integers) -> int:
    """Return how many groups have photos in several folds of one repeat.

    Args:
        groups: `(n,)`, of each photo.
        repeats: `(n,)`, in which it was asked about.
        folds: `(n,)`, the training that answered.
    """
    trainings = np.unique(np.stack([groups, repeats, folds], axis=1), axis=0)
    of_groups, counts = np.unique(trainings[:, :2], axis=0, return_counts=True)
    return len(np.unique(of_groups[counts > 1, 0]))
