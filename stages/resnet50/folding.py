"""Folding: a network for inference without its BatchNorm layers."""

from typing import Any

import keras
import numpy as np


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
