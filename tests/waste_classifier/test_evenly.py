"""Some of many, the first and the last among them."""

import pytest

from waste_classifier.evenly import evenly


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [
        (9, 3, [0, 4, 8]),
        (10, 4, [0, 3, 6, 9]),
        (9, 1, [0]),
        (2, 5, [0, 1]),
        (5, 0, []),
        (0, 3, []),
    ],
)
def test_what_is_chosen_lies_evenly_among_all(count: int, most: int, chosen: list[int]) -> None:
    assert evenly(count, most).tolist() == chosen
