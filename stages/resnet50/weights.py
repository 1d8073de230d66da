"""Pretrained weights: read from a file, set in a network."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stages.resnet50.layout import BACKBONE_STAGES, BackboneStage
from waste_classifier.errors import InputError

LayerWeights = Mapping[str, Sequence[npt.NDArray[Any]]]


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
