"""Whether the user's own photos stayed as they were while they were read."""

import os
from collections.abc import Iterator
from pathlib import Path

from waste_classifier.errors import InputError

#: Size in bytes and time of the last change in nanoseconds, by path.
Snapshot = dict[Path, tuple[int, int]]


def snapshot(source: Path) -> Snapshot:
    """Return what tells one state of a file, or of all files below a folder, from another."""
    states = ((file, file.stat()) for file in _files(source))
    return {file: (state.st_size, state.st_mtime_ns) for file, state in states}


def check_unchanged(source: Path, before: Snapshot) -> None:
    """Check that a source is as it was: DVC looks at it after the stage, and records what it sees.

    Raises:
        InputError: a file came, went or changed; the message names the first one.
    """
    now = snapshot(source)
    changed = sorted(
        file for file in before.keys() | now.keys() if before.get(file) != now.get(file)
    )
    if changed:
        raise InputError(
            f"fetch.path: {changed[0]} changed while it was read ({len(changed)} files did); run "
            "again when nothing writes there"
        )


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    for folder, _, names in os.walk(source, followlinks=True):
        for name in names:
            file = Path(folder, name)
            # A link that leads nowhere has no times; a photo that is one is refused elsewhere.
            if file.is_file():
                yield file
