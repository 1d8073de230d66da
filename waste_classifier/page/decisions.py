"""What was decided on the photos of the review, also on those that a decision has moved since."""

import hashlib
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple

from waste_classifier.corrections import Correction, read_corrections
from waste_classifier.errors import InputError
from waste_classifier.shards import SUFFIX, ShardedPhoto, find_photo
from waste_classifier.unreadable import Unreadable

ShownPhoto = Path | ShardedPhoto | Unreadable


class Decisions(NamedTuple):
    """The decisions of the table, found by where their photos stood and may stand now."""

    by_path: dict[str, Correction]
    arrivals: dict[str, list[Correction]]  #: by each path that a photo which moves may get

    @classmethod
    def read(cls, file: Path) -> "Decisions":
        """Read the table; no decisions where there is none.

        Raises:
            InputError: it can't be read, or is another table.
        """
        by_path = read_corrections(file)
        arrivals: dict[str, list[Correction]] = {}
        for decision in by_path.values():
            if not decision.keeps:
                for name in decision.names:
                    arrivals.setdefault(f"{decision.to_label}/{name}", []).append(decision)
        return cls(by_path, arrivals)

    def are_on(self, path: str, photos: Path) -> bool:
        """Return whether one is on this photo, or on one that is not there to be decided on."""
        if path not in self.by_path and path not in self.arrivals:
            return False
        if self.find(path, photos)[1] is not None:
            return True
        return path in self.by_path and _found(photos, path)[1] is None

    def find(self, path: str, photos: Path) -> tuple[ShownPhoto, Correction | None]:
        """Return a photo, and the decision on it, which its checksum tells.

        Args:
            path: of the photo; it may have left by a decision on it.
            photos: folder that paths are below, or that holds them in shards.
        """
        file, checksum = _found(photos, path)
        decision = self.by_path.get(path)
        if checksum is not None:
            candidates = [*([decision] if decision else []), *self.arrivals.get(path, [])]
            return file, next((each for each in candidates if each.sha256 == checksum), None)
        # Not whatever the table says, but a label that there is.
        if decision and _may_be_a_label(decision.to_label, photos):
            for name in decision.names:
                moved, of_moved = _found(photos, f"{decision.to_label}/{name}")
                if of_moved == decision.sha256:
                    return moved, decision
        return file, None


def checksum_of(photo: ShownPhoto) -> str:
    """Return the SHA-256 of a photo's file, in hexadecimal digits.

    Raises:
        OSError: it can't be read.
        PhotoError: its shard is damaged.
    """
    return hashlib.sha256(photo.read_bytes()).hexdigest()


def _found(photos: Path, path: str) -> tuple[ShownPhoto, str | None]:
    """Return a photo and its checksum; None where it is not there."""
    return _looked_up(photos, path, _version(photos, path))


def _version(photos: Path, path: str) -> int:
    """Return what changes where a photo, or the shards that it may stand in, are written anew."""
    file = photos / path
    of_file = _status_of(file)
    if of_file is not None:
        return hash(of_file)
    return hash(tuple((each.name, _status_of(each)) for each in sorted(photos.glob(f"*{SUFFIX}"))))


def _status_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except (OSError, ValueError):  # not there, or a name that no file can have
        return None
    # The time of the last change of content or rights, which nobody can set.
    return status.st_ino, status.st_size, status.st_ctime_ns


# Each decision asks for all photos that have one, and to find one in a shard takes long.
@lru_cache(maxsize=100_000)
def _looked_up(
    photos: Path,
    path: str,
    version: int,  # noqa: ARG001
) -> tuple[ShownPhoto, str | None]:
    photo: ShownPhoto
    try:
        photo = find_photo(photos, path)
    except InputError as error:
        photo = Unreadable(path, str(error))
    try:
        return photo, checksum_of(photo)
    except (InputError, OSError, ValueError):  # not there, or a name that no file can have
        return photo, None


def _may_be_a_label(label: str, photos: Path) -> bool:
    """Return whether a label has a folder, or a name that it could have in a shard."""
    try:
        names = {entry.name for entry in photos.iterdir()}
    except OSError:
        return False
    sharded = any(name.endswith(SUFFIX) for name in names)
    return label in names or (sharded and PurePath(label).parts == (label,) and label != "..")
