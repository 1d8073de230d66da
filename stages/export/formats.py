"""The formats: LiteRT in three widths, ONNX, SavedModel. Equal classifiers give equal bytes."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

#: Resized images, each `(size, size, 3) uint8`, RGB.
Images = Callable[[], Iterable[npt.NDArray[np.uint8]]]


def to_float32(graph: Any) -> bytes:
    """Return a LiteRT file with the weights as they are."""
    return _converted(graph)


def to_float16(graph: Any) -> bytes:
    """Return a LiteRT file with weights of 16 bits, half as large."""

    def halve(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]

    return _converted(graph, halve)


def to_int8(graph: Any, representative: Images) -> bytes:
    """Return a LiteRT file that computes with whole numbers of 8 bits, a quarter as large.

    Its outputs are float32 again, in steps of what 8 bits can tell apart.

    Args:
        graph: of the classifier.
        representative: images that show which values occur.
    """

    def quantise(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in representative())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8

    return _converted(graph, quantise)
