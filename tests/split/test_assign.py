from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.outputs.split import SPLITS
from stages.split.assign import TooFewGroupsError, assign_splits, share_out
from stages.split.groups import Groups


def split_of_each(
    labels: list[str], groups: list[str], val: float, test: float, seed: int
) -> list[str]:
    """Split images, given the label and the group of each by name."""
    _, label_of = np.unique(labels, return_inverse=True)
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    firsts = first[group_of].astype(np.int32)
    splits = assign_splits(Groups(label_of.astype(np.int32), firsts), val, test, seed)
    return [SPLITS[split] for split in splits[firsts].tolist()]


@pytest.mark.parametrize(
    ("count", "shares", "expected"),
    [
        (10, (0.8, 0.1, 0.1), [8, 1, 1]),
        (403, (0.8, 0.1, 0.1), [323, 40, 40]),  # 322.4, 40.3, 40.3: the largest remainder rises
        (137, (0.8, 0.1, 0.1), [109, 14, 14]),  # 109.6, 13.7, 13.7
        (15, (0.7, 0.15, 0.15), [11, 2, 2]),  # 10.5, 2.25, 2.25
        (5, (0.8, 0.1, 0.1), [3, 1, 1]),  # 4, 0.5, 0.5: test would go without
        (3, (0.98, 0.01, 0.01), [1, 1, 1]),
    ],
)
def test_shares_are_rounded_by_the_largest_remainder(
    count: int, shares: tuple[float, float, float], expected: list[int]
) -> None:
    assert share_out(count, shares) == expected


def single_images(**images: int) -> tuple[list[str], list[str]]:
    """Labels and groups of images that are each a group of their own."""
    labels = [label for label, count in images.items() for _ in range(count)]
    return labels, [f"{label}/{i:04}.jpg" for i, label in enumerate(labels)]


def test_single_images_are_split_in_exact_shares() -> None:
    labels, groups = single_images(glass=501, trash=137)

    splits = split_of_each(labels, groups, val=0.1, test=0.2, seed=1)

    assert Counter(zip(labels, splits, strict=True)) == {
        ("glass", "train"): 351,  # 350.7
        ("glass", "val"): 50,  # 50.1
        ("glass", "test"): 100,  # 100.2
        ("trash", "train"): 96,  # 95.9
        ("trash", "val"): 14,  # 13.7
        ("trash", "test"): 27,  # 27.4
    }


def test_every_image_is_as_likely_to_be_tested() -> None:
    labels, groups = single_images(glass=10)

    tested: Counter[int] = Counter()
    for seed in range(1000):
        tested[split_of_each(labels, groups, val=0.1, test=0.1, seed=seed).index("test")] += 1

    # 100 each expected; binomial with a standard deviation of 9.5.
    assert all(60 < tested[image] < 140 for image in range(10))


def test_large_groups_get_into_each_split() -> None:
    labels = ["glass"] * 1000
    groups = [f"glass/{i // 10:04}.jpg" for i in range(1000)]

    splits = split_of_each(labels, groups, val=0.1, test=0.1, seed=3)

    assert Counter(splits) == {"train": 800, "val": 100, "test": 100}


def test_groups_too_large_for_their_shares_still_reach_every_split() -> None:
    labels = ["glass"] * 90
    groups = ["glass/00.jpg"] * 30 + ["glass/30.jpg"] * 30 + ["glass/60.jpg"] * 30

    splits = split_of_each(labels, groups, val=0.1, test=0.1, seed=3)

    assert Counter(splits) == {"train": 30, "val": 30, "test": 30}


@pytest.mark.parametrize("seed", range(20))
def test_large_groups_choose_before_small_ones_take_their_places(seed: int) -> None:
    groups = [*(f"large {n}" for n in range(3) for _ in range(6)), *(str(n) for n in range(22))]

    splits = split_of_each(["glass"] * 40, groups, val=0.25, test=0.25, seed=seed)

    assert [splits.count(name) for name in ("train", "val", "test")] == [20, 10, 10]


def test_another_seed_splits_otherwise() -> None:
    labels, groups = single_images(glass=50)

    first = split_of_each(labels, groups, val=0.1, test=0.1, seed=1)
    second = split_of_each(labels, groups, val=0.1, test=0.1, seed=2)

    assert first != second


def test_a_label_with_fewer_groups_than_splits_is_named() -> None:
    labels = ["glass"] * 10 + ["trash"] * 6
    groups = [f"glass/{i}.jpg" for i in range(10)] + ["trash/1.jpg"] * 5 + ["trash/2.jpg"]

    with pytest.raises(TooFewGroupsError) as raised:
        split_of_each(labels, groups, val=0.1, test=0.1, seed=1)

    assert raised.value.missing == {1: 1}  # trash


@pytest.mark.parametrize("seed", range(20))
def test_a_label_that_others_leave_too_few_groups_chooses_before_them(seed: int) -> None:
    # Groups AC, A, A, BC, B, B and C. A and B have three groups each, and so has C; where A puts AC
    # and B puts BC into one split, C has none left for the third.
    groups = ["AC", "AC", "A1", "A2", "BC", "BC", "B1", "B2", "C1"]
    labels = [*"ACAABCBBC"]

    splits = split_of_each(labels, groups, val=0.2, test=0.2, seed=seed)

    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))
    assert len(set(zip(labels, splits, strict=True))) == 3 * 3


def test_what_is_missing_in_any_order_is_told_as_before() -> None:
    # A and B have three groups each, C has two.
    labels, groups = [*"ABABABC", "C"], ["AB1", "AB1", "AB2", "AB2", "A", "B", "C1", "C2"]

    with pytest.raises(TooFewGroupsError) as raised:
        split_of_each(labels, groups, val=0.2, test=0.2, seed=1)

    assert raised.value.missing == {2: 1}  # C


@st.composite
def grouped_images(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Labels and groups: of each label three groups and more, and a few of several labels."""
    labels: list[str] = []
    groups: list[str] = []
    for label in ("glass", "metal", "trash"):
        for number, size in enumerate(draw(st.lists(st.integers(1, 8), min_size=3, max_size=30))):
            labels += [label] * size
            groups += [f"{label}/{number}"] * size
    for number, members in enumerate(draw(st.lists(st.integers(1, 3), max_size=4))):
        labels += ["glass"] * members + ["metal"]
        groups += [f"mixed/{number}"] * (members + 1)
    return labels, groups


shares = st.sampled_from([0.05, 0.1, 0.2, 0.3])
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(grouped_images(), shares, shares, seeds)
def test_groups_never_straddle_and_every_label_is_in_every_split(
    images: tuple[list[str], list[str]], val: float, test: float, seed: int
) -> None:
    labels, groups = images

    splits = split_of_each(labels, groups, val, test, seed)

    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))
    assert len(set(zip(labels, splits, strict=True))) == 3 * len(set(labels))


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=3, max_size=60).map(lambda sizes: [*sizes, 1, 1, 1]),
    shares,
    shares,
    seeds,
)
def test_a_split_exceeds_its_share_by_less_than_a_group(
    sizes: list[int], val: float, test: float, seed: int
) -> None:
    groups = [str(number) for number, size in enumerate(sizes) for _ in range(size)]

    splits = Counter(split_of_each(["glass"] * len(groups), groups, val, test, seed))

    expected = share_out(len(groups), (1 - val - test, val, test))
    for split, share in zip(SPLITS, expected, strict=True):
        assert splits[split] - share < max(sizes)
