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
    distance: float  #: to them; 1: at the limit, beyond which the classifier is unsure
    label_distance: float  #: to things of the labels; 1: at the limit, as before


def read_distances(file: Path, paths: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return both distances of each of some images, `(n, 2)`.

    Raises:
        InputError: the file is missing or damaged, or has not all of these images.
    """
    distances_of = {row.path: row[1:] for row in read_table(file, DistanceRow)}
    missing = next((path for path in paths if path not in distances_of), None)
    if missing is not None:
        raise InputError(f"{file}: has no row of {missing}; {MEND}")
    return np.array([distances_of[path] for path in paths])
