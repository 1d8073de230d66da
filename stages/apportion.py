"""Whole numbers in given proportions."""

from collections.abc import Sequence
from math import floor


def largest_remainder(count: int, exact: Sequence[float]) -> list[int]:
    """Round shares of a whole number to whole numbers that sum to it (Hamilton's method).

    Of equal remainders the first one is rounded up first.

    Args:
        count: the number.
        exact: its shares, which sum to it.
    """
    shares = [floor(number) for number in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares
