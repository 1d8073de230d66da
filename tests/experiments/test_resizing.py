"""Other ways of resizing, and what they cost."""

import numpy as np
import pytest
from PIL import Image

from experiments.resizing import RESIZES, by_four_neighbours, costs


def test_four_neighbours_skip_what_lies_between_them() -> None:
    column = np.array([0, 40, 80, 120, 160, 200, 240, 80], np.uint8)
    photo = Image.fromarray(np.repeat(column[:, None, None], 3, axis=2).repeat(8, axis=1))

    # Of eight pixels two: at 1.5 and 5.5, the means of the two beside each; the others are skipped.
    assert by_four_neighbours(photo, 2)[:, 0, 0].tolist() == [60, 220]
    assert by_four_neighbours(photo, 2).shape == (2, 2, 3)
    # Of eight, eight: all as they were.
    assert by_four_neighbours(photo, 8)[:, 3, 1].tolist() == column.tolist()


@pytest.mark.parametrize("name", RESIZES)
def test_a_plain_photo_stays_plain(name: str) -> None:
    resized = RESIZES[name](Image.new("RGB", (50, 30), (10, 20, 30)), 16)

    assert resized.shape == (16, 16, 3)
    assert resized.dtype == np.uint8
    assert (resized == (10, 20, 30)).all()


def test_costs_are_counted_beside_the_first() -> None:
    own = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], np.float32)
    other = np.array([[0.8, 0.2], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], np.float32)

    first, second = costs({"own": own, "other": other}, np.array([0, 0, 1, 1]))

    assert first == ("own", 0.75, 1.0, 0.0)
    assert second[:3] == ("other", 0.5, 0.75)
    assert second.largest == pytest.approx(0.2)
