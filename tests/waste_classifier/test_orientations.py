"""Orientations of an image of six pixels, written out."""

import numpy as np
import pytest

from waste_classifier.orientations import ORIENTATIONS, Orientation, orient


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ("received", [[1, 2, 3], [4, 5, 6]]),
        ("turned", [[6, 5, 4], [3, 2, 1]]),
    ],
)
def test_rows_and_columns_are_exchanged(
    orientation: Orientation, expected: list[list[int]]
) -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    # Of two images, each of which has the same values in all its channels.
    images = np.stack([image, image + 10])[..., np.newaxis].repeat(3, axis=-1)

    oriented = orient(images, orientation)

    assert oriented.shape == (2, 2, 3, 3)
    for channel in range(3):
        assert oriented[0, :, :, channel].tolist() == expected
        np.testing.assert_array_equal(oriented[1, :, :, channel], np.array(expected) + 10)


def test_the_image_as_received_comes_first() -> None:
    assert ORIENTATIONS == ("received", "turned")
