"""Keeps the start-up notices of TensorFlow and LiteRT from the user."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
# Of severity info, as `I0000 00:00:1795640979.933128 27312 port.cc:153] oneDNN …`, with what such
# a notice says in further lines.
NOTICE = re.compile(
    rb"I\d{4} \d\d:\d\d:|WARNING: All log messages before absl::InitializeLog|"
    rb"To enable the following instructions:|To turn them off, set|"
    rb"INFO: Created TensorFlow Lite"
)


@contextmanager
def without_notices() -> Iterator[None]:
    """Drop notices of C++ code that come meanwhile; what else it writes is passed on at the end.

    They are written to the file descriptor, whatever the level of logging: Python sees none.
    """
    sys.stderr.flush()
    terminal = os.dup(STDERR)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, STDERR)
            os.close(terminal)
            caught.seek(0)
            for line in caught:
                if not NOTICE.match(line):
                    os.write(STDERR, line)
