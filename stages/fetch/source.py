"""Whether the user's own photos stayed as they were while they were read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waste_classifier.errors import InputError

#: Size in bytes and time of the last change in nanoseconds, by path.
Snapshot = dict[Path, tuple[int, int]]


@contextmanager
def unchanged(source: Path | None) -> Iterator[None]:
    """Check at the end of the block that a file or folder is as it was at its start.

    DVC looks at it after the stage, and records what it sees.

    Args:
        source: None: nothing to check.

    Raises:
        InputError: a file came, went or changed; the message names the first one.
    """
    before = _snapshot(source)
    try:
        yield
    except FileNotFoundError:
        _check(source, before)
        raise
    _check(source, before)


def _check(source: Path | None, before: Snapshot) -> None:
    now = _snapshot(source)
    changed = sorted(
        file for file in before.keys() | now.keys() if before.get(file) != now.get(file)
    )
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"fetch.path: {changed[0]}{others} changed while it was read; run again when nothing "
            "writes there"
        )


def _snapshot(source: Path | None) -> Snapshot:
    states: Snapshot = {}
    for file in _files(source) if source else ():
        # A link that leads nowhere has no times, nor has a file that has just gone.
        with suppress(OSError):
            state = file.stat()
            states[file] = (state.st_size, state.st_mtime_ns)
    return states


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    for folder, _, names in os.walk(source, followlinks=True):
        yield from (Path(folder, name) for name in names)
