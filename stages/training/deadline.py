"""A deadline for code of other libraries that nothing of Python's can interrupt."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Its standard input ends when the process that it watches has no need of it any more, or is gone.
_WATCHER = """
import os, select, signal, sys
in_time, _, _ = select.select([sys.stdin], [], [], float(sys.argv[1]))
if not in_time:
    print(sys.argv[3], file=sys.stderr, flush=True)
    os.kill(int(sys.argv[2]), signal.SIGKILL)
"""


@contextmanager
def ended_after(seconds: float, message: str) -> Iterator[None]:
    """Kill this process, with a message on stderr, where a block of code takes longer.

    Another process does it: code that waits with Python's lock held lets no thread run and no
    handler of a signal.

    Args:
        seconds: that it may take.
        message: a line.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-IS", "-c", _WATCHER, str(seconds), str(os.getpid()), message],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the process that it watches
    )
    try:
        yield
    finally:
        watcher.communicate()
