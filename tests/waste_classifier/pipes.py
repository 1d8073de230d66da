"""Photos that come through a pipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def piped(content: bytes) -> Iterator[str]:
    """Give the path of a pipe, as a shell's `<(…)` does."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as opened:
        opened.write(content)
    if not Path(f"/dev/fd/{reader}").exists():
        pytest.skip("no /dev/fd")
    yield f"/dev/fd/{reader}"
    os.close(reader)
