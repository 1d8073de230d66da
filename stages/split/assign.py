"""Shares out groups of images among train, val and test, stratified by label."""

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.apportion import largest_remainder
from stages.outputs.split import SPLITS
from stages.split.groups import Groups

Content = dict[int, int]  # images of a group by the number of their label
Places = list[list[int]]  # images that each label can still take in each of SPLITS

#: Images that are looked at together.
AT_ONCE = 2**16


class TooFewGroupsError(Exception):
    """Labels that can't have an image in every split; `missing` says in how many, by number."""

    def __init__(self, missing: Mapping[int, int]) -> None:
        """Take the number of splits without an image for each such label."""
        super().__init__(f"splits without an image, by label: {dict(missing)}")
        self.missing = missing


def assign_splits(groups: Groups, val: float, test: float, seed: int) -> npt.NDArray[np.int8]:
    """Return the split of each group: at random, stratified by label.

    Every label gets its share of places in each split (`share_out`) and an image in each. Groups
    take places in random order, larger groups first, each in a split drawn with a probability
    proportional to the places that its labels have left there; a group that fits nowhere goes
    where it exceeds least. So groups of one image fill all places exactly, and large groups are
    about as likely to get into test as small ones.

    Args:
        groups: of images; images of several labels may share one.
        val: share of val, above 0.
        test: share of test, above 0; `val + test` below 1.
        seed: of the random order and draws.

    Returns:
        `(n,)`, at the position of the first image of a group: which of SPLITS it is in.

    Raises:
        TooFewGroupsError: a label has fewer groups than there are splits, or too few beside
            those that it shares with other labels.
    """
    shares = (1 - val - test, val, test)
    places = [share_out(count, shares) for count in groups.images_per_label().tolist()]
    rng = np.random.default_rng(seed)
    order = _in_random_order(groups, rng)

    chosen, missing = _groups_for_each_split(order, groups, places)
    if missing:
        raise TooFewGroupsError(missing)
    for group, split in chosen.items():
        _take_places(groups.content(group), places, split)
    splits = np.full(len(groups.labels), -1, np.int8)
    splits[list(chosen)] = list(chosen.values())
    for group, draw in _with_draws(order, rng):
        if splits[group] < 0:
            content = groups.content(group)
            splits[group] = _draw_split(content, places, draw)
            _take_places(content, places, splits[group])
    return splits


def share_out(count: int, shares: Sequence[float]) -> list[int]:
    """Share out `count` images by the largest remainders, at least one to each if possible.

    Args:
        count: number of images.
        shares: fractions that sum to 1.
    """
    result = largest_remainder(count, [count * share for share in shares])
    while 0 in result and max(result) > 1:
        result[result.index(max(result))] -= 1
        result[result.index(0)] += 1
    return result


class _Order(NamedTuple):
    """Groups in the order in which they take places."""

    shared: npt.NDArray[np.int32]  #: those of several images, the largest first
    alone: npt.NDArray[np.int32]  #: those of one image, after them


def _groups_per_label(order: _Order, groups: Groups, count: int) -> npt.NDArray[np.intp]:
    """Return how many groups hold an image of each of `count` labels."""
    held = np.bincount(groups.labels_of_shared()[1], minlength=count)
    for start in range(0, len(order.alone), AT_ONCE):
        held += np.bincount(groups.labels[order.alone[start : start + AT_ONCE]], minlength=count)
    return held


def _in_random_order(groups: Groups, rng: np.random.Generator) -> _Order:
    order = groups.all()
    rng.shuffle(order)
    of_several = groups.is_shared[order]
    shared = order[of_several]
    sizes = groups.sizes[np.searchsorted(groups.shared, shared)]
    return _Order(shared[np.argsort(-sizes, kind="stable")], order[~of_several])


def _with_draws(order: _Order, rng: np.random.Generator) -> Iterator[tuple[int, float]]:
    """Yield each group, and a number from 0 to below 1."""
    for of_size in order:
        for start in range(0, len(of_size), AT_ONCE):
            some = of_size[start : start + AT_ONCE].tolist()
            yield from zip(some, rng.random(len(some)).tolist(), strict=True)


def _smallest_with(label: int, order: _Order, groups: Groups) -> Iterator[int]:
    """Yield the groups that hold a label, the last in order first."""
    for end in range(len(order.alone), 0, -AT_ONCE):
        some = order.alone[max(end - AT_ONCE, 0) : end][::-1]
        yield from some[groups.labels[some] == label].tolist()
    for group in order.shared[::-1].tolist():
        if label in groups.content(group):
            yield group


def _groups_for_each_split(
    order: _Order, groups: Groups, places: Places
) -> tuple[dict[int, int], dict[int, int]]:
    """Give each label one of its smallest groups in each split.

    Labels of few groups choose first. Where they take what another one needs, as of a group of
    both, that one chooses before them.

    Returns:
        The splits of these groups, and in how many splits labels are missing, in whatever order
        they choose.
    """
    per_label = _groups_per_label(order, groups, len(places))
    by_groups = np.argsort(per_label, kind="stable").tolist()
    chosen, missing = _one_group_for_each_split(order, groups, places, by_groups)
    labels, still_missing = by_groups, missing
    # Each label may once be the one that comes too late.
    for _ in by_groups:
        if not still_missing:
            return chosen, {}
        labels = [*still_missing, *(label for label in labels if label not in still_missing)]
        chosen, still_missing = _one_group_for_each_split(order, groups, places, labels)
    return chosen, missing if still_missing else {}


def _one_group_for_each_split(
    order: _Order, groups: Groups, places: Places, labels: Sequence[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Give each label one of its smallest groups in each split.

    The larger of the groups go where there are more places.

    Args:
        order: of groups.
        groups: of images.
        places: that are left; they stay as they are.
        labels: in the order in which they choose.

    Returns:
        The splits of these groups, and in how many splits labels are missing.
    """
    left = [list(of_label) for of_label in places]
    chosen: dict[int, int] = {}
    missing: dict[int, int] = {}
    for label in labels:
        with_label = [group for group in chosen if label in groups.content(group)]
        present = {chosen[group] for group in with_label}
        absent = [split for split in range(len(SPLITS)) if split not in present]
        absent.sort(key=lambda split: left[label][split])
        smallest = islice(_smallest_with(label, order, groups), len(with_label) + len(SPLITS))
        free = [group for group in smallest if group not in chosen]
        if len(free) < len(absent):
            missing[label] = len(absent) - len(free)
        for group, split in zip(free, absent, strict=False):
            chosen[group] = split
            _take_places(groups.content(group), left, split)
    return chosen, missing


def _draw_split(content: Content, places: Places, draw: float) -> int:
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


def _take_places(content: Content, places: Places, split: int) -> None:
    for label, count in content.items():
        places[label][split] -= count
