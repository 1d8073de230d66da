"""Where a label is seen: gradients against differences, and the map over a photo."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from waste_classifier.explanation import class_activation_map, overlay
from waste_classifier.head import Dense, Head

RANDOM = np.random.default_rng(0)
HEAD = Head(
    hidden=Dense(RANDOM.normal(size=(6, 5)).astype(np.float32), np.zeros(5, np.float32)),
    logits=Dense(RANDOM.normal(size=(5, 3)).astype(np.float32), np.zeros(3, np.float32)),
)
ACTIVATIONS = RANDOM.uniform(0, 1, (2, 4, 3)).astype(np.float32)


def features_of(activations: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return np.concatenate([activations.mean((0, 1)), activations.std((0, 1))]).astype(np.float32)


def logit(activations: npt.NDArray[np.floating], label: int) -> float:
    assert HEAD.hidden is not None
    before = features_of(activations) @ HEAD.hidden.kernel.astype(np.float64)
    hidden = np.maximum(before, 0)
    return float((hidden @ HEAD.logits.kernel)[label])


def test_the_map_is_activations_times_the_gradients_of_the_logit() -> None:
    seen = class_activation_map(HEAD, features_of(ACTIVATIONS), ACTIVATIONS, 1)

    step = 1e-2
    gradients = np.empty(ACTIVATIONS.shape)
    for place in np.ndindex(ACTIVATIONS.shape):
        moved = np.zeros(ACTIVATIONS.shape)
        moved[place] = step
        difference = logit(ACTIVATIONS + moved, 1) - logit(ACTIVATIONS - moved, 1)
        gradients[place] = difference / (2 * step)
    expected = np.maximum((gradients * ACTIVATIONS).sum(axis=2), 0)
    np.testing.assert_allclose(seen, expected / expected.max(), atol=0.01)
    assert seen.dtype == np.float32


def test_of_adapted_features_the_slopes_are_those_of_the_network() -> None:
    factor = RANDOM.uniform(0.1, 3, 6).astype(np.float32)
    assert HEAD.hidden is not None
    # A head that multiplies by itself is the same as features that were multiplied before.
    inside = HEAD._replace(
        hidden=Dense(HEAD.hidden.kernel * factor[:, np.newaxis], HEAD.hidden.bias)
    )
    features = features_of(ACTIVATIONS)
    expected = class_activation_map(inside, features, ACTIVATIONS, 1)

    seen = class_activation_map(HEAD, features * factor, ACTIVATIONS, 1, factor)

    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_a_head_of_one_layer_shows_where_its_channel_is() -> None:
    # The logit is the mean of the only channel.
    head = Head(None, Dense(np.array([[1], [0]], np.float32), np.zeros(1, np.float32)))
    activations = np.array([[[0.0], [4.0]], [[2.0], [0.0]]], np.float32)

    seen = class_activation_map(head, features_of(activations), activations, 0)

    assert seen.tolist() == [[0, 1], [0.5, 0]]


def test_where_nothing_speaks_for_a_label_the_map_is_empty() -> None:
    head = Head(None, Dense(np.array([[-1], [0]], np.float32), np.zeros(1, np.float32)))
    activations = np.array([[[1.0], [3.0]]], np.float32)

    assert class_activation_map(head, features_of(activations), activations, 0).max() == 0


def test_an_overlay_is_as_large_as_the_photo_and_hot_where_the_map_is() -> None:
    photo = Image.new("RGB", (60, 40), (128, 128, 128))
    seen = np.zeros((2, 2), np.float32)
    seen[0, 1] = 1

    laid = overlay(photo, seen)

    assert laid.size == (60, 40)
    hot, cold = laid.getpixel((58, 1)), laid.getpixel((1, 38))
    assert isinstance(hot, tuple)
    assert isinstance(cold, tuple)
    assert hot[0] > hot[2]
    assert cold[2] > cold[1]
