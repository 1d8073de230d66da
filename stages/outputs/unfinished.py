"""Work that a killed run has begun, for the next run that does the same work.

DVC deletes the outputs of a stage before it runs, so what is unfinished stands elsewhere: in
`data/.unfinished/<output>/<fingerprint>/`. The fingerprint covers all that the work depends on, so
that it never goes on from the beginnings of another.
"""

import hashlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from stages.outputs.whole import SCRATCH, disk_errors_explained
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.parallel import available_cores

PROJECT_PACKAGES = ("stages", "waste_classifier")
LIBRARIES = ("keras", "numpy", "pillow", "scikit-learn", "scipy", "tensorflow")


@contextmanager
def only_run(directory: Path, what: str) -> Iterator[Path]:
    """Give a folder for unfinished work, to one process at a time.

    The system frees the lock if that process dies.

    Args:
        directory: made if it is missing.
        what: of the work, for the message: `training`.

    Raises:
        InputError: another process holds it, or the disk refuses to be written.
    """
    with disk_errors_explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"another {what} runs in this workspace ({_holder(lock)}); wait for it or stop it, "
                "then run again. Queued experiments run beside each other: dvc exp run --queue"
            ) from None
    try:
        Path(lock.lock_file).write_text(f"{os.getpid()}\n", encoding="ascii")
        yield directory
    finally:
        lock.release()


def scratch_folder(directory: Path) -> Path:
    """Return an empty folder for what no later run can go on with.

    What a killed run left there is deleted, by the next stage of any kind.

    Args:
        directory: of `only_run`.
    """
    folder = directory / SCRATCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _holder(lock: FileLock) -> str:
    file = Path(lock.lock_file)
    with suppress(OSError, ValueError):
        return f"process {int(file.read_text(encoding='ascii'))} holds {file}"
    return f"a process holds {file}"


def folder_of(directory: Path, name: str) -> Path:
    """Return the folder of one work, made if it is missing; those of others are deleted.

    Nobody may come back to what was given up.

    Args:
        directory: of `only_run`.
        name: as of `fingerprint`.
    """
    folder = directory / name
    with disk_errors_explained(folder):
        for other in directory.iterdir():
            if other.is_dir() and other != folder:
                shutil.rmtree(other)
        folder.mkdir(exist_ok=True)
    return folder


def fingerprint(settings: str, inputs: Iterable[Path]) -> str:
    """Return a name for all that a work depends on: 16 hexadecimal digits of a SHA-256.

    That is the project's code that this process has imported, the versions of libraries, the number
    of cores, among which sums are shared out, and:

    Args:
        settings: parameters, as text.
        inputs: files, by name and content.

    Raises:
        InputError: one of them is missing.
    """
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    code = [f"{name} {sha256_of(file)}" for name, file in sorted(imported_code().items())]
    files = [f"{path.as_posix()} {_checksum_of(path)}" for path in sorted(inputs)]
    described = "\n".join([settings, f"{available_cores()} cores", *versions, *code, *files])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _checksum_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None


def imported_code() -> Mapping[str, Path]:
    """Return the files of the project's modules that this process has imported, by their names."""
    # Of a module that is run, `__main__` is the name, but not that of its spec.
    specs = [
        spec for module in list(sys.modules.values()) if (spec := getattr(module, "__spec__", None))
    ]
    return {
        spec.name: Path(spec.origin)
        for spec in specs
        if spec.name.partition(".")[0] in PROJECT_PACKAGES and spec.has_location and spec.origin
    }
