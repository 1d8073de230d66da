"""Shares out groups of images among train, val and test, stratified by label."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from stages.apportion import largest_remainder
from stages.outputs.split import SPLITS, SplitName

Content = dict[int, int]  # images of a group by the number of their label
Places = list[list[int]]  # images that each label can still take in each of SPLITS


class TooFewGroupsError(Exception):
    """Labels that can't have an image in every split; `missing` says in how many, by label."""

    def __init__(self, missing: Mapping[str, int]) -> None:
        """Take the number of splits without an image for each such label."""
        super().__init__(f"splits without an image, by label: {dict(missing)}")
        self.missing = missing


def assign_splits(
    labels: Sequence[str], groups: npt.ArrayLike, val: float, test: float, seed: int
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
        groups: group of each image, a name or a number; images of several labels may share one.
        val: share of val, above 0.
        test: share of test, above 0; `val + test` below 1.
        seed: of the random order and draws.

    Raises:
        TooFewGroupsError: a label has fewer groups than there are splits, or too few beside
            those that it shares with other labels.
    """
    label_names = sorted(set(labels))
    label_of = np.fromiter(map(label_names.index, labels), np.intp, len(labels))
    group_names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    # Images of each label in each group: a table, since there may be as many groups as images.
    contents = np.zeros((len(group_names), len(label_names)), np.int32)
    np.add.at(contents, (group_of, label_of), 1)
    shares = (1 - val - test, val, test)
    places = [share_out(count, shares) for count in contents.sum(axis=0).tolist()]

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(group_names))
    order = order[np.argsort(-contents.sum(axis=1)[order], kind="stable")]

    chosen, missing = _groups_for_each_split(order, contents, places)
    if missing:
        raise TooFewGroupsError({label_names[label]: count for label, count in missing.items()})
    for group, split in chosen.items():
        _take_places(_content(contents[group]), places, split)
    splits = np.full(len(group_names), -1, np.int8)
    splits[list(chosen)] = list(chosen.values())
    for group, draw in zip(order, rng.random(len(order)), strict=True):
        if splits[group] < 0:
            content = _content(contents[group])
            splits[group] = _draw_split(content, places, float(draw))
            _take_places(content, places, splits[group])
    return [SPLITS[split] for split in splits[group_of]]


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


def _content(row: npt.NDArray[np.int32]) -> Content:
    """Return the labels in a group and how many images of each."""
    return {int(label): int(row[label]) for label in np.flatnonzero(row)}


def _groups_for_each_split(
    order: npt.NDArray[np.intp], contents: npt.NDArray[np.int32], places: Places
) -> tuple[dict[int, int], dict[int, int]]:
    """Give each label one of its smallest groups in each split.

    Labels of few groups choose first. Where they take what another one needs, as of a group of
    both, that one chooses before them.

    Returns:
        The splits of these groups, and in how many splits labels are missing, in whatever order
        they choose.
    """
    by_groups = np.argsort(np.count_nonzero(contents, axis=0), kind="stable").tolist()
    chosen, missing = _one_group_for_each_split(order, contents, places, by_groups)
    labels, still_missing = by_groups, missing
    # Each label may once be the one that comes too late.
    for _ in by_groups:
        if not still_missing:
            return chosen, {}
        labels = [*still_missing, *(label for label in labels if label not in still_missing)]
        chosen, still_missing = _one_group_for_each_split(order, contents, places, labels)
    return chosen, missing if still_missing else {}


def _one_group_for_each_split(
    order: npt.NDArray[np.intp],
    contents: npt.NDArray[np.int32],
    places: Places,
    labels: Sequence[int],
) -> tuple[dict[int, int], dict[int, int]]:
    """Give each label one of its smallest groups in each split.

    The larger of the groups go where there are more places.

    Args:
        order: of groups, the largest first.
        contents: `(groups, labels)`, images.
        places: that are left; they stay as they are.
        labels: in the order in which they choose.

    Returns:
        The splits of these groups, and in how many splits labels are missing.
    """
    left = [list(of_label) for of_label in places]
    chosen: dict[int, int] = {}
    missing: dict[int, int] = {}
    for label in labels:
        groups = [group for group in chosen if contents[group, label]]
        present = {chosen[group] for group in groups}
        absent = [split for split in range(len(SPLITS)) if split not in present]
        absent.sort(key=lambda split: left[label][split])
        smallest_first = order[::-1]
        with_label = smallest_first[contents[smallest_first, label] > 0]
        candidates = with_label[: len(groups) + len(SPLITS)].tolist()
        free = [group for group in candidates if group not in chosen]
        if len(free) < len(absent):
            missing[label] = len(absent) - len(free)
        for group, split in zip(free, absent, strict=False):
            chosen[group] = split
            _take_places(_content(contents[group]), left, split)
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
