"""Work on all cores, in order and at constant memory."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply `function` to items on all cores, yielding in order, few results in memory at once.

    Pillow decodes and resizes outside the interpreter's lock, so threads are enough.
    """
    workers = available_cores()
    iterator = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(function, item) for item in islice(iterator, 4 * workers)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending.extend(pool.submit(function, item) for item in islice(iterator, 1))
        finally:
            for future in pending:
                future.cancel()


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items in order, the next one made in a thread while one is used."""
    nothing = object()
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, nothing)
        while (item := following.result()) is not nothing:
            following = thread.submit(next, items, nothing)
            yield item  # type: ignore[misc]
