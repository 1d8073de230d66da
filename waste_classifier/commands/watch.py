"""`watch`: decides on photos as they come, in a folder that fills or in a stream of JPEGs."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from waste_classifier.classifier import Classifier
from waste_classifier.commands.photos import is_photo
from waste_classifier.commands.predict import line_of
from waste_classifier.commands.progress import say
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import Readable

#: How often a folder is looked at, seconds.
PAUSE = 0.02
#: A file that did not change for so long is whole, seconds.
SETTLED = 0.05
#: How a JPEG begins and ends.
BEGIN, END = b"\xff\xd8\xff", b"\xff\xd9"
#: Bytes of a frame that has no end.
MOST_BYTES = 64 * 2**20


class Frame(NamedTuple):
    """A photo of a stream."""

    name: str
    content: bytes

    def __str__(self) -> str:
        """Return what errors call it."""
        return self.name

    def read_bytes(self) -> bytes:
        """Return its content."""
        return self.content


def watch(folder: Path, source: str, seconds: float | None) -> int:
    """Print what a classifier says of each photo, and how long it took.

    Args:
        folder: of the classifier.
        source: a folder, or `-` for JPEGs one after the other on standard input, as `ffmpeg -f
            mjpeg -` writes them.
        seconds: after which it ends; None: when the stream does, or never.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: the classifier is damaged, or the folder is not there.
    """
    classifier = Classifier.load_whole(folder)
    if source != "-" and not Path(source).is_dir():
        raise InputError(f"{source}: no such folder; expected one, or - for standard input")
    # The first answer takes longer.
    size = classifier.image_size
    classifier.decide([np.zeros((size, size, 3), np.uint8)])
    photos = frames(sys.stdin.buffer) if source == "-" else arrivals(Path(source))
    ends = None if seconds is None else time.monotonic() + seconds
    unread = 0
    say("watching", sys.stderr)
    for photo in photos:
        if photo is not None:
            started = time.perf_counter()
            try:
                answer = classifier.decide([photo])[0]
                took = (time.perf_counter() - started) * 1000
                say(f"{line_of(str(photo), answer)}\t{took:.0f} ms")
            except PhotoError as error:
                unread += 1
                say(f"error: {error}", sys.stderr)
        if ends is not None and time.monotonic() > ends:
            break
    return 1 if unread else 0


def arrivals(folder: Path) -> Iterator[Path | None]:
    """Yield each photo that comes into a folder, once it is whole; None where none has come.

    Those that are there already are not looked at.
    """
    known = {file.name for file in folder.iterdir()}
    waiting: dict[str, tuple[int, float]] = {}
    while True:
        for file in sorted(folder.iterdir()):
            if file.name in known or not is_photo(file.name) or not file.is_file():
                continue
            size, now = file.stat().st_size, time.monotonic()
            before, since = waiting.get(file.name, (-1, now))
            if size != before:
                waiting[file.name] = size, now
            elif now - since >= SETTLED:
                known.add(file.name)
                del waiting[file.name]
                yield file
        yield None
        time.sleep(PAUSE)


def frames(stream: IO[bytes]) -> Iterator[Readable]:
    """Yield the JPEGs of a stream that holds one after the other.

    Raises:
        InputError: it holds something else.
    """
    held, number = b"", 0
    read = getattr(stream, "read1", stream.read)
    while content := read(65_536):
        held += content
        while True:
            begin = held.find(BEGIN)
            end = held.find(END, begin + len(BEGIN)) if begin >= 0 else -1
            # A preview within a JPEG ends before the JPEG does: what follows begins another one.
            while end >= 0 and len(held) >= end + 4 and held[end + 2 : end + 4] != BEGIN[:2]:
                end = held.find(END, end + 2)
            if end < 0 or len(held) < end + 4:
                break
            number += 1
            yield Frame(f"frame {number}", held[begin : end + 2])
            held = held[end + 2 :]
        if len(held) > MOST_BYTES:
            raise InputError("standard input: no JPEG begins and ends there; expected JPEGs")
    begin = held.find(BEGIN)
    if begin >= 0:
        yield Frame(f"frame {number + 1}", held[begin:])
    elif number == 0:
        raise InputError("standard input: no JPEG in it; `ffmpeg -i CAMERA -f mjpeg -` writes them")
