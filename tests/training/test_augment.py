"""What each number of `draws` does to an image, worked out by hand."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism
from stages.params.train import AugmentParams

determinism.configure()

import tensorflow as tf  # noqa: E402  (after the set-up)

from stages.training.augment import (  # noqa: E402
    DRAWS_PER_IMAGE,
    Augmentation,
    augment,
    draw,
)

UNCHANGED = {
    "horizontal_flip": False,
    "vertical_flip": False,
    "rotation": 0.0,
    "zoom": 0.0,
    "translation": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
}


def settings(**changes: float | bool) -> AugmentParams:
    return AugmentParams.model_validate({**UNCHANGED, **changes})


def draws(**numbers: float) -> npt.NDArray[np.float32]:
    columns = ("flip_x", "flip_y", "angle", "zoom", "x", "y", "brightness", "contrast", "colour")
    return np.array([[numbers.get(name, 0.5) for name in columns]], np.float32)


@pytest.fixture
def image() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).uniform(60, 180, (1, 8, 8, 3)).astype(np.float32)


def run(
    image: npt.NDArray[np.float32], numbers: npt.NDArray[np.float32], chosen: AugmentParams
) -> npt.NDArray[np.float32]:
    return np.asarray(augment(tf.constant(image), tf.constant(numbers), chosen))


def test_draws_in_the_middle_change_nothing(image: npt.NDArray[np.float32]) -> None:
    every = settings(
        rotation=0.5, zoom=0.9, translation=0.9, brightness=1.0, contrast=0.9, saturation=0.9
    )
    np.testing.assert_allclose(run(image, draws(), every), image, atol=1e-3)


def test_low_first_draw_mirrors(image: npt.NDArray[np.float32]) -> None:
    mirrored = run(image, draws(flip_x=0.49), settings(horizontal_flip=True))
    np.testing.assert_allclose(mirrored, image[:, :, ::-1], atol=1e-3)


def test_low_second_draw_turns_upside_down(image: npt.NDArray[np.float32]) -> None:
    turned = run(image, draws(flip_y=0.0), settings(vertical_flip=True))
    np.testing.assert_allclose(turned, image[:, ::-1], atol=1e-3)


def test_nothing_is_mirrored_where_that_is_off(image: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(run(image, draws(flip_x=0.0, flip_y=0.0), settings()), image)


def test_a_quarter_turn(image: npt.NDArray[np.float32]) -> None:
    quarter = run(image, draws(angle=0.75), settings(rotation=0.5))
    np.testing.assert_allclose(quarter, np.rot90(image, axes=(1, 2)), atol=1e-2)


def test_translation_is_a_share_of_the_width(image: npt.NDArray[np.float32]) -> None:
    # 0.75 of the way from -0.5 to 0.5 is 0.25: two of eight pixels.
    moved = run(image, draws(x=0.75), settings(translation=0.5))
    np.testing.assert_allclose(moved[:, :, :6], image[:, :, 2:], atol=1e-3)


def test_brightness_is_added(image: npt.NDArray[np.float32]) -> None:
    brighter = run(image, draws(brightness=0.75), settings(brightness=0.2))
    np.testing.assert_allclose(brighter, image + 0.1 * 255, atol=1e-3)


def test_contrast_spreads_about_the_mean(image: npt.NDArray[np.float32]) -> None:
    stronger = run(image, draws(contrast=0.75), settings(contrast=0.4))
    np.testing.assert_allclose(stronger, image.mean() + 1.2 * (image - image.mean()), atol=1e-2)


def test_saturation_zero_leaves_grey(image: npt.NDArray[np.float32]) -> None:
    paler = run(image, draws(colour=0.0), settings(saturation=0.999999))
    np.testing.assert_allclose(paler[..., 0], paler[..., 2], atol=1e-2)


def test_pixels_stay_in_range() -> None:
    white = np.full((1, 8, 8, 3), 250, np.float32)
    assert run(white, draws(brightness=0.99), settings(brightness=1.0)).max() == 255


def test_draws_follow_from_seed_and_epoch() -> None:
    first = draw(5, seed=1, epoch=2)

    assert first.shape == (5, DRAWS_PER_IMAGE)
    assert first.min() >= 0
    assert first.max() < 1
    np.testing.assert_array_equal(first, draw(5, seed=1, epoch=2))
    assert not np.array_equal(first, draw(5, seed=1, epoch=3))
    assert not np.array_equal(first, draw(5, seed=2, epoch=2))


def test_layer_augments_in_training_only(image: npt.NDArray[np.float32]) -> None:
    layer = Augmentation(settings(brightness=0.2))
    numbers = draws(brightness=0.75)

    np.testing.assert_array_equal(layer(image, numbers, training=False), image)
    np.testing.assert_allclose(layer(image, numbers, training=True), image + 25.5, atol=1e-3)


def test_layer_can_augment_always(image: npt.NDArray[np.float32]) -> None:
    layer = Augmentation(settings(brightness=0.2), always=True)

    brighter = layer(image, draws(brightness=0.75), training=False)

    np.testing.assert_allclose(brighter, image + 25.5, atol=1e-3)
