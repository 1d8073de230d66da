"""How far a command has come: a bar on a terminal, nothing elsewhere."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import IO, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def counted(items: Iterable[T], unit: str) -> Iterator[T]:
    """Yield items, and show how many of them have come."""
    # None: only where stderr is a terminal.
    yield from tqdm(items, unit=f" {unit}", disable=None, leave=False)


def say(line: str, stream: IO[str] | None = None) -> None:
    """Print a line at once, clear of a bar, without what commands a terminal."""
    text = printable(line)
    target = sys.stdout if stream is None else stream
    encoding = getattr(target, "encoding", None) or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    with tqdm.external_write_mode(file=target):
        print(text, file=target, flush=True)


def printable(text: str) -> str:
    """Return a text without what commands a terminal, as a file name may hold; tabs stay."""
    return "".join(
        letter if letter.isprintable() or letter == "\t" else ascii(letter)[1:-1] for letter in text
    )


def drop_output() -> None:
    """Let nothing more be written to a standard output whose reader has left, not at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
