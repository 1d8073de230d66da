"""Work on all cores: in order, with few results in memory, ended by an error."""

import gc
import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from waste_classifier.parallel import available_cores, map_in_threads, prefetched


def test_results_come_in_order() -> None:
    assert list(map_in_threads(lambda n: n * n, range(1000))) == [n * n for n in range(1000)]


def test_endless_items_are_taken_as_needed() -> None:
    results = map_in_threads(lambda n: n, itertools.count())
    assert list(itertools.islice(results, 100)) == list(range(100))


def test_few_results_are_kept() -> None:
    alive: set[int] = set()
    most = 0
    lock = threading.Lock()

    class Result:
        def __init__(self, number: int) -> None:
            self.number = number
            with lock:
                alive.add(number)

        def __del__(self) -> None:
            alive.discard(self.number)

    def results() -> Iterator[Result]:
        yield from map_in_threads(Result, range(500))

    for result in results():
        most = max(most, len(alive))
        del result
    gc.collect()
    assert most <= 4 * available_cores() + 4
    assert not alive


def test_an_error_ends_the_work() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda n: 1 // n, [1, 0, 1]))


def test_items_are_prefetched_in_order() -> None:
    assert list(prefetched(iter(range(100)))) == list(range(100))


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    following = prefetched(items())

    assert next(following) == 0
    assert made[1].wait(timeout=10)
    # No more than one ahead: batches are large.
    time.sleep(0.1)
    assert not made[2].is_set()


def test_an_error_comes_after_the_items_before_it() -> None:
    items = prefetched(1 // number for number in (1, 1, 0, 1))

    assert [next(items), next(items)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(items)
