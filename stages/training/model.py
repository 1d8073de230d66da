"""The network that trains: backbone, standardised features, hidden layer, softmax."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stages.params.train import HeadParams
from stages.resnet50.layout import BLOCK_ENDS, blocks_from, feature_blocks
from stages.training.memory import release
from waste_classifier.head import Dense, Head

STANDARDISE, SCALE = "standardise", "scale"
DROPOUTS = ("feature_dropout", "dropout")
HEAD_LAYERS = (STANDARDISE, SCALE, *DROPOUTS, "hidden", "activation", "logits", "probabilities")
# What a head that trains with random weights sees of a standardised feature. Adam changes a weight
# by up to the learning rate per step, so what a unit says by that times the sum of its inputs:
# thousands of whole ones would let the first loss jump while the backbone has yet to learn.
SCALE_OF_RANDOM = 0.03
ROWS_AT_ONCE = 1024


def build_head(
    columns: int, labels: int, settings: HeadParams, batch_norm_momentum: float, scale: float = 1.0
) -> keras.Model:
    """Return a new head: `(n, columns) float32` features to `(n, labels) float32` probabilities.

    Args:
        columns: features that it sees.
        labels: that it tells apart.
        settings: section `train.head`.
        batch_norm_momentum: of the statistics by which features are standardised, where they train.
        scale: that the standardised features are multiplied by.
    """
    features = keras.Input((columns,), name="used_features")
    outputs = keras.layers.BatchNormalization(
        center=False,
        scale=False,
        momentum=batch_norm_momentum,
        epsilon=1e-5,  # of 1e-3, the default, features that vary little would not all come out even
        name=STANDARDISE,
        dtype="float32",
    )(features)
    outputs = keras.layers.Rescaling(scale, name=SCALE, dtype="float32")(outputs)
    outputs = keras.layers.Dropout(
        settings.feature_dropout, name="feature_dropout", dtype="float32"
    )(outputs)
    if settings.units:
        hidden = keras.layers.Dense(settings.units, name="hidden", dtype="float32")
        activation = keras.layers.ReLU(name="activation", dtype="float32")
        dropout = keras.layers.Dropout(settings.dropout, name="dropout", dtype="float32")
        outputs = dropout(activation(hidden(outputs)))
    logits = keras.layers.Dense(labels, name="logits", dtype="float32")(outputs)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(features, probabilities, name="head")


def build_network(
    backbone: keras.Model, head: keras.Model, columns: npt.NDArray[np.bool_]
) -> keras.Model:
    """Return backbone and head as one flat model, which shares their layers.

    It takes `(n, image_size, image_size, 3)` RGB 0..255 and returns `(n, labels) float32`
    probabilities.
    """
    outputs = backbone.output
    if not columns.all():
        outputs = keras.ops.take(outputs, np.flatnonzero(columns), axis=1)
    for layer in head.layers[1:]:
        outputs = layer(outputs)
    return keras.Model(backbone.input, outputs, name="waste_classifier")


def standardise(head: keras.Model, features: npt.NDArray[np.float32]) -> None:
    """Let the head see features less their mean over some images, divided by their deviation.

    Args:
        head: as `build_head` returns it.
        features: `(n, used)`, of the images.
    """
    sums = np.zeros(features.shape[1])
    for rows in _some_at_once(features):
        sums += rows.sum(axis=0, dtype=np.float64)
    mean = sums / len(features)
    squares = np.zeros_like(mean)
    for rows in _some_at_once(features):
        squares += np.square(rows - mean).sum(axis=0)
    head.get_layer(STANDARDISE).set_weights([mean, squares / len(features)])


def _some_at_once(features: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(features), ROWS_AT_ONCE):
        yield features[start : start + ROWS_AT_ONCE]
        release(features)


def freeze(
    network: keras.Model, pretrained: bool, first_block: str
) -> tuple[keras.Model | None, keras.Model]:
    """Freeze what does not train, and return the part of a network before what does, and the rest.

    Args:
        network: as `build_network` returns it.
        pretrained: whether the backbone's weights were; random ones train from conv1 on.
        first_block: block or stage of a pretrained backbone that trains first.

    Returns:
        As `split_before`.
    """
    tuned = blocks_from(first_block if pretrained else "conv1")
    set_trainable(network, pretrained, tuned)
    return split_before(network, tuned)


def set_trainable(model: keras.Model, pretrained: bool, tuned: tuple[str, ...]) -> None:
    """Let the head train, and of a pretrained backbone the blocks `tuned`.

    Random weights always train. Pretrained BatchNorm never does, which keeps it in inference mode:
    its statistics would drift on small batches (https://keras.io/guides/transfer_learning/).

    Args:
        model: a head, or a network.
        pretrained: whether the backbone's weights were.
        tuned: prefixes of the layers of these blocks (`blocks_from`).
    """
    for layer in model.layers:
        layer.trainable = not pretrained or (
            not isinstance(layer, keras.layers.BatchNormalization)
            and (layer.name in HEAD_LAYERS or layer.name.startswith(tuned))
        )


def split_before(
    network: keras.Model, tuned: tuple[str, ...]
) -> tuple[keras.Model | None, keras.Model]:
    """Return the part of a network before some blocks, and the rest.

    The outputs of the first part are the inputs of the rest: what the blocks take, then what is
    pooled before them. The first part is None where that is the whole backbone.

    Args:
        network: as `build_network` returns it.
        tuned: prefixes of the layers of the blocks, which are the last ones (`blocks_from`).
    """
    before = list(BLOCK_ENDS)[: len(BLOCK_ENDS) - len(tuned)]
    if not before:
        return None, network
    pooled = {block.name for block in feature_blocks("conv5") if block.pooled_block in before}
    ends = [network.get_layer(BLOCK_ENDS[before[-1]]).output]
    ends += [layer.output for layer in network.layers if layer.name in pooled]
    return keras.Model(network.input, ends), keras.Model(ends, network.outputs[0])


def exported_head(head: keras.Model, columns: npt.NDArray[np.bool_]) -> Head:
    """Return a trained head for inference: standardisation folded into its first dense layer.

    Args:
        head: as `build_head` returned it.
        columns: `(d,)`, which of the features it sees; the others get a weight of 0.
    """
    mean, variance = head.get_layer(STANDARDISE).get_weights()
    deviation = np.sqrt(variance.astype(np.float64) + head.get_layer(STANDARDISE).epsilon)
    scale = head.get_layer(SCALE).scale / deviation
    layers = {layer.name: layer.get_weights() for layer in head.layers}
    first = "hidden" if "hidden" in layers else "logits"
    kernel, bias = layers[first]
    scaled = kernel * scale[:, np.newaxis]
    whole = np.zeros((len(columns), kernel.shape[1]), np.float32)
    whole[columns] = scaled
    layers[first] = [whole, (bias - mean @ scaled).astype(np.float32)]
    return Head(_dense(layers.get("hidden")), _dense(layers["logits"]))


def _dense(weights: Any) -> Any:
    return None if weights is None else Dense(*weights)
