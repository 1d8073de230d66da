"""data/export/: the classifier in the formats of other runtimes.

- `float32.tflite`, `float16.tflite`, `int8.tflite`: for LiteRT.
- `classifier.onnx`: for ONNX Runtime and others.
- `saved_model/`: for TensorFlow.

Each has one input, `image`, and the outputs `probabilities`, `features` and `activations`.
"""

from pathlib import Path

EXPORT_DIR = Path("data/export")
#: By name of the format.
FILE_NAMES = {
    "float32": "float32.tflite",
    "float16": "float16.tflite",
    "int8": "int8.tflite",
    "onnx": "classifier.onnx",
    "saved_model": "saved_model",
}
