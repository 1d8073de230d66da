"""What a phase trains, and the rows that it sees: the same as the whole network would see."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism
from stages.params.train import AugmentParams, TrainParams
from stages.training.examples import Examples
from stages.training.phases import Phase
from tests.training.changes import changed
from waste_classifier.errors import PhotoError
from waste_classifier.images import load_resized

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.training.augment import DRAWS_PER_IMAGE, augmented  # noqa: E402
from stages.training.batches import batches, shuffled  # noqa: E402
from stages.training.tasks import (  # noqa: E402
    Task,
    head_task,
    network_task,
    usable_orientations,
)

UNCHANGED: dict[str, Any] = {
    "augment__horizontal_flip": False,
    "augment__vertical_flip": False,
    "augment__rotation": 0.0,
    "augment__zoom": 0.0,
    "augment__translation": 0.0,
    "augment__brightness": 0.0,
    "augment__contrast": 0.0,
    "augment__saturation": 0.0,
}
BRIGHTNESS = UNCHANGED | {"augment__brightness": 0.5}
WEIGHTS = np.array([1, 2, 4], np.float32)
HEAD = Phase("head", 1, 4, 0.01)
FINE_TUNE = Phase("fine_tune", 1, 4, 0.001)
SCRATCH = Phase("scratch", 1, 4, 0.01)
SEED = 5

Split = tuple[Examples, Examples]


def pixels_of(examples: Examples) -> npt.NDArray[np.uint8]:
    return np.stack([load_resized(path, 32) for path in examples.photos])


def train_batches(task: Task, epoch: int = 0) -> list[Any]:
    return list(batches(task.train_rows, [epoch], task.batch_size, drop_remainder=True))


def val_batches(task: Task) -> list[Any]:
    return list(batches(task.val_rows, [0], task.batch_size))


def outputs(task: Task, loaded: list[Any]) -> npt.NDArray[np.float32]:
    """Return what the part of the network that trains says of batches, in their order."""
    return np.concatenate(
        [np.asarray(task.model(batch[0], training=False)) for batch in loaded], axis=0
    )


def targets(loaded: list[Any]) -> npt.NDArray[np.float32]:
    return np.concatenate([batch[1].numpy() for batch in loaded])


@pytest.mark.parametrize(
    ("horizontal_flip", "vertical_flip", "orientations"),
    # As received, and turned by half.
    [(False, False, [0]), (True, False, [0]), (False, True, [0]), (True, True, [0, 1])],
)
def test_orientations_are_those_that_augmentation_allows(
    settings: TrainParams, horizontal_flip: bool, vertical_flip: bool, orientations: list[int]
) -> None:
    settings = changed(
        settings, augment__horizontal_flip=horizontal_flip, augment__vertical_flip=vertical_flip
    )

    assert usable_orientations(settings.augment) == orientations


def test_augmentation_stands_before_the_model_in_training_or_always(settings: TrainParams) -> None:
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))
    grey = np.full((1, 8, 8, 3), 100, np.float32)
    # 0.75 of the way from -0.5 to 0.5 of 255: each pixel is brighter by 63.75.
    draws = np.full((1, DRAWS_PER_IMAGE), 0.5, np.float32)
    draws[:, 6] = 0.75
    brightness: AugmentParams = changed(settings, **BRIGHTNESS).augment

    in_training, always = (augmented(model, brightness, always) for always in (False, True))

    assert in_training([grey, draws], training=False).numpy().tolist() == [[100] * 3]
    assert in_training([grey, draws], training=True).numpy().tolist() == [[163.75] * 3]
    # Keras predicts as not in training.
    assert always.predict_on_batch([grey, draws]).tolist() == [[163.75] * 3]


def test_the_head_sees_cached_features(
    miniature: keras.Model, head: keras.Model, examples: Split, settings: TrainParams
) -> None:
    train, val = examples
    settings = changed(settings, **UNCHANGED, head__mixup=0.0, head__mixes=1)

    task = head_task(HEAD, head, train, val, WEIGHTS, settings)

    loaded = train_batches(task)
    order = shuffled(14, SEED, 0)[:12]
    assert (task.batch_size, task.steps_per_epoch) == (4, 3)
    assert [len(batch[0][0]) for batch in loaded] == [4, 4, 4]
    expected = miniature(pixels_of(train))
    np.testing.assert_allclose(outputs(task, loaded), np.asarray(expected)[order], atol=1e-5)
    np.testing.assert_array_equal(targets(loaded), train.targets[order])
    weights = np.concatenate([batch[2] for batch in loaded])
    np.testing.assert_array_equal(weights, WEIGHTS[train.targets[order].argmax(axis=1)])
    np.testing.assert_allclose(
        outputs(task, val_batches(task)), np.asarray(miniature(pixels_of(val))), atol=1e-5
    )


def test_features_are_mixed_in_training_only(
    head: keras.Model, examples: Split, settings: TrainParams
) -> None:
    train, val = examples

    settings = changed(settings, head__mixup=1.0, head__mixes=3)

    task = head_task(HEAD, head, train, val, WEIGHTS, settings)

    mixed = targets(train_batches(task))
    assert mixed.shape == (12 * 3, 3)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    assert ((mixed > 0.01) & (mixed < 0.99)).any()
    np.testing.assert_array_equal(targets(val_batches(task)), val.targets)


def test_the_layers_of_the_head_alone_train_in_its_phase(
    head: keras.Model, examples: Split, settings: TrainParams
) -> None:
    task = head_task(HEAD, head, *examples, WEIGHTS, settings)

    assert [variable.path for variable in task.model.trainable_variables] == [
        "hidden/kernel",
        "hidden/bias",
        "logits/kernel",
        "logits/bias",
    ]


@pytest.mark.parametrize("first_block", ["conv2", "conv3", "conv4", "conv4_block6"])
def test_frozen_layers_run_once_and_the_rest_says_what_the_network_would(
    miniature: keras.Model, examples: Split, settings: TrainParams, first_block: str
) -> None:
    train, val = examples
    settings = changed(settings, **UNCHANGED, fine_tune__first_block=first_block)

    task = network_task(FINE_TUNE, miniature, train, val, WEIGHTS, settings)

    assert task.model.input_shape != miniature.input_shape
    loaded = train_batches(task)
    order = shuffled(14, SEED, 0)[:12]
    # What waits in memory has half precision.
    expected = np.asarray(miniature(pixels_of(train)))[order]
    np.testing.assert_allclose(outputs(task, loaded), expected, atol=5e-3)
    np.testing.assert_array_equal(targets(loaded), train.targets[order])
    np.testing.assert_allclose(
        outputs(task, val_batches(task)), np.asarray(miniature(pixels_of(val))), atol=5e-3
    )


def test_epochs_take_the_augmented_views_in_turn(
    miniature: keras.Model, examples: Split, settings: TrainParams
) -> None:
    settings = changed(settings, **BRIGHTNESS, fine_tune__frozen_views=2)

    task = network_task(FINE_TUNE, miniature, *examples, WEIGHTS, settings)

    seen = []
    for epoch in range(3):
        by_image = np.full((14, 3), np.nan, np.float32)
        order = shuffled(14, SEED, epoch)[:12]
        by_image[order] = outputs(task, train_batches(task, epoch))
        seen.append(by_image)
    common = np.isfinite(seen).all(axis=(0, 2))
    np.testing.assert_allclose(seen[2][common], seen[0][common], atol=1e-6)
    assert not np.allclose(seen[1][common], seen[0][common], atol=1e-3)


@pytest.mark.parametrize(
    ("phase", "first_block"),
    [(SCRATCH, "conv4_block6"), (FINE_TUNE, "conv1"), (FINE_TUNE, "conv4_block6")],
)
def test_without_frozen_views_the_whole_network_sees_augmented_pixels(
    miniature: keras.Model,
    examples: Split,
    settings: TrainParams,
    phase: Phase,
    first_block: str,
) -> None:
    train, val = examples
    settings = changed(
        settings, **BRIGHTNESS, fine_tune__first_block=first_block, fine_tune__frozen_views=0
    )

    task = network_task(phase, miniature, train, val, WEIGHTS, settings)

    (first_pixels, first_draws), *_ = train_batches(task)[0]
    order = shuffled(14, SEED, 0)
    np.testing.assert_array_equal(first_pixels, pixels_of(train)[order[:4]])
    (_, next_draws), *_ = train_batches(task, epoch=1)[0]
    assert not np.array_equal(first_draws, next_draws)
    np.testing.assert_allclose(
        outputs(task, val_batches(task)), np.asarray(miniature(pixels_of(val))), atol=1e-5
    )


@pytest.mark.parametrize("frozen_views", [0, 2])
def test_random_weights_and_the_first_block_leave_nothing_frozen(
    miniature: keras.Model, examples: Split, settings: TrainParams, frozen_views: int
) -> None:
    settings = changed(settings, fine_tune__frozen_views=frozen_views)

    scratch = network_task(SCRATCH, miniature, *examples, WEIGHTS, settings)

    trainable = {variable.path.split("/")[0] for variable in scratch.model.trainable_variables}
    # `standardise` has statistics alone.
    assert trainable == {
        layer.name for layer in miniature.layers if layer.weights and layer.name != "standardise"
    } - {"feature_dropout", "dropout"}
    assert [len(inputs.shape) for inputs in scratch.model.inputs] == [4, 2]


def test_batches_are_no_larger_than_the_training_images(
    head: keras.Model, examples: Split, settings: TrainParams
) -> None:
    task = head_task(replace(HEAD, batch_size=100), head, *examples, WEIGHTS, settings)

    assert (task.batch_size, task.steps_per_epoch) == (14, 1)


def test_a_missing_image_is_named(
    miniature: keras.Model, examples: Split, settings: TrainParams
) -> None:
    train, val = examples
    Path(str(train.photos[3])).unlink()

    with pytest.raises(PhotoError, match=r"03\.png: cannot be read"):
        network_task(SCRATCH, miniature, train, val, WEIGHTS, settings)
