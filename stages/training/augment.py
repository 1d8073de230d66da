"""Augmentation of training images, inside the training graph.

Keras's own augmentation layers keep hidden random state. Here all chance comes in as numbers
drawn from (seed, epoch, image), so that a resumed training sees what an uninterrupted one sees.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.params.train import AugmentParams

DRAWS_PER_IMAGE = 9


def draw(count: int, seed: int, epoch: int) -> npt.NDArray[np.float32]:
    """Return the random numbers of one epoch, `(count, 9) float32` in [0, 1), a row per image."""
    # The third number keeps them apart from the order of images, drawn from the same two.
    return np.random.default_rng([seed, epoch, 1]).random((count, DRAWS_PER_IMAGE), np.float32)


class Augmentation(keras.layers.Layer):
    """Keras layer over `augment`: it augments in training, or always, or passes images on."""

    def __init__(self, settings: AugmentParams, always: bool = False, **options: Any) -> None:
        """Keep the settings; `options` go to `keras.layers.Layer`."""
        super().__init__(dtype="float32", **options)
        self._settings = settings
        self._always = always

    def call(self, images: tf.Tensor, draws: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return `(n, h, w, 3) float32`, RGB 0..255."""
        return augment(images, draws, self._settings) if training or self._always else images


def augmented(model: keras.Model, settings: AugmentParams, always: bool = False) -> keras.Model:
    """Return `model` behind augmentation, active in training, or `always`."""
    images = keras.Input(model.inputs[0].shape[1:], name="augmented_images")
    draws = keras.Input((DRAWS_PER_IMAGE,), name="draws")
    augmentation = Augmentation(settings, always, name="augmentation")
    return keras.Model([images, draws], model(augmentation(images, draws)))


def augment(images: tf.Tensor, draws: tf.Tensor, settings: AugmentParams) -> tf.Tensor:
    """Move, mirror and recolour each image.

    Args:
        images: `(n, h, w, 3) float32`, RGB 0..255.
        draws: `(n, 9) float32` in [0, 1); 0.5 in all but the first two changes nothing.
        settings: how far each change may go.

    Returns:
        `(n, h, w, 3) float32`, RGB 0..255.
    """
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_transforms(draws, settings, images.shape[1], images.shape[2]),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return _recolour(moved, draws, settings)


def _transforms(draws: tf.Tensor, settings: AugmentParams, height: int, width: int) -> tf.Tensor:
    """Return `(n, 8) float32`: for each output pixel the input pixel, about the centre.

    The eight numbers are those of `ImageProjectiveTransformV3`: x' = a0 x + a1 y + a2,
    y' = b0 x + b1 y + b2, and two zeros for no perspective.
    """
    flip_x = _flip(draws[:, 0], settings.horizontal_flip)
    flip_y = _flip(draws[:, 1], settings.vertical_flip)
    angle = 2 * np.pi * _spread(draws[:, 2], settings.rotation)
    zoom = 1 + _spread(draws[:, 3], settings.zoom)
    shift_x = width * _spread(draws[:, 4], settings.translation)
    shift_y = height * _spread(draws[:, 5], settings.translation)

    a0, a1 = flip_x * tf.cos(angle) * zoom, -flip_x * tf.sin(angle) * zoom
    b0, b1 = flip_y * tf.sin(angle) * zoom, flip_y * tf.cos(angle) * zoom
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a2 = centre_x + shift_x - a0 * centre_x - a1 * centre_y
    b2 = centre_y + shift_y - b0 * centre_x - b1 * centre_y
    zero = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)


def _recolour(images: tf.Tensor, draws: tf.Tensor, settings: AugmentParams) -> tf.Tensor:
    brightness, contrast, saturation = (
        _spread(draws[:, column], extent)[:, None, None, None]
        for column, extent in (
            (6, settings.brightness),
            (7, settings.contrast),
            (8, settings.saturation),
        )
    )
    images = images + 255.0 * brightness
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * (1 + contrast)
    grey = tf.image.rgb_to_grayscale(images)
    images = grey + (images - grey) * (1 + saturation)
    return tf.clip_by_value(images, 0.0, 255.0)


def _spread(draws: tf.Tensor, extent: float) -> tf.Tensor:
    """Map [0, 1) to [-extent, extent)."""
    return (2 * draws - 1) * extent


def _flip(draws: tf.Tensor, enabled: bool) -> tf.Tensor:
    """Return -1 for half of the images where enabled, 1 for the others."""
    return tf.where(draws < 0.5, -1.0, 1.0) if enabled else tf.ones_like(draws)
