"""Photos in shards: tar files of many photos each, as WebDataset reads them.

A member is named as the file would be, `<label>/<file name>`. Shards of a folder, sorted by name,
hold their members sorted by name, so that one is found without an index.
"""

import tarfile
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

from waste_classifier.errors import InputError, PhotoError

SUFFIX = ".tar"


class ShardedPhoto(NamedTuple):
    """Where the bytes of a photo lie in a shard."""

    shard: Path
    name: str  #: of the member
    offset: int  #: bytes before its content
    size: int  #: bytes

    def __str__(self) -> str:
        """Return what errors call it."""
        return f"{self.shard}: {self.name}"

    def read_bytes(self) -> bytes:
        """Return its content.

        Raises:
            PhotoError: the shard ends before it.
            OSError: the shard can't be read.
        """
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) < self.size:
            raise PhotoError(f"{self}: cut off, since the shard ends before it")
        return content


def find_photo(folder: Path, name: str) -> Path | ShardedPhoto:
    """Return a photo of a folder: a file of its own or, where there are shards, a member of one.

    Args:
        folder: of label folders or of shards.
        name: `<label>/<file name>`.

    Raises:
        InputError: a shard is damaged, or none holds the photo.
    """
    shards = sorted(folder.glob(f"*{SUFFIX}"))
    if not shards or (folder / name).is_file():
        return folder / name
    number = bisect_right(shards, name, key=_first_name) - 1
    shard = shards[max(number, 0)]
    try:
        with tarfile.open(shard, "r:") as opened:
            for member in opened:
                if member.name == name:
                    return ShardedPhoto(shard, name, member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise _unreadable(shard, error) from None
    raise PhotoError(f"{folder}: {name}: no shard holds it")


def _first_name(shard: Path) -> str:
    try:
        with tarfile.open(shard, "r:") as opened:
            member = opened.next()
    except (tarfile.TarError, OSError) as error:
        raise _unreadable(shard, error) from None
    return member.name if member else ""


def _unreadable(shard: Path, error: Exception) -> InputError:
    return PhotoError(f"{shard}: not a tar file that can be read ({error})")
