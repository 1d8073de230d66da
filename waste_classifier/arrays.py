"""Arrays in one file, .npz."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from waste_classifier.errors import InputError


def save_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by their names; equal ones give equal bytes."""
    with file.open("wb") as opened:
        np.savez(opened, **arrays)


def load_arrays(file: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read arrays of a file that `save_arrays` wrote.

    Raises:
        InputError: it is missing or damaged, or lacks one.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in names}
    # Damaged archives make zipfile and NumPy raise anything.
    except Exception as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, why: Exception) -> InputError:
    """Return the error of a file whose arrays are not what they should be."""
    return InputError(f"{file}: can't be read ({why!r}); bring the folder back whole")
