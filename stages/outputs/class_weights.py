"""data/class_weights.json: the weight of each label in the loss.

`{"scheme": ..., "labels": {<label>: {"images": <in train>, "weight": ...}, ...}}`, labels sorted.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.outputs.documents import read_document, write_document
from stages.outputs.tables import MEND
from waste_classifier.errors import InputError

CLASS_WEIGHTS_FILE = Path("data/class_weights.json")


def write_class_weights(
    path: Path, scheme: str, images: Mapping[str, int], weights: Mapping[str, float]
) -> None:
    """Write the weights and, beside them, the number of training images of each label."""
    labels = {label: {"images": images[label], "weight": weights[label]} for label in images}
    write_document(path, {"scheme": scheme, "labels": labels})


def read_class_weights(path: Path, labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the weight of each label, `(labels,) float32`, in the order of `labels`.

    Raises:
        InputError: the file is missing or damaged, or its labels are others.
    """
    try:
        described = read_document(path)["labels"]
        weights = {label: float(described[label]["weight"]) for label in described}
        for label, weight in weights.items():
            if not 0 < weight < np.inf:
                raise ValueError(f"{label} weighs {weight}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: damaged ({error!r}); {MEND}") from None
    if sorted(weights) != list(labels):
        raise InputError(
            f"{path}: has labels {', '.join(sorted(weights))}, but the split has "
            f"{', '.join(labels)}; run `dvc repro`"
        )
    return np.array([weights[label] for label in labels], np.float32)
