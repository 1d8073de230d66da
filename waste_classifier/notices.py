"""Keeps the start-up notices of TensorFlow and LiteRT from the user."""

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

# Of severity info, as `I0000 00:00:1795640979.933128 27312 port.cc:153] oneDNN …`, with what such
# a notice says in further lines.
NOTICE = re.compile(
    rb"I\d{4} \d\d:\d\d:|WARNING: All log messages before absl::InitializeLog|"
    rb"To enable the following instructions:|To turn them off, set|"
    rb"INFO: Created TensorFlow Lite"
)
#: Two who drop notices at once would keep each other's file for the real one.
_dropping = Lock()


@contextmanager
def without_notices() -> Iterator[None]:
    """Drop notices of C++ code that come meanwhile; what else it writes is passed on at the end.

    They are written to the file descriptor, whatever the level of logging: Python sees none.
    """
    try:
        # Not `sys.stderr`, which may be another one by now.
        stderr = sys.__stderr__
        descriptor = stderr.fileno()  # type: ignore[union-attr]
    # There is none.
    except (AttributeError, OSError, io.UnsupportedOperation):
        yield
        return
    assert stderr is not None
    with _dropping, _held() as caught:
        stderr.flush()
        kept = os.dup(descriptor)
        os.dup2(caught.fileno(), descriptor)
        try:
            yield
        finally:
            stderr.flush()
            os.dup2(kept, descriptor)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not NOTICE.match(line):
                    os.write(descriptor, line)


def _held() -> IO[bytes]:
    """Return a file for what comes meanwhile, which is lost where no folder may be written."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")
