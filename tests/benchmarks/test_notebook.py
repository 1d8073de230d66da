"""Epochs of a training, read from what it prints."""

import pytest

from benchmarks.notebook import Reached, note


@pytest.mark.parametrize(
    "line",
    [
        # As stage train prints it, and as the notebook does.
        "epoch 3:   train loss 0.1234  accuracy 0.9999  macro_f1 0.9900  "
        "val loss 0.3000  accuracy 0.9100  macro_f1 0.8800    1.23 s  best so far",
        "epoch 3: train accuracy 0.9999  val accuracy 0.9100",
    ],
)
def test_the_first_epoch_with_an_accuracy_is_noted(line: str) -> None:
    reached: dict[float, Reached] = {}

    note(line, 12.5, reached)
    note(line, 20.0, reached)

    assert reached == {0.90: Reached(12.5, in_time=True)}
