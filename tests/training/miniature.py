"""A network, images and settings small enough for seconds, without pytest."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.params.train import HeadParams, TrainParams
from stages.training.examples import Examples
from waste_classifier.orientations import ORIENTATIONS, orient

if TYPE_CHECKING:
    import keras


def build_miniature(settings: TrainParams) -> "keras.Model":
    """Return a network with the layer names that training relies on, for seconds."""
    from stages.compute import determinism

    determinism.configure()
    import keras

    from stages.training.model import build_head, build_network

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
    backbone = keras.Model(images, keras.layers.Concatenate(name="features")(pooled))
    # Two statistics of eight channels at the end of two stages.
    head = build_head(32, 3, settings.head, batch_norm_momentum=0.9)
    return build_network(backbone, head, np.ones(32, np.bool_))


def coloured_pixels(count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Images of three labels in turn: noise that is mostly red, green or blue."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 100, (count, 32, 32, 3))
    pixels[np.arange(count), :, :, np.arange(count) % 3] += 120
    return pixels.astype(np.uint8)


def make_examples(miniature: "keras.Model", folder: Path) -> tuple[Examples, Examples]:
    """Return fourteen images to train on and six for validation, with the miniature's features.

    They standardise what its head sees.
    """
    import keras

    from stages.training.model import standardise

    pixels = coloured_pixels(20, seed=0)
    paths = [folder / f"{number:02}.png" for number in range(20)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    see = keras.Model(miniature.input, miniature.get_layer("features").output)
    features = np.stack(
        [np.asarray(see(orient(pixels, orientation))) for orientation in ORIENTATIONS], axis=1
    )
    targets = np.eye(3, dtype=np.float32)[np.arange(20) % 3]
    train, val = (
        Examples(paths[first:end], targets[first:end], features[first:end])
        for first, end in ((0, 14), (14, 20))
    )
    standardise(miniature, train.as_received)
    return train, val


def small_settings() -> TrainParams:
    """Return section `train` of params.yaml, for few and small images."""
    return TrainParams.model_validate(
        {
            "seed": 5,
            "lr": 0.01,
            "warmup_epochs": 1,
            "weight_decay": 0.0001,
            "label_smoothing": 0.0,
            "patience": 10,
            "test_time_augmentation": "half_turn",
            "precision": "float32",
            "devices": 1,
            "memory_mib": 100,
            "head": {
                "epochs": 2,
                "batch_size": 4,
                "pooling": "mean_std",
                "units": 8,
                "feature_dropout": 0.2,
                "dropout": 0.2,
                "mixup": 0.4,
                "mixes": 2,
                "view_share": 0.0,
            },
            "fine_tune": {
                "epochs": 2,
                "batch_size": 4,
                "first_block": "conv4_block6",
                "lr": 0.001,
                "frozen_views": 2,
            },
            "scratch": {"epochs": 3, "batch_size": 4, "batch_norm_momentum": 0.9},
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


def head_settings(pooling: str = "mean_std", units: int = 8) -> HeadParams:
    """Return the section `train.head` of a small head."""
    return HeadParams.model_validate(
        {
            "epochs": 1,
            "batch_size": 4,
            "pooling": pooling,
            "units": units,
            "feature_dropout": 0.3,
            "dropout": 0.2,
            "mixup": 0.0,
            "mixes": 1,
            "view_share": 0.0,
        }
    )
