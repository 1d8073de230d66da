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
from scipy.stats import norm

from stages.scores import DRAWS_AT_ONCE, counts_of_groups, resamples, scores_of_counts

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Word = Literal["better", "worse", "not told apart"]

#: Of an interval, and of what counts as told apart: 95 %.
ALPHA = 0.05
#: Of all comparisons, those that would tell a detectable difference apart.
POWER = 0.8
LOG_LOSS = "log loss"
#: What stands before the recalls.
HEADLINE_NAMES = ("accuracy", "macro F1", LOG_LOSS)
HEADLINES = len(HEADLINE_NAMES)
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
    names = [*HEADLINE_NAMES, *(f"recall of {labels[i]}" for i in occurring)]
    sums = [group_sums(answers, actual, groups, k) for answers in (base, head)]
    of_base, of_head = (score_sums(of_model.sum(axis=0), k)[columns] for of_model in sums)
    difference = of_head - of_base
    generator = np.random.default_rng(seed)
    resampled = resampled_differences(sums, columns, draws, generator, k)
    p = exchange_p(sums, columns, draws, generator, k)
    p[HEADLINES:] = holm(p[HEADLINES:])
    low, high = np.nanquantile(resampled, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    low = np.where(p > ALPHA, np.minimum(low, 0), low)
    high = np.where(p > ALPHA, np.maximum(high, 0), high)
    groups_of_label = [len(np.unique(groups[actual == i])) for i in occurring]
    detectable = detectable_differences(np.nanstd(resampled, axis=0), len(sums[0]), groups_of_label)
    return [
        Difference(
            name,
            float(of_base[i]),
            float(of_head[i]),
            float(low[i]),
            float(high[i]),
            float(p[i]),
            float(detectable[i]),
            word_for(difference[i] * (-1 if name == LOG_LOSS else 1), p[i], low[i] <= 0 <= high[i]),
        )
        for i, name in enumerate(names)
    ]


def group_sums(answers: Answers, actual: Integers, groups: Integers, k: int) -> Floats:
    """Return what each group adds to the scores: `(groups, 3 * k + 2)`.

    That is what it counts (`stages.scores.counts_of_groups`), its losses, and how many photos it
    has.
    """
    _, group = np.unique(groups, return_inverse=True)
    counts = counts_of_groups(actual, answers.predicted, group, k)
    return np.column_stack([counts, np.bincount(group, answers.losses), np.bincount(group)])


def score_sums(sums: Floats, k: int) -> Floats:
    """Return the scores of sums over groups, `(..., 3 + k)`; a label without photos has NaN."""
    of_all = scores_of_counts(sums[..., : 3 * k])
    recall = np.where(of_all.support > 0, of_all.recall, np.nan)
    loss = sums[..., -2] / sums[..., -1]
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


def resampled_differences(
    sums: Sequence[Floats], columns: Integers, draws: int, generator: np.random.Generator, k: int
) -> Floats:
    """Return the differences of scores in resamples of groups: `(draws, columns)`."""
    base, head = sums
    return np.concatenate(
        [
            score_sums(drawn @ head, k)[:, columns] - score_sums(drawn @ base, k)[:, columns]
            for drawn in resamples(len(base), draws, generator)
        ]
    )


def detectable_differences(errors: Floats, groups: int, groups_of_label: Sequence[int]) -> Floats:
    """Return how large a difference of each score is mostly told apart: `(3 + labels,)`.

    Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", chapter 2; of a share no
    more than 1, and no less than the fewest groups come to that differ all one way and are told
    apart: of fewer, no exchange is rare enough.

    Args:
        errors: standard errors of the differences.
        groups: of all photos.
        groups_of_label: of the photos of each label that has any.
    """
    labels = len(groups_of_label)
    # p-values from which on down a difference is told apart; those of labels are corrected.
    alpha = np.repeat([ALPHA, ALPHA / labels], [HEADLINES, labels])
    detectable = (norm.isf(alpha / 2) + norm.ppf(POWER)) * errors
    shares = np.array([*(name != LOG_LOSS for name in HEADLINE_NAMES), *[True] * labels])
    least = np.array([fewest_groups(each) for each in alpha])
    of_groups = np.array([groups] * HEADLINES + [*groups_of_label])
    floored = np.minimum(np.maximum(detectable, least / of_groups), 1)
    return np.asarray(np.where(shares, floored, detectable))


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


def word_for(gain: float, p: float, holds_none: bool) -> Word:
    """Return the verdict on a difference.

    Args:
        gain: how much better head is.
        p: of the difference.
        holds_none: whether its interval holds 0.
    """
    if p > ALPHA or holds_none:
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
