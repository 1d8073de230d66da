"""Exported files, each run by its own runtime."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import tensorflow as tf

from stages.export.graph import SIGNATURE
from stages.outputs.export import FILE_NAMES
from waste_classifier.litert import INPUT, LiteRTNetwork

#: Of an image, `(size, size, 3) uint8`, RGB: probabilities, `(labels,) float32`.
Probabilities = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def open_runtimes(folder: Path, formats: Collection[str]) -> dict[str, Probabilities]:
    """Return what runs the file of each format in a folder, by its name."""
    runtimes: dict[str, Probabilities] = {}
    for name in formats:
        open_file = {".tflite": open_tflite, ".onnx": open_onnx}
        file = folder / FILE_NAMES[name]
        runtimes[name] = open_file.get(file.suffix, open_saved_model)(file)
    return runtimes


def open_tflite(file: Path) -> Probabilities:
    """Load a file by LiteRT."""
    network = LiteRTNetwork.load(file)

    def probabilities(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        answer: npt.NDArray[np.float32] = network(image)["probabilities"][0]
        return answer

    return probabilities


def open_onnx(file: Path) -> Probabilities:
    """Load a file by ONNX Runtime."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def probabilities(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        answers = session.run(["probabilities"], {INPUT: image[None]})
        return np.asarray(answers[0][0], np.float32)

    return probabilities


def open_saved_model(folder: Path) -> Probabilities:
    """Load a folder by TensorFlow."""
    serve = tf.saved_model.load(str(folder)).signatures[SIGNATURE]

    def probabilities(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        answer: npt.NDArray[np.float32] = serve(**{INPUT: tf.constant(image[None])})[
            "probabilities"
        ].numpy()[0]
        return answer

    return probabilities
