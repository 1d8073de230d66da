"""Pairs of hashes that differ in few bits, against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.similarity.pairs import Pairs
from stages.similarity.perceptual import PART_HASHES, near_duplicate_pairs


def pairs_of(hashes: list[int], max_distance: int) -> list[tuple[int, int, int]]:
    pairs = Pairs.joined(near_duplicate_pairs(np.array(hashes, dtype=np.uint64), max_distance))
    return sorted(
        (int(left), int(right), int(bits)) for left, right, bits in zip(*pairs, strict=True)
    )


def test_pairs_differ_in_at_most_max_distance_bits() -> None:
    hashes = [0b0000, 0b0011, 0b1111]

    assert pairs_of(hashes, 1) == []
    assert pairs_of(hashes, 2) == [(0, 1, 2), (1, 2, 2)]
    assert pairs_of(hashes, 4) == [(0, 1, 2), (0, 2, 4), (1, 2, 2)]


def test_lowest_and_highest_bit_count_alike() -> None:
    assert pairs_of([0, 1 << 63, 1], 1) == [(0, 1, 1), (0, 2, 1)]


def test_equal_hashes_are_paired_with_the_first_only() -> None:
    blank, nearly_blank = 0, 1

    pairs = pairs_of([nearly_blank, blank, blank, blank], 1)

    assert pairs == [(0, 1, 1), (1, 2, 0), (1, 3, 0)]


def test_many_equal_hashes_make_few_pairs() -> None:
    assert len(pairs_of([7] * 20_000, 16)) == 19_999


@pytest.mark.parametrize("hashes", [[], [5]])
def test_fewer_than_two_hashes_have_no_pairs(hashes: list[int]) -> None:
    assert pairs_of(hashes, 4) == []


@st.composite
def hashes_near_each_other(draw: st.DrawFn) -> list[int]:
    """Hashes of a few bits set around a few centres: random ones are never near."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=12)
    members = draw(st.lists(st.tuples(st.sampled_from(centres), flips), max_size=25))
    return [centre ^ sum(1 << bit for bit in set(bits)) for centre, bits in members]


@settings(deadline=None, max_examples=200)
@given(hashes_near_each_other(), st.integers(0, 16))
def test_pairs_of_distinct_hashes_are_those_of_brute_force(
    hashes: list[int], max_distance: int
) -> None:
    distinct = sorted(set(hashes))

    pairs = pairs_of(distinct, max_distance)

    distances = (
        (left, right, (distinct[left] ^ distinct[right]).bit_count())
        for left, right in itertools.combinations(range(len(distinct)), 2)
    )
    assert pairs == [pair for pair in distances if pair[2] <= max_distance]


def test_pairs_among_many_are_found_part_by_part() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 2 * PART_HASHES + 5, np.uint64)
    # Random hashes are far from each other, but for these: of some bits flipped, and of none.
    places = random.permutation(len(hashes))[:400].reshape(-1, 2)
    expected = []
    for number, (place, other) in enumerate(places.tolist()):
        bits = random.permutation(64)[: number % 5].tolist()
        hashes[other] = hashes[place] ^ np.uint64(sum(1 << bit for bit in bits))
        expected.append((min(place, other), max(place, other), len(bits)))

    assert pairs_of(hashes.tolist(), 4) == sorted(expected)
