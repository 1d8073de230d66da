"""Image files -> features, through the frozen backbone."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from stages.feature_table import ARRAY_NAME, DESCRIPTION_NAME, BackboneStage
from stages.hardware import choose_precision, cpu_flags, gpu_capability
from stages.images import resized_batches
from stages.orientations import ORIENTATIONS, orient
from stages.output_folder import written_whole
from stages.resnet50 import build_backbone, fold_batch_norm, read_pretrained, restore

# Of random weights: any, but always the same.
RANDOM_WEIGHTS_SEED = 0


def load_backbone(weights_file: Path | None, image_size: int) -> tuple[keras.Model, BackboneStage]:
    """Return the backbone, in the precision that the hardware computes natively, and its end.

    Args:
        weights_file: pretrained weights, or None for random ones.
        image_size: pixels, width and height.

    Raises:
        InputError: the file is not one of ResNet50 weights.
    """
    keras.config.set_dtype_policy(choose_precision("auto", cpu_flags(), gpu_capability()))
    keras.utils.set_random_seed(RANDOM_WEIGHTS_SEED)
    if weights_file is None:
        return fold_batch_norm(build_backbone(image_size)), "conv5"
    weights, last_stage = read_pretrained(weights_file)
    backbone = build_backbone(image_size, last_stage)
    restore(backbone, weights)
    return fold_batch_norm(backbone), last_stage


def write_features(
    directory: Path,
    backbone: keras.Model,
    paths: Sequence[Path],
    batch_size: int,
    pretrained: bool,
    last_stage: BackboneStage,
) -> None:
    """Write the features of images to `directory`, which appears whole or not at all.

    Memory does not grow with the number of images.

    Args:
        directory: replaced if it exists.
        backbone: `(n, size, size, 3)` RGB 0..255 to `(n, d) float32`.
        paths: image files; row i of the features is of the i-th.
        batch_size: images per forward pass.
        pretrained: whether the weights were.
        last_stage: of ResNet50, that the backbone ends with.

    Raises:
        InputError: an image is missing or can't be decoded.
    """
    image_size, columns = backbone.input_shape[1], backbone.output_shape[1]
    description = {
        "pretrained": pretrained,
        "image_size": image_size,
        "last_stage": last_stage,
    }
    # One signature for batches of any length: the shorter last one compiles nothing anew.
    forward = tf.function(
        lambda images: backbone(tf.cast(images, tf.float32), training=False),
        input_signature=[tf.TensorSpec((None, image_size, image_size, 3), tf.uint8)],
    )
    with written_whole(directory) as folder:
        features = np.lib.format.open_memmap(
            folder / ARRAY_NAME,
            mode="w+",
            dtype=np.float32,
            shape=(len(paths), len(ORIENTATIONS), columns),
        )
        first = 0
        for batch in resized_batches(paths, image_size, batch_size):
            for view, orientation in enumerate(ORIENTATIONS):
                features[first : first + len(batch), view] = forward(orient(batch, orientation))
            first += len(batch)
        features.flush()
        (folder / DESCRIPTION_NAME).write_text(json.dumps(description, indent=2) + "\n")
