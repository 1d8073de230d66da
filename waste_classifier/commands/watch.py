"""`watch`: decides on photos as they come, in a folder that fills or in a stream of JPEGs."""

import os
import select
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from waste_classifier.classifier import Classifier
from waste_classifier.commands.photos import (
    EXTENSIONS,
    Frame,
    is_folder,
    is_hidden,
    is_photo,
    kind_of,
    say_unread,
)
from waste_classifier.commands.predict import line_of
from waste_classifier.commands.progress import say
from waste_classifier.errors import InputError
from waste_classifier.images import MAX_PIXELS, Readable

#: How often a folder is looked at, seconds.
PAUSE = 0.02
#: How often photos that were decided on are looked at, seconds: one may be written anew. To look
#: at thousands each time would keep a core busy.
AGAIN = 1.0
#: A file that did not change for so long is whole, seconds; a JPEG is as soon as it has its end.
SETTLED = 0.05
#: What did not change for so long and is no whole file is damaged, seconds: a network may pause.
GIVEN_UP = 2.0
#: Of a JPEG: its first marker, this and what follows, and the second byte of its last marker.
START, BEGIN, END = b"\xff\xd8", b"\xff\xd8\xff", 0xD9
#: Second bytes of markers that no length follows: of packed pixels, and restarts.
WITHOUT_LENGTH = (0x00, 0x01, *range(0xD0, 0xD8))
#: Bytes of a frame that has no end.
MOST_BYTES = 64 * 2**20


class Version(NamedTuple):
    """What differs where a file is written anew."""

    inode: int
    size: int  #: bytes
    changed: int  #: nanoseconds since 1970


class Waiting(NamedTuple):
    """A file that may not be whole yet."""

    version: Version
    whole_at: float  #: time of `time.monotonic` from which on it is, if it stays as it is


def watch(folder: Path, source: str, seconds: float | None, max_pixels: int = MAX_PIXELS) -> int:
    """Print what a classifier says of each photo, and how long it took.

    Args:
        folder: of the classifier.
        source: a folder, or `-` for JPEGs one after the other on standard input, as `ffmpeg -q:v 2
            -f mjpeg -` writes them.
        seconds: after which it ends; None: when the stream does, or never.
        max_pixels: width x height of the largest photo accepted.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: the classifier is damaged, or the folder is not there.
    """
    if source == "-" and sys.stdin is None:
        raise InputError("standard input is closed; give a folder, or send JPEGs")
    classifier = Classifier.load_whole(folder)
    if source != "-" and not is_folder(Path(source)):
        raise InputError(f"{source}: no such folder; expected one, or - for standard input")
    # The first answer takes longer.
    size = classifier.image_size
    classifier.decide([np.zeros((size, size, 3), np.uint8)])
    ends = None if seconds is None else time.monotonic() + seconds
    photos: Iterator[Readable | None]
    if source == "-":
        photos = frames(sys.stdin.buffer, ends)
    else:
        photos = arrivals(Path(source), versions(Path(source), inodes(Path(source))))
    unread = 0
    say("watching", sys.stderr)
    for photo in photos:
        if photo is not None:
            started = time.perf_counter()
            try:
                answer = classifier.decide([photo], max_pixels=max_pixels)[0]
                took = (time.perf_counter() - started) * 1000
                say(f"{line_of(str(photo), answer)}\t{took:.0f} ms")
            # Also where there is no memory for the pixels of this one.
            except InputError as error:
                unread += 1
                say_unread(error)
        if ends is not None and time.monotonic() > ends:
            break
    return 1 if unread else 0


def arrivals(folder: Path, known: Mapping[str, Version]) -> Iterator[Path | None]:
    """Yield each photo that comes into a folder, once it is whole; None where none has come.

    Args:
        folder: that is looked at.
        known: `versions` of the photos that are not to be looked at; one that is written anew is,
            within about `AGAIN`, and at once where another file takes its place.

    Raises:
        InputError: the folder can't be read any more.
    """
    known = dict(known)
    waiting: dict[str, Waiting] = {}
    said: set[str] = set()
    listed = inodes(folder)
    come, again = set(listed), time.monotonic() + AGAIN
    while True:
        now = time.monotonic()
        due = come | waiting.keys()
        if now >= again:
            due, again = set(listed), now + AGAIN
        found = versions(folder, due)
        for name in due:
            if known.get(name) != found.get(name):
                known.pop(name, None)
            if name in waiting and waiting[name].version != found.get(name):
                del waiting[name]
        for name in sorted(name for name in found if name not in known):
            file = folder / name
            if name not in waiting:
                waiting[name] = Waiting(found[name], now + seconds_to_settle(file))
            if now >= waiting[name].whole_at:
                # It may have grown since it was found; what is decided on is what it is now.
                known[name] = version_now(file, found[name])
                del waiting[name]
                yield file
                # Whoever copies a file may give it the time of the first one in the end, which is
                # an earlier one; what is written over it has a later one.
                later = version_now(file, known[name])
                if later._replace(changed=0) == known[name]._replace(changed=0):
                    known[name] = min(later, known[name])
        yield None
        time.sleep(PAUSE)
        before, listed = listed, inodes(folder)
        come = {name for name, _ in listed.items() - before.items()} if listed != before else set()
        said |= say_kinds(folder, come, said)
        if come or len(listed) < len(before):
            for name in before.keys() - listed.keys():
                known.pop(name, None)
                waiting.pop(name, None)


def inodes(folder: Path) -> dict[str, int]:
    """Return what is in a folder by name, each with what changes where another takes its place.

    That is as the folder says, which a look at the file itself (`Version`) need not agree with.

    Raises:
        InputError: the folder can't be read.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.inode() for entry in entries}
    except OSError as error:
        raise InputError(
            f"{folder}: can't be read ({error.strerror}); bring it back, or let this user read it, "
            "and start anew"
        ) from None


def say_kinds(folder: Path, names: Iterable[str], said: set[str]) -> set[str]:
    """Say on standard error which kinds of new files are not looked at.

    Args:
        folder: that they are in.
        names: of the files, and of what else there is.
        said: kinds that were said before.

    Returns:
        Kinds that were said now.
    """
    kinds: dict[str, str] = {}
    for name in sorted(names):
        file = folder / name
        if not is_photo(name) and not is_hidden(name) and version_of_file(file) is not None:
            kinds.setdefault(kind_of(name), name)
    for kind in kinds.keys() - said:
        say(
            f"not looked at: {kinds[kind]}, nor what else is {kind}; photos are "
            f"{', '.join(EXTENSIONS)}",
            sys.stderr,
        )
    return set(kinds)


def versions(folder: Path, names: Iterable[str]) -> dict[str, Version]:
    """Return those of some names that are photos, and what tells a file that is written anew.

    Args:
        folder: that they are in.
        names: of files, and of what else there is; some may have left.
    """
    of_photos = {name: version_of_file(folder / name) for name in names if is_photo(name)}
    return {name: version for name, version in of_photos.items() if version is not None}


def version_of_file(file: Path) -> Version | None:
    """Return the version of a file; None where it is none, or can't be looked at."""
    try:
        status = file.stat()
    # It may leave meanwhile, or be a link to itself.
    except OSError:
        return None
    return version_of(status) if stat.S_ISREG(status.st_mode) else None


def version_of(status: os.stat_result) -> Version:
    """Return what tells a file from the same one written anew."""
    return Version(status.st_ino, status.st_size, status.st_mtime_ns)


def version_now(file: Path, found: Version) -> Version:
    """Return the version that a file is of now, or the one found where it can't be told."""
    try:
        return version_of(file.stat())
    except OSError:
        return found


def seconds_to_settle(file: Path) -> float:
    """Return how long a file that was changed just now has to stay as it is to count as whole.

    A JPEG says where it ends: one that stands there to its end is whole. What is empty, begins with
    zeros, or holds less than how a JPEG begins, was made to be filled.
    """
    try:
        with file.open("rb") as opened:
            begin = opened.read(len(BEGIN))
            content = begin + opened.read() if begin == BEGIN else b""
    # That is said when it is decided on.
    except OSError:
        return SETTLED
    if begin != BEGIN:
        return GIVEN_UP if BEGIN.startswith(begin) or not any(begin) else SETTLED
    end = end_of_jpeg(content, len(START))[0]
    if end is None:
        return GIVEN_UP
    return 0.0 if end == len(content) else SETTLED


def frames(stream: IO[bytes], ends: float | None = None) -> Iterator[Readable]:
    """Yield the JPEGs of a stream that holds one after the other, each as soon as it is whole.

    Args:
        stream: a file or a pipe.
        ends: time of `time.monotonic` at which nothing more is waited for; None: never.

    Raises:
        InputError: it holds something else.
    """
    held, number = bytearray(), 0
    # Where the frame that is coming begins, if it does, and up to where was looked at already.
    begin, place = -1, 0
    read = getattr(stream, "read1", stream.read)
    while True:
        if not is_readable(stream, ends):
            return
        content = read(65_536)
        if not content:
            break
        held += content
        while True:
            if begin < 0:
                begin = held.find(BEGIN, place)
                # The last bytes may be the first ones of it.
                place = begin + len(START) if begin >= 0 else max(0, len(held) - len(START))
            end, place = end_of_jpeg(held, place) if begin >= 0 else (None, place)
            if end is None:
                break
            number += 1
            yield Frame(f"frame {number}", bytes(held[begin:end]))
            del held[:end]
            begin, place = -1, 0
        if len(held) > MOST_BYTES:
            raise InputError("standard input: no JPEG begins and ends there; expected JPEGs")
    if begin >= 0:
        yield Frame(f"frame {number + 1}", bytes(held[begin:]))
    elif number == 0:
        raise InputError(
            "standard input: no JPEG in it; `ffmpeg -i CAMERA -q:v 2 -f mjpeg -` writes them"
        )


def is_readable(stream: IO[bytes], ends: float | None) -> bool:
    """Wait until a stream has something to read or has ended; False: that took too long."""
    if ends is None:
        return True
    readable, _, _ = select.select([stream], [], [], max(0.0, ends - time.monotonic()))
    return bool(readable)


def end_of_jpeg(content: bytes | bytearray, place: int) -> tuple[int | None, int]:
    """Return where a JPEG ends, None: later than `content` does; and from where on to look then.

    Segments say how long they are, so that a preview within one ends nothing; what stands between
    them is packed pixels, where 0 follows each 255, or the number of a restart (ITU-T T.81, B.1).

    Args:
        content: of a stream.
        place: behind the first marker of the JPEG, or what was returned of less of its content.
    """
    while 0 <= (found := content.find(b"\xff", place)) < len(content) - 1:
        place = found
        marker = content[place + 1]
        if marker == END:
            return place + 2, place + 2
        # Another one begins: this one was cut off.
        if marker == START[1]:
            return place, place
        if marker == 0xFF:
            place += 1
        elif marker in WITHOUT_LENGTH:
            place += 2
        elif place + 4 > len(content):
            return None, place
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    # A segment may end beyond what is there.
    return None, found if found >= 0 else max(place, len(content))
