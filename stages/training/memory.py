"""Large arrays: in memory, or in a file where they are too large for it."""

import mmap
import os
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from waste_classifier.errors import InputError

MIB = 2**20
#: Rows of an array in a file that are read before it is released: around each, Linux takes up to
#: 2 MiB of the file into memory.
ROWS_AT_ONCE = 16


def allocate(
    shape: tuple[int, ...], dtype: npt.DTypeLike, memory_mib: int, what: str
) -> npt.NDArray[Any]:
    """Return an array in memory, or above `memory_mib` one in an unnamed temporary file.

    The file lies where `TMPDIR` says and is gone when the process ends.

    Args:
        shape: of the array.
        dtype: of its elements.
        memory_mib: MiB.
        what: it will hold, for the message.

    Raises:
        InputError: there is no room for that file.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= memory_mib * MIB:
        return np.empty(shape, dtype)
    # Closing the file removes its name; the mapping keeps its content alive.
    with tempfile.TemporaryFile() as file:
        try:
            file.truncate(size)
            # Without its space set aside, a disk that fills up later kills the process unheard.
            # macOS has no call for it.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: no room for {size // MIB} MiB of {what} "
                f"({error.strerror}); make room, set TMPDIR to a folder with room, or raise "
                "train.memory_mib"
            ) from None
        return np.memmap(file, dtype, "r+", shape=shape)


def release(array: npt.NDArray[Any]) -> None:
    """Give back the memory that an array in a file, or a part of one, has taken up by being used.

    Its content stays in the file, and is read again when it is asked for. An array in memory stays
    as it is.
    """
    mapping = _mapping(array)
    # The system writes what has changed.
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def gather(array: npt.NDArray[Any], positions: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """Return some rows of an array, anew, and release it.

    Args:
        array: in memory, or in a file.
        positions: `(n,)`, of the rows.
    """
    if _mapping(array) is None:
        return array.take(positions, axis=0)
    rows = np.empty((len(positions), *array.shape[1:]), array.dtype)
    for start in range(0, len(positions), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        rows[some] = array[positions[some]]
        release(array)
    return rows


def _mapping(array: npt.NDArray[Any]) -> mmap.mmap | None:
    """Return what an array in a file, or a part of one, is a view of; None: it is in memory."""
    base: object = array
    while base is not None:
        if isinstance(base, mmap.mmap):
            return base
        base = getattr(base, "base", None)
    return None
