"""The state of an unfinished training: all that it needs to go on as if it had never stopped."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from stages.outputs.whole import whole_file

FILE_NAME = "checkpoint.npz"

Weights = list[npt.NDArray[Any]]


@dataclass
class Progress:
    """How far a training has come, in finished epochs."""

    phase: int = 0
    phase_epoch: int = 0  #: finished epochs of this phase
    history: list[dict[str, float]] = field(default_factory=list)  #: one entry per epoch
    best_epoch: int = -1  #: index into history, or -1
    epochs_without_better: int = 0  #: in this phase


@dataclass
class Checkpoint:
    """All that a training needs to go on as if it had never stopped."""

    progress: Progress
    weights: Weights
    optimizer: Weights
    best_weights: Weights


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `directory`; a kill at any point leaves the old or the new one.

    Raises:
        InputError: the disk is full or not writable.
    """
    with whole_file(directory / FILE_NAME) as unfinished, unfinished.open("wb") as file:
        write(file, checkpoint)
        file.flush()
        os.fsync(file.fileno())


def write(file: IO[bytes], checkpoint: Checkpoint) -> None:
    """Write a checkpoint to a binary file."""
    lists = {kind: getattr(checkpoint, kind) for kind in ("weights", "optimizer", "best_weights")}
    arrays = {
        f"{kind}_{index}": array
        for kind, list_of_kind in lists.items()
        for index, array in enumerate(list_of_kind)
    }
    # An archive has a checksum of each array, but none of which arrays there are.
    counts = {kind: len(list_of_kind) for kind, list_of_kind in lists.items()}
    described = json.dumps({"progress": asdict(checkpoint.progress), "counts": counts})
    np.savez(file, described=described, **arrays)


def load(directory: Path) -> Checkpoint | None:
    """Return the checkpoint in `directory`, or None where there is none or a damaged one."""
    path = directory / FILE_NAME
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            return read(file)
    # Damaged archives make zipfile and NumPy raise anything: NotImplementedError, RuntimeError.
    except Exception as error:
        print(f"{path}: damaged ({error}); the training starts anew", file=sys.stderr)
        return None


def read(file: IO[bytes]) -> Checkpoint:
    """Read what `write` has written."""
    with np.load(file) as arrays:
        described = json.loads(str(arrays["described"]))
        return Checkpoint(
            Progress(**described["progress"]),
            **{
                kind: [arrays[f"{kind}_{index}"] for index in range(count)]
                for kind, count in described["counts"].items()
            },
        )
