"""Things taken some at a time: as many are in memory at once as a batch has."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items, the last of which may be shorter.

    What `itertools.batched` of Python 3.12 does.

    Args:
        items: taken as they come.
        size: 1 and more.
    """
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
