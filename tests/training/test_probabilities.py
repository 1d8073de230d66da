"""What a network in training says of photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.compute import determinism
from stages.training.examples import Examples
from waste_classifier.orientations import ORIENTATIONS, orient

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.training.probabilities import predict, predict_features, predict_pixels  # noqa: E402
from stages.training.run import Trained  # noqa: E402
from tests.small_project import COLUMNS, build_pooling  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_training_is_asked_as_the_mean_over_orientations(photos: list[Path]) -> None:
    images = keras.Input((32, 32, 3))
    features = build_pooling()(images)
    random = np.random.default_rng(3)
    logits = keras.layers.Dense(3, activation="softmax")
    inputs = keras.Input((COLUMNS,))
    head = keras.Model(inputs, logits(inputs))
    head.set_weights([random.normal(size=weight.shape) for weight in head.get_weights()])
    network = keras.Model(images, head(features))
    seen = keras.Model(images, features)
    received, turned = (np.asarray(seen(orient(PIXELS, each))) for each in ORIENTATIONS)
    expected = (np.asarray(head(received)) + np.asarray(head(turned))) / 2

    of_features = predict_features(head, np.stack([received, turned], axis=1))
    of_pixels = predict_pixels(network, photos, ORIENTATIONS)

    np.testing.assert_allclose(of_features, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_pixels, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        predict_pixels(network, photos, ["received"]), np.asarray(head(received)), atol=1e-4
    )
    examples = Examples(photos, np.eye(3, dtype=np.float32)[:2], np.stack([received, turned], 1))
    of_head = predict(Trained(head, None, None), examples, ORIENTATIONS)
    of_network = predict(Trained(head, network, network), examples, ORIENTATIONS)
    np.testing.assert_array_equal(of_head, of_features)
    np.testing.assert_array_equal(of_network, of_pixels)
