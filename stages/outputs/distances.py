"""data/novelty/distances.csv: how far each test image lies from the training ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.tables import MEND, read_table
from waste_classifier.errors import InputError


class DistanceRow(NamedTuple):
    """One test image."""

    path: str
    distance: float  #: 1: at the limit; beyond it, the classifier is unsure


def read_distances(file: Path, paths: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the distance of each of some images, `(n,)`.

    Raises:
        InputError: the file is missing or damaged, or has not all of these images.
    """
    distance_of = {row.path: row.distance for row in read_table(file, DistanceRow)}
    missing = next((path for path in paths if path not in distance_of), None)
    if missing is not None:
        raise InputError(f"{file}: has no row of {missing}; {MEND}")
    return np.array([distance_of[path] for path in paths])
