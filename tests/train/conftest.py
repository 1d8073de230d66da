"""TensorFlow as the stage sets it up, and what several tests train or look at."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages import tensorflow_setup

tensorflow_setup.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.orientations import ORIENTATIONS, orient  # noqa: E402
from stages.train.examples import Examples  # noqa: E402
from stages.train.model import Head, build_model, standardise  # noqa: E402
from stages.train.params import TrainParams  # noqa: E402


@pytest.fixture(scope="session")
def built_model() -> keras.Model:
    """A model of three labels with random weights, not to be changed."""
    keras.utils.set_random_seed(0)
    return build_model(labels=3, image_size=32, head=Head("mean_std", 8, 0.3, 0.2))


@pytest.fixture
def model(built_model: keras.Model) -> Iterator[keras.Model]:
    """The same model, to be changed: weights and trainable flags are as new."""
    initial = built_model.get_weights()
    yield built_model
    built_model.set_weights(initial)
    built_model.trainable = True


@pytest.fixture
def miniature() -> keras.Model:
    """A model with the layer names that training relies on: ResNet50 would take minutes here."""
    keras.utils.set_random_seed(0)
    images = keras.Input((32, 32, 3), name="images")
    maps = keras.layers.Rescaling(1 / 255, name="centre")(images)
    maps = keras.layers.Conv2D(6, 3, strides=2, name="conv1_conv")(maps)
    maps = keras.layers.BatchNormalization(name="conv1_bn")(maps)
    maps = keras.layers.MaxPooling2D(name="pool1_pool")(maps)
    pooled = []
    for block in ("conv2_block3", "conv3_block4", "conv4_block5", "conv4_block6"):
        maps = keras.layers.Conv2D(8, 2, name=f"{block}_1_conv")(maps)
        maps = keras.layers.BatchNormalization(name=f"{block}_1_bn")(maps)
        maps = keras.layers.Activation("relu", name=f"{block}_out")(maps)
        if block in ("conv3_block4", "conv4_block6"):
            mean = keras.ops.mean(maps, (1, 2))
            deviation = keras.ops.sqrt(keras.ops.var(maps, (1, 2)) + 1e-5)
            pooled += [
                keras.layers.Identity(name=f"{block[:5]}_mean")(mean),
                keras.layers.Identity(name=f"{block[:5]}_std")(deviation),
            ]
    features = keras.layers.Concatenate(name="used_features")(pooled)
    outputs = keras.layers.BatchNormalization(
        center=False, scale=False, epsilon=1e-5, name="standardise"
    )(features)
    outputs = keras.layers.Dropout(0.2, name="feature_dropout")(outputs)
    outputs = keras.layers.Dense(8, "gelu", name="hidden")(outputs)
    outputs = keras.layers.Dropout(0.2, name="dropout")(outputs)
    return keras.Model(images, keras.layers.Dense(3, "softmax", name="logits")(outputs))


def coloured_pixels(count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Images of three labels in turn: noise that is mostly red, green or blue."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 100, (count, 32, 32, 3))
    pixels[np.arange(count), :, :, np.arange(count) % 3] += 120
    return pixels.astype(np.uint8)


@pytest.fixture
def examples(miniature: keras.Model, tmp_path: Path) -> tuple[Examples, Examples]:
    """Fourteen images to train on and six for validation, with the features of the miniature.

    They standardise what its head sees.
    """
    pixels = coloured_pixels(20, seed=0)
    paths = [tmp_path / f"{number:02}.png" for number in range(20)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    see = keras.Model(miniature.input, miniature.get_layer("used_features").output)
    features = np.stack(
        [np.asarray(see(orient(pixels, orientation))) for orientation in ORIENTATIONS], axis=1
    )
    targets = np.eye(3, dtype=np.float32)[np.arange(20) % 3]
    columns = np.ones(features.shape[2], np.bool_)
    train, val = (
        Examples(paths[first:end], targets[first:end], features, np.arange(first, end), columns)
        for first, end in ((0, 14), (14, 20))
    )
    standardise(miniature, train)
    return train, val


@pytest.fixture
def settings() -> TrainParams:
    """Section `train` of params.yaml, for few and small images."""
    return TrainParams.model_validate(
        {
            "head_epochs": 2,
            "head_batch_size": 4,
            "lr": 0.01,
            "fine_tune_epochs": 1,
            "fine_tune_from": "conv4_block6",
            "fine_tune_lr": 0.001,
            "frozen_views": 2,
            "scratch_epochs": 3,
            "batch_size": 4,
            "warmup_epochs": 1,
            "pooling": "mean_std",
            "head_units": 8,
            "feature_dropout": 0.2,
            "dropout": 0.2,
            "mixup": 0.4,
            "label_smoothing": 0.0,
            "weight_decay": 0.0001,
            "patience": 10,
            "batch_norm_momentum": 0.9,
            "precision": "float32",
            "memory_mib": 100,
            "augment": {
                "horizontal_flip": True,
                "vertical_flip": False,
                "rotation": 0.0,
                "zoom": 0.1,
                "translation": 0.1,
                "brightness": 0.1,
                "contrast": 0.1,
                "saturation": 0.1,
            },
        }
    )
