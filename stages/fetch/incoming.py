"""A temporary directory for what comes in, and the step that turns it into the stage's outputs."""

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stages.errors import InputError

#: Errors of the system around us: full or read-only disks, permissions, names too long.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ENVIRONMENT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG}


@contextmanager
def incoming_directory(data_dir: Path) -> Iterator[Path]:
    """Give a fresh `data_dir/.incoming`, removed at the end whatever happens.

    It stands beside the outputs, so that these can be moved into place by a rename. What a killed
    run left there is removed first.

    Raises:
        InputError: another fetch is at work here, or the disk is full or refuses access.
    """
    directory = data_dir / ".incoming"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(data_dir / ".incoming.lock", blocking=False):
            try:
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir()
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)
                (data_dir / ".incoming.lock").unlink(missing_ok=True)
    except Timeout:
        raise InputError(
            f"another fetch is at work in {data_dir.absolute()}; wait until it ends"
        ) from None
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(f"the disk of {data_dir} is full; free some space") from None
        if error.errno in _ENVIRONMENT:
            raise InputError(f"{error.filename}: {error.strerror}") from None
        raise


def require_free_space(directory: Path, size: int, what: str) -> None:
    """Check that `size` bytes of `what` fit on the disk of `directory`.

    Raises:
        InputError: they do not.
    """
    free = shutil.disk_usage(directory).free
    if size > free:
        raise InputError(
            f"{what} needs {_mib(size)} of disk space, but the disk of {directory} has "
            f"{_mib(free)} left; free some space"
        )


def publish(outputs: Iterable[tuple[Path, Path]], replaced_dir: Path) -> None:
    """Rename each `(finished, target)`: all of them or, after an error, none.

    What stood at a target goes to `replaced_dir`, on the same file system.
    """
    replaced_dir.mkdir()
    done: list[tuple[Path, Path]] = []
    try:
        for finished, target in outputs:
            moves = [(finished, target)]
            if target.exists():
                moves.insert(0, (target, replaced_dir / target.name))
            for source, destination in moves:
                source.rename(destination)
                done.append((source, destination))
    except BaseException:
        for source, destination in reversed(done):
            destination.rename(source)
        raise


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
