"""The head: from the backbone's features to probabilities, in NumPy.

Two dense layers are too little work to wait seconds for a deep-learning library to be imported.
"""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.arrays import load_arrays, save_arrays
from waste_classifier.errors import InputError
from waste_classifier.products import product

Floats = npt.NDArray[np.float32]


class Dense(NamedTuple):
    """A dense layer: `inputs @ kernel + bias`."""

    kernel: Floats  #: `(inputs, outputs)`
    bias: Floats  #: `(outputs,)`

    def __call__(self, inputs: Floats) -> Floats:
        """Return `(n, outputs) float32` of `(n, inputs) float32`."""
        return np.asarray(product(inputs, self.kernel) + self.bias, np.float32)


class Head(NamedTuple):
    """A hidden layer with ReLU, if there is one, and a layer of logits."""

    hidden: Dense | None
    logits: Dense

    @property
    def features(self) -> int:
        """How many features of a photo it takes."""
        return len((self.hidden or self.logits).kernel)

    @property
    def width(self) -> int:
        """How many values its representation has."""
        return len((self.hidden or self.logits).bias)

    @property
    def labels(self) -> int:
        """How many probabilities it gives."""
        return len(self.logits.bias)

    def representation(self, features: Floats) -> Floats:
        """Return the hidden layer, `(n, units) float32`, of features, `(n, features) float32`.

        Where there is none, the logits.
        """
        return self.logits(features) if self.hidden is None else relu(self.hidden(features))

    def __call__(self, features: Floats) -> Floats:
        """Return probabilities, `(n, labels) float32`, of features, `(n, features) float32`."""
        hidden = features if self.hidden is None else relu(self.hidden(features))
        probabilities: Floats = softmax(self.logits(hidden))
        return probabilities

    def save(self, file: Path) -> None:
        """Write `file`, .npz: equal arrays give equal bytes."""
        layers = {"hidden": self.hidden, "logits": self.logits}
        arrays = {
            f"{layer}_{name}": array
            for layer, dense in layers.items()
            if dense is not None
            for name, array in dense._asdict().items()
        }
        save_arrays(file, arrays)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing, damaged, or holds other arrays.
        """
        arrays = load_arrays(file)
        layers = ("hidden", "logits") if "hidden_kernel" in arrays else ("logits",)
        if set(arrays) != {f"{layer}_{name}" for layer in layers for name in Dense._fields}:
            raise InputError(
                f"{file}: not the head of a classifier, but holds "
                f"{', '.join(arrays) or 'nothing'}; bring the folder back whole"
            )
        read = {
            layer: Dense(*(arrays[f"{layer}_{name}"] for name in Dense._fields)) for layer in layers
        }
        head = cls(read.get("hidden"), read["logits"])
        head._check(file)
        return head

    def _check(self, file: Path) -> None:
        inputs: int | None = None
        for name, dense in (("hidden", self.hidden), ("logits", self.logits)):
            if dense is None:
                continue
            kernel, bias = dense
            if (
                kernel.dtype != np.float32
                or bias.dtype != np.float32
                or kernel.ndim != 2
                or bias.shape != kernel.shape[1:]
                or inputs not in (None, len(kernel))
            ):
                raise InputError(
                    f"{file}: layer {name}: expected a kernel ({inputs or '…'}, …) of float32 and "
                    f"a bias for it, got {kernel.shape} of {kernel.dtype} and {bias.shape} of "
                    f"{bias.dtype}; bring the folder back whole"
                )
            inputs = kernel.shape[1]


def relu(values: Floats) -> Floats:
    """Return the rectified linear unit of values: what is below 0 becomes 0."""
    return np.maximum(values, np.float32(0))


def softmax(logits: Floats) -> Floats:
    """Return the softmax of each row."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
