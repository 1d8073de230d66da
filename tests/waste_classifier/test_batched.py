"""Things taken some at a time."""

from waste_classifier.batched import batched


def test_the_last_batch_may_be_shorter() -> None:
    assert list(batched("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]


def test_nothing_makes_no_batch() -> None:
    assert list(batched([], 2)) == []


def test_no_more_is_taken_than_a_batch_has() -> None:
    numbers = iter(range(10))

    assert next(batched(numbers, 3)) == [0, 1, 2]
    assert next(numbers) == 3
