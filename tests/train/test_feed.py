"""What a phase trains, and what it is fed: the same as the whole model would see."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from stages.errors import InputError
from stages.images import load_resized
from stages.train.augment import DRAWS_PER_IMAGE
from stages.train.dataset import shuffled
from stages.train.examples import Examples
from stages.train.feed import Feed, Phase, augmented, prepare, views_of
from stages.train.params import AugmentParams, TrainParams

UNCHANGED = AugmentParams(
    horizontal_flip=False,
    vertical_flip=False,
    rotation=0.0,
    zoom=0.0,
    translation=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
)
BRIGHTNESS = UNCHANGED.model_copy(update={"brightness": 0.5})
WEIGHTS = np.array([1, 2, 4], np.float32)
HEAD = Phase("head", 1, 4, 0.01, None)
SCRATCH = Phase("scratch", 1, 4, 0.01, None)
SEED = 5


def fine_tune(first: str) -> Phase:
    return Phase("fine_tune", 1, 4, 0.001, first)


def pixels_of(examples: Examples) -> npt.NDArray[np.uint8]:
    return np.stack([load_resized(path, 32) for path in examples.paths])


def outputs(feed: Feed, batches: Any) -> npt.NDArray[np.float32]:
    """Return what the part of the model that trains says of batches, in their order."""
    return np.concatenate(
        [np.asarray(feed.model(batch[0], training=False)) for batch in batches], axis=0
    )


def targets(batches: Any) -> npt.NDArray[np.float32]:
    return np.concatenate([batch[1].numpy() for batch in batches])


@pytest.mark.parametrize(
    ("horizontal_flip", "vertical_flip", "views"),
    # As received, and turned by half.
    [(False, False, [0]), (True, False, [0]), (False, True, [0]), (True, True, [0, 1])],
)
def test_views_are_the_orientations_that_augmentation_allows(
    horizontal_flip: bool, vertical_flip: bool, views: list[int]
) -> None:
    flips = {"horizontal_flip": horizontal_flip, "vertical_flip": vertical_flip}

    assert views_of(UNCHANGED.model_copy(update=flips)) == views


def test_augmentation_stands_before_the_model_in_training_or_always() -> None:
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))
    grey = np.full((1, 8, 8, 3), 100, np.float32)
    # 0.75 of the way from -0.5 to 0.5 of 255: each pixel is brighter by 63.75.
    draws = np.full((1, DRAWS_PER_IMAGE), 0.5, np.float32)
    draws[:, 6] = 0.75

    in_training, always = (augmented(model, BRIGHTNESS, always) for always in (False, True))

    assert in_training([grey, draws], training=False).numpy().tolist() == [[100] * 3]
    assert in_training([grey, draws], training=True).numpy().tolist() == [[163.75] * 3]
    # Keras predicts as not in training.
    assert always.predict_on_batch([grey, draws]).tolist() == [[163.75] * 3]


def test_the_head_is_fed_cached_features(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> None:
    train, val = examples
    settings = settings.model_copy(update={"augment": UNCHANGED, "mixup": 0.0})

    feed = prepare(miniature, HEAD, train, val, WEIGHTS, settings, SEED)

    batches = list(feed.train_batches(range(1)))
    order = shuffled(14, SEED, 0)[:12]
    assert (feed.batch_size, feed.images_per_epoch) == (4, 12)
    assert [len(batch[0]) for batch in batches] == [4, 4, 4]
    expected = miniature(pixels_of(train))
    np.testing.assert_allclose(outputs(feed, batches), np.asarray(expected)[order], atol=1e-5)
    np.testing.assert_array_equal(targets(batches), train.targets[order])
    weights = np.concatenate([batch[2] for batch in batches])
    np.testing.assert_array_equal(weights, WEIGHTS[train.targets[order].argmax(axis=1)])
    np.testing.assert_allclose(
        outputs(feed, feed.val_batches), np.asarray(miniature(pixels_of(val))), atol=1e-5
    )


def test_features_are_mixed_in_training_only(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> None:
    train, val = examples
    settings = settings.model_copy(update={"mixup": 1.0})

    feed = prepare(miniature, HEAD, train, val, WEIGHTS, settings, SEED)

    mixed = targets(feed.train_batches(range(1)))
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    assert ((mixed > 0.01) & (mixed < 0.99)).any()
    np.testing.assert_array_equal(targets(feed.val_batches), val.targets)


@pytest.mark.parametrize("first", ["conv2", "conv3", "conv4", "conv4_block6"])
def test_frozen_layers_run_once_and_the_rest_says_what_the_model_would(
    miniature: keras.Model,
    examples: tuple[Examples, Examples],
    settings: TrainParams,
    first: str,
) -> None:
    train, val = examples
    settings = settings.model_copy(update={"augment": UNCHANGED})

    feed = prepare(miniature, fine_tune(first), train, val, WEIGHTS, settings, SEED)

    assert feed.model.input_shape != miniature.input_shape
    batches = list(feed.train_batches(range(1)))
    order = shuffled(14, SEED, 0)[:12]
    # What waits in memory has half precision.
    expected = np.asarray(miniature(pixels_of(train)))[order]
    np.testing.assert_allclose(outputs(feed, batches), expected, atol=5e-3)
    np.testing.assert_array_equal(targets(batches), train.targets[order])
    np.testing.assert_allclose(
        outputs(feed, feed.val_batches), np.asarray(miniature(pixels_of(val))), atol=5e-3
    )


def test_epochs_take_the_augmented_views_in_turn(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> None:
    train, val = examples
    settings = settings.model_copy(update={"augment": BRIGHTNESS, "frozen_views": 2})

    feed = prepare(miniature, fine_tune("conv4_block6"), train, val, WEIGHTS, settings, SEED)

    seen = []
    for epoch in range(3):
        by_image = np.full((14, 3), np.nan, np.float32)
        order = shuffled(14, SEED, epoch)[:12]
        by_image[order] = outputs(feed, feed.train_batches(range(epoch, epoch + 1)))
        seen.append(by_image)
    common = np.isfinite(seen).all(axis=(0, 2))
    np.testing.assert_allclose(seen[2][common], seen[0][common], atol=1e-6)
    assert not np.allclose(seen[1][common], seen[0][common], atol=1e-3)


@pytest.mark.parametrize("phase", [SCRATCH, fine_tune("conv1"), fine_tune("conv4_block6")])
def test_without_frozen_views_the_whole_model_sees_augmented_pixels(
    miniature: keras.Model,
    examples: tuple[Examples, Examples],
    settings: TrainParams,
    phase: Phase,
) -> None:
    train, val = examples
    settings = settings.model_copy(update={"augment": BRIGHTNESS, "frozen_views": 0})

    feed = prepare(miniature, phase, train, val, WEIGHTS, settings, SEED)

    (first_pixels, first_draws), *_ = next(iter(feed.train_batches(range(1))))
    order = shuffled(14, SEED, 0)
    np.testing.assert_array_equal(first_pixels, pixels_of(train)[order[:4]])
    (_, next_draws), *_ = next(iter(feed.train_batches(range(1, 2))))
    assert not np.array_equal(first_draws, next_draws)
    np.testing.assert_allclose(
        outputs(feed, feed.val_batches), np.asarray(miniature(pixels_of(val))), atol=1e-5
    )


def test_batches_are_no_larger_than_the_training_images(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> None:
    train, val = examples

    feed = prepare(miniature, replace(HEAD, batch_size=100), train, val, WEIGHTS, settings, SEED)

    assert (feed.batch_size, feed.images_per_epoch) == (14, 14)


def test_a_missing_image_is_named(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> None:
    train, val = examples
    train.paths[3].unlink()

    with pytest.raises(InputError, match=r"03\.png: .*run `dvc checkout`"):
        prepare(miniature, SCRATCH, train, val, WEIGHTS, settings, SEED)
