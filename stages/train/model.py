"""The classifier: backbone, standardised features, hidden layer, softmax, as one flat model."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import keras
import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from stages.feature_table import BackboneStage, feature_blocks
from stages.orientations import ORIENTATIONS
from stages.resnet50 import BLOCK_ENDS, RESIDUAL_BLOCKS, build_backbone
from stages.train.examples import Examples
from stages.train.params import TrainParams

DROPOUTS = ("feature_dropout", "dropout")
ROWS_AT_ONCE = 1024


class Head(NamedTuple):
    """What stands on the backbone."""

    pooling: str  #: `mean_std`, or `mean` to leave the standard deviations out
    units: int  #: of the hidden layer; 0: none
    feature_dropout: float
    dropout: float

    @classmethod
    def of(cls, settings: TrainParams) -> Self:
        """Return the head that section `train` describes."""
        return cls(
            settings.pooling, settings.head_units, settings.feature_dropout, settings.dropout
        )


def build_model(
    labels: int,
    image_size: int,
    head: Head,
    last_stage: BackboneStage = "conv5",
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """Return a new model with random weights.

    It takes `(n, image_size, image_size, 3)` RGB 0..255 and returns `(n, labels) float32`
    probabilities.
    """
    backbone = build_backbone(image_size, last_stage, batch_norm_momentum)
    used = [
        backbone.get_layer(block.name).output
        for block in feature_blocks(last_stage)
        if block.statistic in head.pooling.split("_")
    ]
    features = keras.layers.Concatenate(name="used_features", dtype="float32")(used)
    outputs = keras.layers.BatchNormalization(
        center=False,
        scale=False,
        momentum=batch_norm_momentum,
        epsilon=1e-5,  # of 1e-3, the default, features that vary little would not all come out even
        name="standardise",
        dtype="float32",
    )(features)
    outputs = keras.layers.Dropout(head.feature_dropout, name="feature_dropout")(outputs)
    if head.units:
        outputs = keras.layers.Dense(head.units, "gelu", name="hidden", dtype="float32")(outputs)
        outputs = keras.layers.Dropout(head.dropout, name="dropout")(outputs)
    logits = keras.layers.Dense(labels, name="logits", dtype="float32")(outputs)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(backbone.input, probabilities, name="waste_classifier")


def used_columns(pooling: str, last_stage: BackboneStage) -> npt.NDArray[np.bool_]:
    """Return which of the columns of the features the head sees, `(d,)`."""
    blocks = feature_blocks(last_stage)
    return np.repeat(
        [block.statistic in pooling.split("_") for block in blocks],
        [block.columns for block in blocks],
    )


def standardise(model: keras.Model, examples: Examples) -> None:
    """Let the head see features less their mean over some images, divided by their deviation.

    Args:
        model: as `build_model` returns it.
        examples: the images, of which the orientation as received counts.
    """
    scaler = StandardScaler()
    for start in range(0, len(examples.targets), ROWS_AT_ONCE):
        images = np.arange(start, min(start + ROWS_AT_ONCE, len(examples.targets)))
        received = np.full(len(images), ORIENTATIONS.index("received"))
        scaler.partial_fit(examples.rows(images, received))
    model.get_layer("standardise").set_weights([scaler.mean_, scaler.var_])


def set_trainable(model: keras.Model, pretrained: bool, first: str | None) -> None:
    """Let the head train, and of a pretrained backbone the blocks from `first` on.

    Random weights always train. Pretrained BatchNorm never does, which keeps it in inference mode:
    its statistics would drift on small batches (https://keras.io/guides/transfer_learning/).

    Args:
        model: as `build_model` returns it.
        pretrained: whether the backbone's weights were.
        first: block or stage; None: no block trains.
    """
    tuned = blocks_from(first)
    for layer in model.layers:
        layer.trainable = not pretrained or (
            not isinstance(layer, keras.layers.BatchNormalization)
            and (not layer.name.startswith("conv") or layer.name.startswith(tuned))
        )


def blocks_from(first: str | None) -> tuple[str, ...]:
    """Return the blocks of ResNet50 from a block or a stage on; none for None."""
    blocks = list(BLOCK_ENDS)
    if first is None:
        return ()
    start = next(i for i, block in enumerate(blocks) if block.startswith(first))
    # `conv4_block1_` is no prefix of another block's layers.
    return tuple(f"{block}_" for block in blocks[start:])


def head_of(model: keras.Model) -> keras.Model:
    """Return the part from the features that the head sees to the probabilities."""
    return keras.Model(model.get_layer("used_features").output, model.outputs[0])


def split_before(model: keras.Model, first: str) -> tuple[keras.Model | None, keras.Model]:
    """Return the part of the model before a block or stage, and the rest.

    The outputs of the first part are the inputs of the rest: what the block takes, then what is
    pooled before it. The first part is None where `first` is conv1.
    """
    before = list(BLOCK_ENDS)[: len(BLOCK_ENDS) - len(blocks_from(first))]
    if not before:
        return None, model
    pooled = [layer.output for layer in model.layers if layer.name in _pooled_names(before)]
    ends = [model.get_layer(BLOCK_ENDS[before[-1]]).output, *pooled]
    return keras.Model(model.input, ends), keras.Model(ends, model.outputs[0])


def _pooled_names(blocks: Sequence[str]) -> set[str]:
    """Return the names of the layers that pool the output of one of `blocks`."""
    return {
        block.name
        for block in feature_blocks("conv5")
        if f"{block.stage}_block{RESIDUAL_BLOCKS[block.stage]}" in blocks
    }
