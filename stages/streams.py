"""Standard streams on which nothing that a stage prints can stop its work."""

import io
import os
import sys
from typing import Any


class _TolerantFile(io.FileIO):
    """A file that drops words where it can't take them."""

    def write(self, content: Any) -> int:
        """Write bytes and return how many were taken."""
        try:
            taken = super().write(content)
        except OSError:
            taken = None
        # None too where it would have to wait, but may not (`O_NONBLOCK`).
        return len(content) if taken is None else taken


def tolerate_readers() -> None:
    """Let standard output and standard error fail no work.

    A reader may leave (`dvc repro | head -1`), a log be on a full disk, or a terminal take fewer
    characters than a label has (`PYTHONIOENCODING=ascii`).
    """
    for name in ("stdout", "stderr"):
        stream, original = getattr(sys, name), getattr(sys, f"__{name}__")
        if stream is None:
            # It was closed from the start (`2>&-`).
            setattr(
                sys,
                name,
                os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", errors="backslashreplace"),
            )
            continue
        # DVC wraps both as soon as it is imported, to colour them.
        if type(stream).__module__.startswith("colorama."):
            stream = original
        # Not what a test or a notebook reads from.
        if isinstance(stream, io.TextIOWrapper) and stream is original:
            stream.flush()
            tolerant = io.TextIOWrapper(
                io.BufferedWriter(_TolerantFile(stream.fileno(), "w", closefd=False)),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
            )
            setattr(sys, name, tolerant)
