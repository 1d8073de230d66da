"""The table of exported formats, of values worked out by hand."""

import numpy as np

from benchmarks.exports import Row, Timed, ratios, table

RIGHT = np.array([True, True, False, True])
FLOAT32 = Row("real", "float32", 384, 40.46, Timed(RIGHT, np.array([0.1, 0.1, 0.1, 0.3]), 9.876))
INT8 = Row("real", "int8", 384, 10.4, Timed(RIGHT, np.array([0.05, 0.04, 0.06, 0.15]), 20.0))


def test_a_row_has_accuracy_size_and_times() -> None:
    row = table([FLOAT32]).splitlines()[-1]

    # Wilson's interval of three in four; of four times the median, and nearly the largest.
    assert row == "| real | 384 | float32 | 0.7500 (0.3006 to 0.9544) | 40.5 | 100 | 270 | 9.9 |"


def test_ratios_are_taken_photo_by_photo() -> None:
    found = ratios([FLOAT32, INT8])

    assert list(found) == ["int8"]
    np.testing.assert_allclose(found["int8"], [0.5, 0.4, 0.6, 0.5])
