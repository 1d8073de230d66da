"""Pretrained weights: read from a file, set in a network."""

import warnings
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from stages.resnet50.layout import BACKBONE_STAGES, BackboneStage
from waste_classifier.errors import InputError

#: Height, width, channels in, channels out.
CONVOLUTION_RANK = 4
CONVOLUTIONS = 53

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
        InputError: it is no file of weights, lacks a layer of conv1 to conv3, holds a convolution
            that ResNet50 does not have (as of ResNet101), or numbers that are not finite.
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
        surplus = _surplus_convolutions(weights_file, {layer.name for layer in layers})
    # Damaged files make Keras and h5py raise anything: OSError, ValueError, KeyError, RuntimeError.
    except Exception as error:
        raise InputError(
            f"{weights_file}: not a file of Keras weights ({error}); get it again"
        ) from None
    if surplus:
        raise InputError(
            f"{weights_file}: weights of another network, with convolutions that ResNet50 does not "
            f"have ({surplus[0]}, {len(surplus)} in all); give those of keras.applications.ResNet50"
        )
    weights = {layer.name: layer.get_weights() for layer in layers}
    infinite = [name for name, arrays in weights.items() if any(map(_holds_infinity, arrays))]
    if infinite:
        raise InputError(
            f"{weights_file}: layer {infinite[0]} holds infinite weights; get the file again"
        )
    missing = [
        name for name, arrays in weights.items() if any(np.isnan(array).any() for array in arrays)
    ]
    first_missing = missing[0].partition("_")[0] if missing else None
    whole = [stage for stage in BACKBONE_STAGES if first_missing is None or stage < first_missing]
    if "conv3" not in whole:
        raise InputError(
            f"{weights_file}: lacks layer {missing[0]} of ResNet50; it needs all layers of conv1 "
            "to conv3, named and shaped as in keras.applications.ResNet50"
        )
    return {
        name: arrays for name, arrays in weights.items() if name.startswith(tuple(whole))
    }, whole[-1]


def restore(model: keras.Model, weights: LayerWeights) -> None:
    """Set the weights of the layers that `weights` names."""
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)


def _surplus_convolutions(weights_file: Path, layers: Set[str]) -> list[str]:
    """Return the names of the convolutions that a file holds beside those of ResNet50.

    Keras loads what fits and says nothing of the rest. The head of a user's own has none.
    """
    kernels: list[str] = []

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == CONVOLUTION_RANK:
            kernels.append(name.partition("/")[0])

    with h5py.File(weights_file) as file:
        # Whole models hold the optimizer's moments too, in the same shapes.
        if not weights_file.name.endswith(".weights.h5"):
            file.get("model_weights", file).visititems(note)
            return [name for name in kernels if name not in layers]
        file.get("layers", file).visititems(note)
    # Keras numbers them: conv2d, conv2d_1, and so on.
    expected = {"conv2d", *(f"conv2d_{number}" for number in range(1, CONVOLUTIONS))}
    return [name for name in kernels if name not in expected]


def _holds_infinity(array: npt.NDArray[Any]) -> bool:
    return bool(np.isinf(array).any())
