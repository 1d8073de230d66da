"""The network: preprocessing, ResNet50, pooling, dropout, dense, softmax, as one flat model."""

from collections.abc import Sequence, Set
from itertools import groupby
from pathlib import Path
from typing import get_args

import keras
import numpy as np

from stages.errors import InputError
from stages.train.params import BackboneStage, Precision

BACKBONE_STAGES: tuple[BackboneStage, ...] = get_args(BackboneStage)
# Where each stage of ResNet50 ends; what follows the last one is pooled at once.
STAGE_ENDS: dict[BackboneStage, str] = {
    "conv1": "pool1_pool",
    "conv2": "conv2_block3_out",
    "conv3": "conv3_block4_out",
    "conv4": "conv4_block6_out",
    "conv5": "avg_pool",
}
# BatchNorm whose output is added to the shortcut.
LAST_OF_BLOCK = "_3_bn"
# Mean of the ImageNet photos, blue, green, red: `keras.applications.resnet50.preprocess_input`.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


def build_model(
    labels: int, image_size: int, dropout: float = 0.0, batch_norm_momentum: float = 0.9
) -> keras.Model:
    """Return a new model with random weights.

    It takes `(n, image_size, image_size, 3)` RGB 0..255 and returns `(n, labels) float32`
    probabilities. He et al. 2015, "Deep Residual Learning for Image Recognition"; each residual
    block starts as its shortcut alone: Goyal et al. 2017, "Accurate, Large Minibatch SGD",
    section 5.1.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    bgr = keras.ops.flip(images, axis=-1)
    centred = keras.layers.Rescaling(
        scale=1.0, offset=[-mean for mean in IMAGENET_MEAN_BGR], name="centre", dtype="float32"
    )(bgr)
    backbone = keras.applications.ResNet50(
        include_top=False, weights=None, input_tensor=centred, pooling="avg"
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
            if layer.name.endswith(LAST_OF_BLOCK):
                layer.gamma.assign(keras.ops.zeros_like(layer.gamma))
    features = keras.layers.Dropout(dropout, name="dropout")(backbone.output)
    logits = keras.layers.Dense(labels, name="logits", dtype="float32")(features)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(images, probabilities, name="waste_classifier")


def choose_precision(wanted: str, cpu_flags: Set[str], gpu_capability: float | None) -> Precision:
    """Return the Keras dtype policy: `wanted`, or for `auto` what the hardware computes natively.

    Args:
        wanted: `auto` or a dtype policy.
        cpu_flags: features of the processor as Linux names them.
        gpu_capability: CUDA compute capability of the first GPU (8.0 Ampere, 7.0 Volta), or None.
    """
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    if gpu_capability is not None:
        if gpu_capability >= 8.0:
            return "mixed_bfloat16"
        return "mixed_float16" if gpu_capability >= 7.0 else "float32"
    return "mixed_bfloat16" if cpu_flags & {"avx512_bf16", "amx_bf16"} else "float32"


def restore_backbone(model: keras.Model, weights_file: Path) -> frozenset[str]:
    """Load a file of ResNet50 weights, whole or partial, and return the names of restored layers.

    Layers that the file lacks, or has in another shape, keep their random weights.

    Raises:
        InputError: the file restores no layer.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    initial = {name: layer.get_weights() for name, layer in layers.items()}
    # What is still not a number afterwards was not in the file, whatever its layout.
    for layer in layers.values():
        layer.set_weights([np.full_like(array, np.nan) for array in layer.get_weights()])
    # Legacy files name their layers; newer ones number them by class, in order of the backbone.
    by_name = {} if weights_file.name.endswith(".weights.h5") else {"by_name": True}
    try:
        _backbone_of(model).load_weights(weights_file, skip_mismatch=True, **by_name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{weights_file}: not a file of Keras weights ({error})") from None
    restored = set()
    for name, layer in layers.items():
        if any(np.isnan(array).any() for array in layer.get_weights()):
            layer.set_weights(initial[name])
        else:
            restored.add(name)
    if not restored:
        raise InputError(
            f"{weights_file}: restores no layer of ResNet50; it needs layers named as in "
            "keras.applications.ResNet50, such as conv1_conv and conv2_block1_1_conv"
        )
    return frozenset(restored)


def set_trainable(
    model: keras.Model, restored: Set[str], fine_tune_from: BackboneStage | None
) -> None:
    """Freeze the restored layers before stage `fine_tune_from`, or all of them for None.

    Layers that were not restored always train. A restored BatchNorm never does, which keeps it in
    inference mode: its statistics would drift on small batches
    (https://keras.io/guides/transfer_learning/).
    """
    first = len(BACKBONE_STAGES) if fine_tune_from is None else int(fine_tune_from[-1]) - 1
    tuned = BACKBONE_STAGES[first:]
    for layer in model.layers:
        layer.trainable = layer.name not in restored or (
            layer.name.startswith(tuned) and not isinstance(layer, keras.layers.BatchNormalization)
        )


def split_at_frozen(model: keras.Model) -> tuple[keras.Model | None, keras.Model]:
    """Return the part of the model whose output training can't change, and the rest.

    The first part ends with the last stage of the backbone before anything trains; it is None
    where conv1 already does.
    """
    end = None
    for stage in BACKBONE_STAGES:
        if any(layer.trainable_weights for layer in model.layers if layer.name.startswith(stage)):
            break
        end = STAGE_ENDS[stage]
    if end is None:
        return None, model
    output = model.get_layer(end).output
    return keras.Model(model.inputs, output), keras.Model(output, model.outputs[0])


def describe_layers(model: keras.Model, restored: Set[str]) -> str:
    """Return two lines: which layers were restored and which start anew, whole stages by name."""
    names = [layer.name for layer in model.layers if layer.weights]
    return "\n".join(
        f"{title}: {_group_by_stage(group, names)}"
        for title, group in (
            ("restored", [name for name in names if name in restored]),
            ("start anew", [name for name in names if name not in restored]),
        )
    )


def _group_by_stage(group: Sequence[str], names: Sequence[str]) -> str:
    parts = []
    for stage, members in groupby(group, key=lambda name: name.partition("_")[0]):
        listed = list(members)
        whole = len(listed) == sum(name.partition("_")[0] == stage for name in names)
        parts.append(f"{stage} ({len(listed)} layers)" if whole else ", ".join(listed))
    return ", ".join(parts) or "none"


def _backbone_of(model: keras.Model) -> keras.Model:
    return keras.Model(model.inputs, model.get_layer("avg_pool").output)
