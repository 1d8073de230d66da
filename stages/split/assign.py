"""Shares out groups of images among train, val and test, stratified by label."""

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import floor

import numpy as np

from stages.manifest import SPLITS, SplitName

Places = dict[str, list[int]]  # images that a label can still take in each of SPLITS


class TooFewGroupsError(Exception):
    """Labels that can't have an image in every split; `missing` says in how many, by label."""

    def __init__(self, missing: Mapping[str, int]) -> None:
        """Take the number of splits without an image for each such label."""
        super().__init__(f"splits without an image, by label: {dict(missing)}")
        self.missing = missing


def assign_splits(
    labels: Sequence[str], groups: Sequence[str], val: float, test: float, seed: int
) -> list[SplitName]:
    """Return the split of each image: at random, stratified by label, groups kept whole.

    Every label gets its share of places in each split (`share_out`) and an image in each. Groups
    take places in random order, larger groups first, each in a split drawn with a probability
    proportional to the places that its labels have left there; a group that fits nowhere goes
    where it exceeds least. So groups of one image fill all places exactly, and large groups are
    about as likely to get into test as small ones.

    The result depends on the set of images, not on their order.

    Args:
        labels: label of each image.
        groups: group of each image; images of several labels may share one.
        val: share of val, above 0.
        test: share of test, above 0; `val + test` below 1.
        seed: of the random order and draws.

    Raises:
        TooFewGroupsError: a label has fewer groups than there are splits, or too few beside
            those that it shares with other labels.
    """
    contents: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        contents[group][label] += 1
    shares = (1 - val - test, val, test)
    places = {label: share_out(count, shares) for label, count in Counter(labels).items()}

    rng = np.random.default_rng(seed)
    names = sorted(contents)
    order = [names[position] for position in rng.permutation(len(names))]
    order.sort(key=lambda group: -contents[group].total())

    chosen = _one_group_for_each_split(order, contents, places)
    for group, draw in zip(order, rng.random(len(order)).tolist(), strict=True):
        if group not in chosen:
            chosen[group] = _draw_split(contents[group], places, draw)
            _take_places(contents[group], places, chosen[group])
    return [SPLITS[chosen[group]] for group in groups]


def share_out(count: int, shares: Sequence[float]) -> list[int]:
    """Share out `count` images by the largest remainder method, at least one to each if possible.

    Args:
        count: number of images.
        shares: fractions that sum to 1.
    """
    exact = [count * share for share in shares]
    result = [floor(number) for number in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: result[i] - exact[i])
    for i in by_remainder[: count - sum(result)]:
        result[i] += 1
    while 0 in result and max(result) > 1:
        result[result.index(max(result))] -= 1
        result[result.index(0)] += 1
    return result


def _one_group_for_each_split(
    order: Sequence[str], contents: Mapping[str, Counter[str]], places: Places
) -> dict[str, int]:
    """Give each label one of its smallest groups in each split, and return these groups' splits.

    Labels of few groups choose first; the larger of the groups go where there are more places.
    """
    groups_of = defaultdict(list)
    for group in reversed(order):
        for label in contents[group]:
            groups_of[label].append(group)
    chosen: dict[str, int] = {}
    missing = {}
    for label in sorted(groups_of, key=lambda label: (len(groups_of[label]), label)):
        present = {chosen[group] for group in groups_of[label] if group in chosen}
        absent = [split for split in range(len(SPLITS)) if split not in present]
        absent.sort(key=lambda split: places[label][split])
        free = [group for group in groups_of[label] if group not in chosen]
        if len(free) < len(absent):
            missing[label] = len(absent) - len(free)
        for group, split in zip(free, absent, strict=False):
            chosen[group] = split
            _take_places(contents[group], places, split)
    if missing:
        raise TooFewGroupsError(missing)
    return chosen


def _draw_split(content: Counter[str], places: Places, draw: float) -> int:
    """Return the number of the split that `draw`, from 0 to below 1, picks for a group."""
    splits = range(len(SPLITS))
    excess = [
        sum(max(count - places[label][split], 0) for label, count in content.items())
        for split in splits
    ]
    if min(excess) > 0:
        return excess.index(min(excess))
    weights = [
        sum(count * places[label][split] for label, count in content.items())
        if excess[split] == 0
        else 0
        for split in splits
    ]
    return bisect(list(accumulate(weights)), draw * sum(weights))


def _take_places(content: Counter[str], places: Places, split: int) -> None:
    for label, count in content.items():
        places[label][split] -= count
