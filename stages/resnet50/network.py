"""The network: preprocessing, convolutions, pooling."""

from typing import Any

import keras

from stages.resnet50.layout import BLOCK_ENDS, BackboneStage, FeatureBlock, feature_blocks

# BatchNorm whose output is added to the shortcut.
LAST_OF_BLOCK = "_3_bn"
# Mean of the ImageNet photos, blue, green, red: `keras.applications.resnet50.preprocess_input`.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
# Below the square root, where a channel does not vary.
VARIANCE_EPSILON = 1e-5


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
    end = BLOCK_ENDS[block.pooled_block]
    maps = keras.ops.cast(resnet50.get_layer(end).output, "float32")
    if block.statistic == "mean":
        pooled = keras.ops.mean(maps, axis=(1, 2))
    else:
        pooled = keras.ops.sqrt(keras.ops.var(maps, axis=(1, 2)) + VARIANCE_EPSILON)
    # Gives the values a name: operations have none.
    return keras.layers.Identity(name=block.name, dtype="float32")(pooled)
