"""Rows of pixels, and of what frozen layers say of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.compute import determinism
from waste_classifier.errors import PhotoError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.training.augment import DRAWS_PER_IMAGE, draw  # noqa: E402
from stages.training.batches import shuffled  # noqa: E402
from stages.training.pixels import (  # noqa: E402
    AugmentedPixels,
    ShuffledRows,
    load_images,
    no_draws,
    outputs_of,
)

SEED = 3
TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]
WEIGHTS = np.array([2, 0.5], np.float32)
TENS = np.array([[0], [10], [20], [30], [40]], np.uint8)
ALL = np.arange(5)


def test_load_images_keeps_the_order_of_photos(tmp_path: Path) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "lime"), ("c.png", "blue")):
        Image.new("RGB", (12, 9), colour).save(tmp_path / name)

    images = load_images(
        [tmp_path / name for name in ("c.png", "a.png", "b.png")], image_size=4, memory_mib=1
    )

    assert images.shape == (3, 4, 4, 3)
    assert images.dtype == np.uint8
    assert images[:, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0], [0, 255, 0]]


def test_many_images_wait_in_a_file(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "lime").save(tmp_path / "a.png")

    images = load_images([tmp_path / "a.png"] * 6, image_size=256, memory_mib=1)

    assert isinstance(images, np.memmap)
    assert (images == [0, 255, 0]).all()


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.png: cannot be read"):
        load_images([tmp_path / "gone.png"], image_size=4, memory_mib=1)


def test_rows_are_shuffled_with_all_that_belongs_to_an_image() -> None:
    tenths = (TENS[:, 0] / 100).astype(np.float32)
    rows = ShuffledRows([[TENS, tenths]], TARGETS, WEIGHTS, SEED)

    (tens, some_tenths), targets, weights = rows.batch(7, np.array([0, 3]))

    first, fourth = shuffled(5, SEED, 7)[[0, 3]]
    assert len(rows) == 5
    assert tens.tolist() == [[10 * first], [10 * fourth]]
    assert some_tenths.tolist() == pytest.approx([first / 10, fourth / 10])
    np.testing.assert_array_equal(targets, TARGETS[[first, fourth]])
    assert weights.tolist() == [WEIGHTS[TARGETS[first].argmax()], WEIGHTS[TARGETS[fourth].argmax()]]


def test_each_epoch_has_its_own_order() -> None:
    rows = ShuffledRows([[TENS]], TARGETS, WEIGHTS, SEED)

    seen = [rows.batch(epoch, ALL)[0].ravel().tolist() for epoch in (0, 1, 0)]

    assert seen == [(10 * shuffled(5, SEED, epoch)).tolist() for epoch in (0, 1, 0)]
    assert seen[0] != seen[1]


def test_epochs_take_views_in_turn() -> None:
    rows = ShuffledRows([[TENS], [TENS + 1], [TENS + 2]], TARGETS, WEIGHTS, SEED)

    views = [set(rows.batch(epoch, ALL)[0].ravel() % 10) for epoch in range(5)]

    assert views == [{0}, {1}, {2}, {0}, {1}]


def test_pixels_come_with_the_draws_of_their_image_and_epoch() -> None:
    rows = AugmentedPixels(TENS, TARGETS, WEIGHTS, SEED)

    for epoch in (4, 5):
        (pixels, draws), targets, _ = rows.batch(epoch, ALL)
        order = shuffled(5, SEED, epoch)
        np.testing.assert_array_equal(pixels, TENS[order])
        np.testing.assert_array_equal(draws, draw(5, SEED, epoch)[order])
        np.testing.assert_array_equal(targets, TARGETS[order])


def test_images_that_are_not_augmented_have_no_draws() -> None:
    assert no_draws(2).tolist() == [[0] * DRAWS_PER_IMAGE] * 2


@pytest.fixture
def frozen() -> keras.Model:
    """Twice and half of two inputs' sum."""
    first, second = keras.Input((1,)), keras.Input((1,))
    total = first + second
    return keras.Model([first, second], [2 * total, total / 2])


@pytest.mark.parametrize("batch_size", [2, 5, 8])
def test_outputs_are_of_each_row_in_half_precision(frozen: keras.Model, batch_size: int) -> None:
    inputs = [TENS.astype(np.float32), np.ones((5, 1), np.float32)]

    doubled, halved = outputs_of(frozen, inputs, batch_size, memory_mib=1)

    assert doubled.dtype == halved.dtype == np.float16
    assert doubled.ravel().tolist() == [2, 22, 42, 62, 82]
    assert halved.ravel().tolist() == [0.5, 5.5, 10.5, 15.5, 20.5]


def test_a_single_output_is_a_list_of_one() -> None:
    images = keras.Input((1,))

    (doubled,) = outputs_of(keras.Model(images, 2 * images), [TENS.astype(np.float32)], 2, 1)

    assert doubled.ravel().tolist() == [0, 20, 40, 60, 80]
