"""A file or folder of a user's that appears whole or not at all, however its writing ends.

It grows beside its place, as `.NAME.new`, and is moved there when it is whole. Of several runs that
would write one file at once, the first one may.
"""

import fcntl
import io
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from waste_classifier.errors import InputError

#: What an error says to do where its caller knows nothing better.
ANOTHER_NAME = "free some space, let this user write there, or name another place"
#: File descriptor of the standard output.
_OUTPUT = 1


@contextmanager
def whole_file(path: Path, advice: str = ANOTHER_NAME) -> Iterator[IO[bytes]]:
    """Open a file for writing, which takes the place of `path` at the end of the block.

    An error within the block leaves `path` as it was. What a killed run left is taken over. What is
    no file on a disk (`is_stream`) is written to where it is, as it comes.

    Args:
        path: of the file; a link to one stays a link.
        advice: how to mend it, for an error.

    Raises:
        InputError: it can't be opened or finished, or another run is writing it. What the block
            writes may fail too, which `refusals_explained` turns into the same.
        BrokenPipeError: the reader of a stream has left.
    """
    if is_stream(path):
        with _stream(path, advice) as opened:
            yield opened
        return
    with refusals_explained(path, advice):
        unfinished = _unfinished_file(path)
        lock = _open_alone(unfinished, path, _open_file)
        # The lock holds until the last of both is closed.
        opened = os.fdopen(os.dup(lock), "wb")
    moved = False
    try:
        yield opened
        with refusals_explained(path, advice):
            opened.close()
            unfinished.replace(_place(path))
            moved = True
    finally:
        with suppress(OSError):  # of a full disk, again
            opened.close()
        if not moved:  # else what has the name by now is another run's
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(lock)


@contextmanager
def whole_text(path: Path, advice: str = ANOTHER_NAME, errors: str = "strict") -> Iterator[IO[str]]:
    r"""Open a text file for writing, UTF-8 with `\n` line ends; otherwise as `whole_file`.

    Args:
        path: as of `whole_file`.
        advice: as of `whole_file`.
        errors: what becomes of letters that are no text, as of `open`.
    """
    with whole_file(path, advice) as opened:
        # Who reads a stream gets each line as it comes. Nothing is held back here, where closing
        # the file underneath would lose it.
        text = io.TextIOWrapper(
            opened,
            encoding="utf-8",
            errors=errors,
            newline="",
            line_buffering=is_stream(path),
            write_through=True,
        )
        yield text


@contextmanager
def whole_folder(path: Path, advice: str = ANOTHER_NAME) -> Iterator[Path]:
    """Give an empty folder, which is moved to `path`, where nothing is, at the end of the block.

    An error within the block leaves nothing. What a killed run left is taken over, emptied.

    Args:
        path: of the new folder.
        advice: as of `whole_file`.

    Raises:
        InputError: it can't be made or moved, or another run is writing it.
    """
    unfinished = path.with_name(f".{path.name}.new")
    with refusals_explained(path, advice):
        lock = _open_alone(unfinished, path, _open_folder)
    moved = False
    try:
        yield unfinished
        with refusals_explained(path, advice):
            unfinished.rename(path)
            moved = True
    finally:
        if not moved:  # else what has the name by now is another run's
            shutil.rmtree(unfinished, ignore_errors=True)
        with suppress(OSError):
            os.close(lock)


def check_writable(path: Path, advice: str = ANOTHER_NAME) -> None:
    """Find out, before work that would be in vain, whether `whole_file` could begin.

    Raises:
        InputError: it could not.
    """
    if is_stream(path):
        return
    with refusals_explained(path, advice):
        unfinished = _unfinished_file(path)
        lock = _open_alone(unfinished, path, _open_file)
        try:
            unfinished.unlink()
        finally:
            os.close(lock)


@contextmanager
def others_wait(path: Path) -> Iterator[None]:
    """Let other processes wait before such a block on the same file, which is read and rewritten.

    What is locked is its folder, so that no file is left behind. Where that can't be, nobody waits.
    """
    folder = None
    try:
        with suppress(OSError):  # not there or not to be read, or a file system without locks
            folder = os.open(_place(path).parent, os.O_RDONLY)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        if folder is not None:
            os.close(folder)


@contextmanager
def refusals_explained(path: Path, advice: str = ANOTHER_NAME) -> Iterator[None]:
    """Turn what the system refuses within the block into one message.

    Args:
        path: what is being written.
        advice: how to mend it.

    Raises:
        InputError: it can't be written.
    """
    try:
        yield
    # No mistake: the reader has left.
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"{path}: can't be written ({why}); {advice}") from None


def is_stream(path: Path) -> bool:
    """Return whether a path is the standard output, a pipe or a device, which nothing replaces."""
    try:
        mode = path.stat().st_mode
    except OSError:  # not there
        return False
    return is_standard_output(path) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_standard_output(path: Path) -> bool:
    """Return whether a path leads to where the standard output goes, a file perhaps."""
    try:
        return os.path.samestat(path.stat(), os.fstat(_OUTPUT))
    except OSError:  # not there, or closed
        return False


@contextmanager
def _stream(path: Path, advice: str) -> Iterator[IO[bytes]]:
    with refusals_explained(path, advice):
        if is_standard_output(path):
            sys.stdout.flush()
            # Opened anew, it would begin at the start of the file that it goes to.
            opened: IO[bytes] = os.fdopen(os.dup(_OUTPUT), "wb")
        else:
            opened = path.open("wb")
    try:
        yield opened
        with refusals_explained(path, advice):
            opened.close()
    finally:
        with suppress(OSError):
            opened.close()


def _unfinished_file(path: Path) -> Path:
    """Return where a file grows.

    Raises:
        InputError: the path is none of a file.
    """
    if not path.name:
        raise InputError(f"{path}: no name of a file; name one")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file, which may be in it")
    place = _place(path)
    return place.with_name(f".{place.name}.new")


def _open_alone(unfinished: Path, path: Path, open_anew: Callable[[Path], int]) -> int:
    """Open a file or folder that grows, and keep other runs out until its descriptor is closed.

    It is empty. A file system without locks keeps no other run out.

    Args:
        unfinished: the file or folder.
        path: that it grows for.
        open_anew: opens it, which makes it where it is not there.

    Raises:
        InputError: another run has it open.
        OSError: it can't be opened.
    """
    while True:
        descriptor = open_anew(unfinished)
        try:
            if _lock(descriptor, unfinished, path):
                _empty(unfinished)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open_file(unfinished: Path) -> int:
    return os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o666)


def _open_folder(unfinished: Path) -> int:
    unfinished.mkdir(exist_ok=True)
    return os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY)


def _empty(unfinished: Path) -> None:
    if not unfinished.is_dir():
        os.truncate(unfinished, 0)
        return
    for part in unfinished.iterdir():
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()


def _lock(descriptor: int, unfinished: Path, path: Path) -> bool:
    """Lock an open file or folder, where that can be; False: it has lost its name until then.

    Args:
        descriptor: of the file.
        unfinished: its name.
        path: that it grows for.

    Raises:
        InputError: another run has locked it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{path}: another run is writing it; wait for it, or name another place"
        ) from None
    except OSError:
        return True
    # Another run may have moved it between the opening and the lock.
    try:
        return os.path.samestat(os.fstat(descriptor), unfinished.stat())
    except FileNotFoundError:
        return False


def _place(path: Path) -> Path:
    """Return where a file is: a link stays, and what it leads to is written anew."""
    return Path(os.path.realpath(path))
