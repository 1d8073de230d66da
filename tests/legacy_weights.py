"""Weights in the layout of the published `..._notop.h5` files of `keras.applications`."""

from pathlib import Path

import h5py
import keras


def write_random_weights(path: Path, stages: tuple[str, ...]) -> Path:
    """Write some stages of a ResNet50 of random weights, the same at each call."""
    keras.utils.set_random_seed(3)
    model = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    return write_legacy_weights(path, model, stages)


def write_legacy_weights(path: Path, model: keras.Model, stages: tuple[str, ...]) -> Path:
    """Write the layers of some stages of a ResNet50, such as `("conv1", "conv2")`."""
    layers = [layer for layer in model.layers if layer.weights and layer.name.startswith(stages)]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = weight.numpy()
    return path
