"""Batches: which rows, in which order, with what beside them."""

import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

from stages.compute import determinism

determinism.configure()

from stages.training.batches import (  # noqa: E402  (after the set-up, which Keras reads)
    FixedRows,
    Positions,
    batches,
    select,
    shuffled,
)

TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]
TENS = np.array([[0], [10], [20], [30], [40]], np.uint8)
TENTHS = np.array([0.0, 0.1, 0.2, 0.3, 0.4], np.float32)


class WeightedRows(NamedTuple):
    """Rows of two inputs and a weight; those of an odd epoch stand in reverse."""

    def __len__(self) -> int:
        return 5

    def batch(self, epoch: int, positions: Positions) -> Any:
        chosen = np.arange(5)[:: -1 if epoch % 2 else 1][positions]
        return (TENS[chosen], TENTHS[chosen]), TARGETS[chosen], TENTHS[chosen] * 2


def test_each_epoch_has_its_own_order() -> None:
    first = shuffled(100, seed=3, epoch=0)

    assert sorted(first) == list(range(100))
    assert first.tolist() == shuffled(100, seed=3, epoch=0).tolist()
    assert first.tolist() != shuffled(100, seed=3, epoch=1).tolist()
    assert first.tolist() != shuffled(100, seed=4, epoch=0).tolist()


def test_a_single_input_stands_bare() -> None:
    assert select([TENS], np.array([1, 2])).tolist() == [[10], [20]]


def test_all_inputs_of_a_row_stay_together() -> None:
    tens, tenths = select([TENS, TENTHS], np.array([3, 4]))

    assert tens.tolist() == [[30], [40]]
    assert tenths.tolist() == pytest.approx([0.3, 0.4])


def test_fixed_rows_are_the_same_in_each_epoch() -> None:
    rows = FixedRows([TENS], TARGETS)

    assert len(rows) == 5
    for epoch in (0, 1):
        inputs, targets = rows.batch(epoch, np.array([1, 2]))
        assert inputs.tolist() == [[10], [20]]
        assert targets.tolist() == [[0, 1], [0, 1]]


def test_batches_hold_what_the_rows_have_for_each_position() -> None:
    loaded = list(batches(WeightedRows(), [1], batch_size=2))

    assert [inputs[0].numpy().ravel().tolist() for inputs, _, _ in loaded] == [
        [40, 30],
        [20, 10],
        [0],
    ]
    assert loaded[0][0][1].numpy().tolist() == pytest.approx([0.4, 0.3])
    assert loaded[1][1].numpy().tolist() == [[0, 1], [0, 1]]
    assert loaded[1][2].numpy().tolist() == pytest.approx([0.4, 0.2])


def test_an_incomplete_batch_can_be_dropped() -> None:
    loaded = batches(FixedRows([TENS], TARGETS), [0], batch_size=2, drop_remainder=True)

    assert [len(inputs) for inputs, _ in loaded] == [2, 2]
    # Keras builds a graph of one shape.
    assert loaded.element_spec[0].shape == (2, 1)


def test_epochs_follow_one_another_each_in_its_own_order() -> None:
    loaded = batches(WeightedRows(), range(4, 6), batch_size=2)

    seen = [inputs[0].numpy().ravel().tolist() for inputs, _, _ in loaded]

    assert seen == [[0, 10], [20, 30], [40], [40, 30], [20, 10], [0]]
    # Where this is unknown, Keras warns at the end of validation that it ran out of data.
    assert len(loaded) == 6


class HeldRows:
    """Rows that can be seen to be let go."""

    def __len__(self) -> int:
        return 5

    def batch(self, epoch: int, positions: Positions) -> Any:  # noqa: ARG002
        return TENS[positions], TARGETS[positions]


def test_rows_are_held_by_an_iterator_and_let_go_after_it() -> None:
    rows = HeldRows()
    still_there = weakref.ref(rows)
    iterator = iter(batches(rows, [0], 2))
    del rows
    gc.collect()

    seen = [inputs.numpy().ravel().tolist() for inputs, _ in iterator]
    assert seen == [[0, 10], [20, 30], [40]]
    del iterator
    gc.collect()
    assert still_there() is None
