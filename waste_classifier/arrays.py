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


def load_arrays(file: Path, names: Sequence[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Read arrays of a file that `save_arrays` wrote.

    Args:
        file: .npz.
        names: of those that are read; None: of all.

    Raises:
        InputError: it is missing or damaged, or lacks one.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # What an archive holds beside arrays, NumPy returns as bytes.
            return {
                name: np.asarray(arrays[name])
                for name in (arrays.files if names is None else names)
            }
    # Damaged archives make zipfile and NumPy raise anything.
    except Exception as error:
        raise unreadable(file, error) from None


def check_shapes(
    arrays: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Check that arrays are of some shapes, and of float32.

    Raises:
        ValueError: one is not.
    """
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(f"{name}: expected {shape} of float32, got {array.shape}")


def unreadable(file: Path, why: Exception) -> InputError:
    """Return the error of a file whose arrays are not what they should be."""
    return InputError(f"{file}: can't be read ({why!r}); bring the folder back whole")
