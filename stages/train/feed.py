"""What each phase trains and is fed: cached features, pixels, or the output of frozen layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.orientations import ORIENTATIONS
from stages.resnet50 import fold_batch_norm
from stages.train import dataset
from stages.train.augment import DRAWS_PER_IMAGE, Augmentation, draw
from stages.train.examples import Examples
from stages.train.model import head_of, set_trainable, split_before
from stages.train.params import AugmentParams, TrainParams


@dataclass(frozen=True)
class Phase:
    """A run of epochs in which the same layers train."""

    name: Literal["head", "fine_tune", "scratch"]
    epochs: int
    batch_size: int
    learning_rate: float  #: the highest of its schedule
    first_tuned: str | None  #: first block of a pretrained backbone that trains; None: none does


@dataclass(frozen=True)
class Feed:
    """One phase made ready: the part of the model that trains, and what it is fed."""

    model: keras.Model
    train_batches: Callable[[range], tf.data.Dataset]  #: of epochs, counted over all phases
    val_batches: tf.data.Dataset
    batch_size: int
    images_per_epoch: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return self.images_per_epoch // self.batch_size


def prepare(
    model: keras.Model,
    phase: Phase,
    train: Examples,
    val: Examples,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
    seed: int,
) -> Feed:
    """Make a phase ready: freeze what it does not train and compute what that returns once.

    Args:
        model: as `build_model` returns it; its `trainable` flags are set.
        phase: the head alone sees features; the others see augmented images.
        train: images that the model learns from.
        val: images that the best epoch is chosen by.
        class_weights: `(labels,) float32`, weight in the loss.
        settings: section `train` of params.yaml.
        seed: of the training.

    Raises:
        InputError: an image is missing or damaged, or there is no room for them.
    """
    set_trainable(model, phase.name != "scratch", phase.first_tuned)
    if phase.name == "head":
        return _feed_features(model, phase, train, val, class_weights, settings, seed)
    first = "conv1" if phase.first_tuned is None else phase.first_tuned
    frozen, tuned = split_before(model, first)
    size = model.input_shape[1]
    train_pixels = dataset.load_images(train.paths, size, settings.memory_mib)
    val_pixels = dataset.load_images(val.paths, size, settings.memory_mib)
    count = len(train_pixels)
    batch_size = min(phase.batch_size, count)

    if frozen is None or settings.frozen_views == 0:
        no_draws = np.zeros((len(val_pixels), DRAWS_PER_IMAGE), np.float32)
        trained = augmented(model, settings.augment)
        val_inputs: list[npt.NDArray[Any]] = [val_pixels, no_draws]

        def train_inputs(epoch: int) -> list[npt.NDArray[Any]]:
            return [train_pixels, draw(count, seed, epoch)]

    else:
        trained = tuned
        frozen = fold_batch_norm(frozen)
        always = augmented(frozen, settings.augment, always=True)
        views = [
            _outputs(always, [train_pixels, draw(count, seed, view)], batch_size, settings)
            for view in range(settings.frozen_views)
        ]
        val_inputs = _outputs(frozen, [val_pixels], batch_size, settings)

        def train_inputs(epoch: int) -> list[npt.NDArray[Any]]:
            return views[epoch % len(views)]

    def gather_of(epoch: int) -> dataset.Gather:
        order = dataset.shuffled(count, seed, epoch)
        return dataset.rows(train_inputs(epoch), train.targets, class_weights, order)

    return _feed(trained, gather_of, count, batch_size, dataset.rows(val_inputs, val.targets), val)


def views_of(augment: AugmentParams) -> list[int]:
    """Return the orientations of cached features that augmentation allows, by position."""
    both_flips = augment.horizontal_flip and augment.vertical_flip
    return [view for view, name in enumerate(ORIENTATIONS) if name == "received" or both_flips]


def augmented(model: keras.Model, augment: AugmentParams, always: bool = False) -> keras.Model:
    """Return `model` behind augmentation, active in training, or `always`."""
    images = keras.Input(model.inputs[0].shape[1:], name="augmented_images")
    draws = keras.Input((DRAWS_PER_IMAGE,), name="draws")
    augmentation = Augmentation(augment, always, name="augmentation")
    return keras.Model([images, draws], model(augmentation(images, draws)))


def _feed_features(
    model: keras.Model,
    phase: Phase,
    train: Examples,
    val: Examples,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
    seed: int,
) -> Feed:
    count = len(train.targets)
    batch_size = min(phase.batch_size, count)
    views = views_of(settings.augment)
    received = np.full(len(val.targets), ORIENTATIONS.index("received"))
    val_inputs = val.rows(np.arange(len(val.targets)), received)

    def gather_of(epoch: int) -> dataset.Gather:
        order = dataset.shuffled(count, seed, epoch)
        mixing = dataset.draw_mixing(count, views, settings.mixup, seed, epoch)
        return dataset.mixed_rows(train, class_weights, order, mixing, batch_size)

    of_val = dataset.rows([val_inputs], val.targets)
    return _feed(head_of(model), gather_of, count, batch_size, of_val, val)


def _feed(
    model: keras.Model,
    gather_of: Callable[[int], dataset.Gather],
    count: int,
    batch_size: int,
    of_val: dataset.Gather,
    val: Examples,
) -> Feed:
    return Feed(
        model,
        lambda epochs: dataset.batches(gather_of, epochs, count, batch_size, drop_remainder=True),
        dataset.batches(lambda _epoch: of_val, [0], len(val.targets), batch_size),
        batch_size,
        count - count % batch_size,
    )


def _outputs(
    frozen: keras.Model,
    inputs: list[npt.NDArray[Any]],
    batch_size: int,
    settings: TrainParams,
) -> list[npt.NDArray[np.float16]]:
    """Return the outputs of the frozen layers for each row of `inputs`.

    Half precision halves the memory; features after a ReLU lie well inside its range.
    """
    count = len(inputs[0])
    outputs = [
        dataset.allocate((count, *output.shape[1:]), np.dtype(np.float16), settings.memory_mib)
        for output in frozen.outputs
    ]
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        batch = [array[rows] for array in inputs]
        # Keras wants a single input bare, and returns a single output so.
        values = keras.tree.flatten(frozen.predict_on_batch(batch if len(batch) > 1 else batch[0]))
        for array, of_rows in zip(outputs, values, strict=True):
            array[rows] = of_rows
    return outputs
