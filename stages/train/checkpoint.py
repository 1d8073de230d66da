"""State of an unfinished training, outside the outputs of the stage, and the lock on it.

DVC deletes the outputs of a stage before it runs, so what an interrupted training left must stand
elsewhere: in `.train/<fingerprint>/`. The fingerprint covers all that the training depends on, so
that a training never resumes from the state of another.
"""

import hashlib
import json
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt

from stages.errors import InputError

STATE_DIR = Path(".train")
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


@contextmanager
def only_trainer(directory: Path = STATE_DIR) -> Iterator[None]:
    """Hold the lock of this workspace while training; the system frees it if the process dies.

    Raises:
        InputError: another training holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(directory / "lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError(
            f"another training runs in this workspace (it holds {directory / 'lock'}); wait for "
            "it or stop it, then run again. Queued experiments run beside each other: "
            "dvc exp run --queue"
        ) from None
    try:
        yield
    finally:
        lock.release()


def fingerprint(settings: str, files: Iterable[Path]) -> str:
    """Return a name for all that a training depends on: 16 hexadecimal digits of a SHA-256.

    Args:
        settings: parameters and versions of libraries, as text.
        files: code and inputs, by name and content.
    """
    digest = hashlib.sha256(settings.encode())
    for path in sorted(files):
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"\n{path.as_posix()} {checksum}".encode())
    return digest.hexdigest()[:16]


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `directory`; a kill at any point leaves the old or the new one.

    Raises:
        InputError: the disk is full or not writable.
    """
    directory.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{kind}_{index}": array
        for kind in ("weights", "optimizer", "best_weights")
        for index, array in enumerate(getattr(checkpoint, kind))
    }
    temporary = directory / "checkpoint.tmp"
    try:
        with temporary.open("wb") as file:
            np.savez(file, progress=json.dumps(asdict(checkpoint.progress)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(
            f"{directory / FILE_NAME}: can't be written ({error.strerror}); make room on this disk "
            "and run again: the training goes on where it was"
        ) from None


def load(directory: Path) -> Checkpoint | None:
    """Return the checkpoint in `directory`, or None where there is none or a damaged one."""
    path = directory / FILE_NAME
    if not path.exists():
        return None
    try:
        return _read(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        print(f"{path}: damaged ({error}); the training starts anew", file=sys.stderr)
        return None


def delete(directory: Path) -> None:
    """Delete the checkpoint of a finished training."""
    shutil.rmtree(directory, ignore_errors=True)


def delete_others(directory: Path) -> None:
    """Delete the checkpoints of other trainings: nobody may come back to what was given up."""
    for other in directory.parent.iterdir():
        if other.is_dir() and other != directory:
            delete(other)


def _read(path: Path) -> Checkpoint:
    with np.load(path) as arrays:
        counts = {
            kind: sum(name.rpartition("_")[0] == kind for name in arrays.files)
            for kind in ("weights", "optimizer", "best_weights")
        }
        return Checkpoint(
            Progress(**json.loads(str(arrays["progress"]))),
            **{
                kind: [arrays[f"{kind}_{index}"] for index in range(count)]
                for kind, count in counts.items()
            },
        )
