"""What training takes from the stages before it, beside images and split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.manifest import SPLIT_FILE, read_json

CLASS_WEIGHTS_FILE = Path("data/class_weights.json")


def read_class_weights(path: Path, labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the weight of each label, `(labels,) float32`, in the order of `labels`.

    Raises:
        InputError: the file is missing or damaged, or its labels are not those of the split.
    """
    weights = read_json(path)["labels"]
    if sorted(weights) != list(labels):
        raise InputError(
            f"{path}: has labels {', '.join(sorted(weights))}, but {SPLIT_FILE} has "
            f"{', '.join(labels)}; run `dvc repro`"
        )
    return np.array([weights[label]["weight"] for label in labels], np.float32)
