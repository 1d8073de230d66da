"""Whether the user's own photos and corrections stayed as they were while they were read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.fetch.names import shown
from waste_classifier.errors import InputError

#: Size in bytes and time of the last change in nanoseconds, by path.
Snapshot = dict[Path, tuple[int, int]]


@contextmanager
def unchanged(source: Path | None, key: str = "fetch.path") -> Iterator[None]:
    """Check at the end of the block that a file or folder is as it was at its start.

    DVC looks at it after the stage, and records what it sees.

    Args:
        source: None: nothing to check.
        key: of params.yaml, that names it.

    Raises:
        InputError: a file came, went or changed; the message names the first one.
    """
    before = _snapshot(source)
    try:
        yield
    except InputError:
        # What was found wrong may not be so before or after.
        _check(source, before, key)
        raise
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        _check(source, before, key)
        if source is None or not _is_within(error.filename, source):
            raise
        raise InputError(
            f"{key}: {shown(error.filename)}: can't be read ({error.strerror}); run again "
            "when it is there, this user may read it, and nothing writes there"
        ) from None
    _check(source, before, key)


def _check(source: Path | None, before: Snapshot, key: str) -> None:
    now = _snapshot(source)
    changed = sorted(
        file for file in before.keys() | now.keys() if before.get(file) != now.get(file)
    )
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"{key}: {shown(changed[0])}{others} changed while it was read; run "
            "again when nothing writes there"
        )


def _snapshot(source: Path | None) -> Snapshot:
    states: Snapshot = {}
    for file in _files(source) if source else ():
        # A link that leads nowhere has no times, nor has a file that has just gone.
        with suppress(OSError):
            state = file.stat()
            states[file] = (state.st_size, state.st_mtime_ns)
    return states


def _is_within(name: str | None, source: Path) -> bool:
    return name is not None and Path(name).is_relative_to(source)


def _files(source: Path) -> Iterator[Path]:
    """Yield a file, or all that stand in a folder or in a folder in it, however deep.

    That is what DVC looks at: what a link to a folder leads to is no part of it.
    """
    if source.is_file():
        yield source
    folders = [source] if source.is_dir() else []
    while folders:
        # A folder that has just gone shows as changed.
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry))
                else:
                    yield Path(entry)
