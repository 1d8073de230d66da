"""A file or folder that appears whole or not at all, whenever its stage fails or is killed.

It grows in `.unfinished/` beside its place, which neither git nor DVC looks at, and is moved there
when it is whole.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from waste_classifier.errors import InputError

UNFINISHED = ".unfinished"
#: In it, beside the lock of a work: a folder for what no later run can go on with.
SCRATCH = "scratch"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: What helps, by what the system refuses.
_REFUSED = {
    errno.EACCES: "let this user read and write it",
    errno.EPERM: "let this user read and write it",
    errno.EROFS: "allow writing to that disk",
    errno.EIO: "check that disk",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ENOTDIR: "a file stands where a folder should; move it away",
    errno.EEXIST: "a file stands where a folder should; move it away",
    errno.EISDIR: "a folder stands where a file should; move it away",
}
#: Of these, reading may be what is refused.
_READING = {errno.EACCES, errno.EPERM, errno.EISDIR}


@contextmanager
def disk_errors_explained(target: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises into one message.

    Args:
        target: what is being written.

    Raises:
        InputError: the disk is full, or refuses to be written.
    """
    try:
        yield
    except OSError as error:
        message = explain_disk_error(error, target)
        if message is None:
            raise
        raise InputError(message) from None


def explain_disk_error(error: OSError, target: Path | None = None) -> str | None:
    """Say what a full or read-only disk means for the user; None for another error."""
    if error.errno in _FULL:
        # A failed write names no file.
        name = target or error.filename
        what = f"{name}: no room to write it" if name else "no room to write"
        return f"{what} ({error.strerror}); free some space and run again"
    if error.errno in _REFUSED:
        # Of a move, the second name is where to.
        name = error.filename2 or error.filename or target or "a file"
        # Of a file elsewhere, or where nothing is said to be written, it may be the reading.
        writes = target is not None and Path(name).is_relative_to(target.parent)
        refused = "opened" if error.errno in _READING and not writes else "written"
        return f"{name}: can't be {refused} ({error.strerror}); {_REFUSED[error.errno]}"
    return None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a file to be written, which replaces `path` at the end of the block.

    An error within the block leaves `path` as it was.

    Raises:
        InputError: the disk is full or refuses to be written.
    """
    with _unfinished(path) as unfinished:
        try:
            yield unfinished
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def whole_text(path: Path) -> Iterator[IO[str]]:
    r"""Open a text file for writing, UTF-8 with `\n` line ends; otherwise as `whole_file`."""
    with whole_file(path) as file, file.open("w", encoding="utf-8", newline="") as opened:
        yield opened


@contextmanager
def whole_folder(directory: Path) -> Iterator[Path]:
    """Give an empty folder that replaces `directory` at the end of the block.

    An error within the block leaves `directory` as it was. What a killed run left is removed.

    Raises:
        InputError: the disk is full or refuses to be written.
    """
    with _unfinished(directory) as unfinished:
        _remove(unfinished)
        try:
            unfinished.mkdir()
            yield unfinished
            replace_folder(directory, unfinished)
        finally:
            _remove(unfinished)


def replace_folder(directory: Path, finished: Path) -> None:
    """Move a finished folder to its place, removing what stood there."""
    # What a run that was killed was writing in it.
    shutil.rmtree(finished / UNFINISHED, ignore_errors=True)
    _remove(directory)
    finished.replace(directory)


def remove_leftovers(unfinished_dir: Path = Path("data") / UNFINISHED) -> None:
    """Delete what killed runs left in their scratch folders; those of runs at work stay.

    DVC may take the outputs of the stage that was killed from its cache, and never run it again.
    """
    from filelock import FileLock, Timeout

    for folder in unfinished_dir.glob(f"*/{SCRATCH}"):
        with suppress(OSError, Timeout), FileLock(folder.parent / "lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    folder = path.parent / UNFINISHED
    with disk_errors_explained(path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder / f"{path.name}.new"
        finally:
            with suppress(OSError):  # not empty: something else is unfinished
                folder.rmdir()


def _remove(directory: Path) -> None:
    if directory.is_dir() and not directory.is_symlink():
        shutil.rmtree(directory)
    else:
        directory.unlink(missing_ok=True)
