"""Images through a model, in the order of their paths, each in one or more orientations."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import tensorflow_setup
from stages.orientations import ORIENTATIONS, Orientation

tensorflow_setup.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.evaluate.predict import predict  # noqa: E402


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """The probability of its first label is the red of the top left pixel, 0 to 1."""
    images = keras.Input((2, 2, 3))
    corner = keras.layers.Cropping2D(((0, 1), (0, 1)))(images)
    logits = keras.layers.Dense(2, name="label")(keras.layers.Flatten()(corner))
    model = keras.Model(images, logits)
    kernel = np.zeros((3, 2))
    kernel[0] = [1 / 255, -1 / 255]
    model.get_layer("label").set_weights([kernel, np.array([0, 1])])
    return model


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three images; the red of their pixels, from the top left, is 100 %, 0 %, 40 % and 20 %, …"""
    reds = [[[255, 0], [102, 51]], [[0, 0], [0, 255]], [[51, 51], [51, 51]]]
    paths = []
    for number, red in enumerate(reds):
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[:, :, 0] = red
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.mark.parametrize(
    ("orientations", "expected"),
    [
        (("received",), [1, 0, 0.2]),
        (("turned",), [0.2, 1, 0.2]),
        (ORIENTATIONS, [0.6, 0.5, 0.2]),
    ],
)
@pytest.mark.parametrize("batch_size", [2, 8])
def test_probabilities_are_means_over_orientations(
    model: keras.Model,
    paths: list[Path],
    orientations: tuple[Orientation, ...],
    expected: list[float],
    batch_size: int,
) -> None:
    probabilities = predict(model, paths, batch_size, orientations)

    assert probabilities.dtype == np.float32
    first = np.array(expected)
    np.testing.assert_allclose(probabilities, np.stack([first, 1 - first], axis=1), atol=1e-6)


def test_an_image_is_seen_as_received_unless_said_otherwise(
    model: keras.Model, paths: list[Path]
) -> None:
    np.testing.assert_allclose(predict(model, paths[::-1], 8)[:, 0], [0.2, 0, 1], atol=1e-6)
