"""How far long work has come: a bar on a terminal, a line every half minute elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 30.0
LINE = "{desc}: {n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left"


def progress(what: str, total: int, unit: str, done: int = 0) -> "tqdm[Any]":
    """Return the progress of some work, on stderr: a context, told of each step by `update(n)`.

    What is printed meanwhile goes through `say`, which keeps clear of a bar.

    Args:
        what: is being done.
        total: steps.
        unit: of the steps, in the plural.
        done: steps of an earlier run.
    """
    if sys.stderr.isatty():
        return tqdm(
            desc=what, total=total, unit=f" {unit}", initial=done, leave=False, dynamic_ncols=True
        )
    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}",
        initial=done,
        leave=False,
        file=Lines(),
        bar_format=LINE,
        delay=SECONDS_BETWEEN_LINES,
        mininterval=SECONDS_BETWEEN_LINES,
        # Steps may be far apart: whether a line is due is looked up at each.
        miniters=1,
    )


def say(line: str) -> None:
    """Print a line at once, clear of a bar."""
    with tqdm.external_write_mode():
        print(line, flush=True)


def counted(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    """Yield items, and show how many of them have come; arguments are those of `progress`."""
    with progress(what, total, unit) as bar:
        for item in items:
            yield item
            bar.update(1)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show for how long the block has run, where nothing tells how far it has come.

    On a terminal second by second, in place; elsewhere a line every half minute.

    Args:
        what: is being done.
    """
    # The block may drop what others write there.
    stream = sys.stderr
    terminal = stream.isatty()
    finished = Event()
    started = time.monotonic()

    def show() -> None:
        while not finished.wait(1.0 if terminal else SECONDS_BETWEEN_LINES):
            text = f"{what}: {time.monotonic() - started:.0f} s"
            print(f"\r{text}" if terminal else text, end="" if terminal else "\n", file=stream)
            stream.flush()

    shown = Thread(target=show, daemon=True)
    shown.start()
    try:
        yield
    finally:
        finished.set()
        shown.join()
        if terminal:
            print(f"\r{' ' * (len(what) + 10)}\r", end="", file=stream, flush=True)


class Lines:
    """A file for `tqdm` that writes to stderr line by line what it would draw in place."""

    def write(self, text: str) -> None:
        """Write what is not blank."""
        # Of bars below each other, tqdm moves a terminal's cursor between lines.
        line = text.replace("\x1b[A", "").strip()
        if line:
            print(line, file=sys.stderr)

    def flush(self) -> None:
        """Let lines be seen at once."""
        sys.stderr.flush()
