"""ResNet50 from pixels to features: preprocessing, convolutions, pooling, pretrained weights.

He et al. 2015, "Deep Residual Learning for Image Recognition", as in `keras.applications.resnet`.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.feature_table import BackboneStage, FeatureBlock, feature_blocks

BACKBONE_STAGES: tuple[BackboneStage, ...] = get_args(BackboneStage)
RESIDUAL_BLOCKS: dict[BackboneStage, int] = {"conv2": 3, "conv3": 4, "conv4": 6, "conv5": 3}
# conv1 and the residual blocks, in order: the prefixes of their layers' names, and their outputs.
BLOCK_ENDS: dict[str, str] = {"conv1": "pool1_pool"} | {
    f"{stage}_block{block}": f"{stage}_block{block}_out"
    for stage, count in RESIDUAL_BLOCKS.items()
    for block in range(1, count + 1)
}
# BatchNorm whose output is added to the shortcut.
LAST_OF_BLOCK = "_3_bn"
# Mean of the ImageNet photos, blue, green, red: `keras.applications.resnet50.preprocess_input`.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
# Below the square root, where a channel does not vary.
VARIANCE_EPSILON = 1e-5

LayerWeights = Mapping[str, Sequence[npt.NDArray[Any]]]


def build_backbone(
    image_size: int, last_stage: BackboneStage = "conv5", batch_norm_momentum: float = 0.9
) -> keras.Model:
    """Return ResNet50 from pixels to features, with random weights.

    It takes `(n, image_size, image_size, 3)` RGB 0..255 and returns `(n, d) float32`: mean and
    standard deviation over all positions of each channel of conv3 to `last_stage`
    (`feature_blocks`). The standard deviation tells how a surface varies, which an average hides:
    second-order pooling, as of textures (Lin and Maji 2016, "Visualizing and Understanding Deep
    Texture Representations") and of speech (Snyder et al. 2018, "X-Vectors", statistics pooling).

    Each residual block starts as its shortcut alone: Goyal et al. 2017, "Accurate, Large Minibatch
    SGD", section 5.1.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    bgr = keras.ops.flip(images, axis=-1)
    centred = keras.layers.Rescaling(
        scale=1.0, offset=[-mean for mean in IMAGENET_MEAN_BGR], name="centre", dtype="float32"
    )(bgr)
    resnet50 = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=centred)
    for layer in resnet50.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
            if layer.name.endswith(LAST_OF_BLOCK):
                layer.gamma.assign(keras.ops.zeros_like(layer.gamma))
    pooled = [_pool(resnet50, block) for block in feature_blocks(last_stage)]
    # In half precision it would round what was pooled in float32.
    features = keras.layers.Concatenate(name="features", dtype="float32")(pooled)
    return keras.Model(images, features, name="backbone")


def _pool(resnet50: keras.Model, block: FeatureBlock) -> Any:
    end = f"{block.stage}_block{RESIDUAL_BLOCKS[block.stage]}"
    maps = keras.ops.cast(resnet50.get_layer(BLOCK_ENDS[end]).output, "float32")
    if block.statistic == "mean":
        pooled = keras.ops.mean(maps, axis=(1, 2))
    else:
        pooled = keras.ops.sqrt(keras.ops.var(maps, axis=(1, 2)) + VARIANCE_EPSILON)
    # Gives the values a name: operations have none.
    return keras.layers.Identity(name=block.name, dtype="float32")(pooled)


def read_pretrained(weights_file: Path) -> tuple[LayerWeights, BackboneStage]:
    """Read a file of ResNet50 weights.

    Args:
        weights_file: legacy `.h5`, whose layers are named as in `keras.applications.ResNet50`, or
            `.weights.h5` of Keras 3. It may lack the later stages.

    Returns:
        The weights of each layer by its name, and the last stage up to which all are there. The
        layers of later stages are left out.

    Raises:
        InputError: it is no file of weights, or lacks a layer of conv1 to conv3.
    """
    resnet50 = keras.applications.ResNet50(include_top=False, weights=None)
    layers = [layer for layer in resnet50.layers if layer.weights]
    # What is still not a number afterwards was not in the file, whatever its layout.
    for layer in layers:
        layer.set_weights([np.full_like(array, np.nan) for array in layer.get_weights()])
    # Legacy files name their layers; newer ones number them by class, in order of the backbone.
    by_name = {} if weights_file.name.endswith(".weights.h5") else {"by_name": True}
    try:
        # Keras warns of each layer that the file lacks; what that means is said below, once.
        with warnings.catch_warnings(action="ignore"):
            resnet50.load_weights(weights_file, skip_mismatch=True, **by_name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{weights_file}: not a file of Keras weights ({error})") from None
    weights = {layer.name: layer.get_weights() for layer in layers}
    missing = [
        name for name, arrays in weights.items() if any(np.isnan(array).any() for array in arrays)
    ]
    first_missing = missing[0].partition("_")[0] if missing else None
    whole = [stage for stage in BACKBONE_STAGES if first_missing is None or stage < first_missing]
    if "conv3" not in whole:
        raise InputError(
            f"{weights_file}: lacks layer {missing[0]} of ResNet50; it needs all layers of conv1 "
            "to conv3, named as in keras.applications.ResNet50"
        )
    return {
        name: arrays for name, arrays in weights.items() if name.startswith(tuple(whole))
    }, whole[-1]


def restore(model: keras.Model, weights: LayerWeights) -> None:
    """Set the weights of the layers that `weights` names."""
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Return a copy for inference, in which each BatchNorm is part of the convolution before it.

    Both are linear, so one convolution can do what the two do: Jacob et al. 2018, "Quantization and
    Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 3.2.
    Keras normalises in float32 whatever the precision, so most is gained in half precision.

    Args:
        model: a functional model in which `x_bn` is the only layer after `x_conv`, as in ResNet50.
    """
    names = {layer.name for layer in model.layers}
    batch_norm_of = {
        layer.name: f"{layer.name.removesuffix('_conv')}_bn"
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    folded = {conv: batch_norm for conv, batch_norm in batch_norm_of.items() if batch_norm in names}

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        return inputs[0] if layer.name in folded.values() else layer(*inputs, **options)

    copy = keras.models.clone_model(model, call_function=call)
    for layer in filter(lambda layer: layer.weights, copy.layers):
        weights = model.get_layer(layer.name).get_weights()
        if layer.name in folded:
            kernel, bias = weights
            normalise = model.get_layer(folded[layer.name])
            gamma, beta, mean, variance = normalise.get_weights()
            scale = gamma / np.sqrt(variance + normalise.epsilon)
            weights = [kernel * scale, (bias - mean) * scale + beta]
        layer.set_weights(weights)
    return copy
