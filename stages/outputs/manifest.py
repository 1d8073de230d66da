"""data/manifest.csv: one row per image received; the images themselves stand in data/raw.

Paths are relative to `data/raw`: `<label>/<file name>`. With `fetch.shard_images` an image is a
member of that name in a tar file there, of which the manifest says where its bytes begin.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from stages.outputs.stored_rows import BLOCK_ROWS, StoredRows
from stages.outputs.tables import MEND, iterate_table
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.shards import ShardedPhoto

RAW_DIR = Path("data/raw")
MANIFEST_FILE = Path("data/manifest.csv")

SHA256_BYTES = 32
PHASH_BYTES = 8

#: Of images: position of each one's label among all labels, sorted.
LabelNumbers = npt.NDArray[np.int32]


class ManifestRow(NamedTuple):
    """One image as received."""

    path: str
    label: str
    width: int  #: pixels, as displayed (after EXIF rotation)
    height: int
    bytes: int  #: size of the file
    red: float  #: mean over all pixels, 0 to 255
    green: float
    blue: float
    sha256: str  #: of the file, hexadecimal
    phash: str  #: 64-bit perceptual hash of the image, 16 hexadecimal digits
    shard: str = ""  #: name of the tar file that holds it; empty: it is a file of its own
    offset: int = 0  #: bytes of the shard before its content


class ReceivedPhoto(NamedTuple):
    """The content of an image, which must be the one that the manifest describes.

    Whoever reads it (`waste_classifier.images.Readable`) gets these bytes or an error: another
    sound photo in its place would be learned from, and counted, under the name of this one.
    """

    place: Path | ShardedPhoto
    sha256: bytes

    def __str__(self) -> str:
        """Return where it stands."""
        return str(self.place)

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            PhotoError: it is not the one of the manifest.
            OSError: it can't be read.
        """
        content = self.place.read_bytes()
        if hashlib.sha256(content).digest() != self.sha256:
            raise PhotoError(f"{self.place}: not the photo that {MANIFEST_FILE} describes")
        return content


class Labelled(Protocol):
    """A row of any table that names the label of an image."""

    @property
    def label(self) -> str:
        """Class name of the image."""


class Manifest(StoredRows[ManifestRow]):
    """The rows of the manifest, sorted by path, which stay in its file."""

    def __init__(self, file: Path = MANIFEST_FILE) -> None:
        """Read the whole table once, and check it.

        Raises:
            InputError: the table is missing, damaged, not sorted by path, or has no rows.
        """
        self._first_paths = _checked(file)
        super().__init__(file, ManifestRow)

    def checksums(self, rows: range) -> npt.NDArray[np.uint8]:
        """Return the SHA-256 of the files of images that follow each other, `(n, 32)`."""
        digits = "".join(self.texts("sha256", rows.start, rows.stop))
        return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, SHA256_BYTES)

    def photos(
        self, positions: Sequence[int] | npt.NDArray[np.intp], directory: Path = RAW_DIR
    ) -> "ReceivedPhotos":
        """Return some images, in the order of `positions`."""
        return ReceivedPhotos(self, positions, directory)

    def photos_by_path(self, paths: Iterable[str], table: Path) -> dict[str, ReceivedPhoto]:
        """Return the images of another table, by path.

        Args:
            paths: of the images.
            table: that names them, for the message.

        Raises:
            InputError: the manifest has no such image.
        """
        distinct = sorted(set(paths))
        return dict(zip(distinct, self.photos(self.positions_of(distinct, table)), strict=True))

    def positions_of(self, paths: Sequence[str], table: Path) -> npt.NDArray[np.intp]:
        """Return where the images of another table stand in the manifest, `(len(paths),)`.

        Args:
            paths: of the images.
            table: that names them, for the message.

        Raises:
            InputError: the manifest has no such image.
        """
        positions = np.empty(len(paths), np.intp)
        block, places = -1, dict[str, int]()
        # In their order, each block is read once.
        for number in sorted(range(len(paths)), key=paths.__getitem__):
            path = paths[number]
            of_path = max(bisect_right(self._first_paths, path) - 1, 0)
            if of_path != block:
                block, places = of_path, self._places_of_paths(of_path)
            if path not in places:
                raise not_in_manifest(table, path)
            positions[number] = places[path]
        return positions

    def _places_of_paths(self, block: int) -> dict[str, int]:
        first = block * BLOCK_ROWS
        paths = self.texts("path", first, min(first + BLOCK_ROWS, len(self)))
        return {path: place for place, path in enumerate(paths, start=first)}


class ReceivedPhotos(Sequence[ReceivedPhoto]):
    """Some images of the manifest, each made when it is asked for: few of a million are at once."""

    def __init__(
        self,
        images: Manifest,
        positions: Sequence[int] | npt.NDArray[np.intp],
        directory: Path,
    ) -> None:
        """Take the images, where each stands in the manifest, and the folder of their paths."""
        self._images = images
        self._positions = positions
        self._directory = directory

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._positions)

    @overload
    def __getitem__(self, number: int) -> ReceivedPhoto: ...

    @overload
    def __getitem__(self, number: slice) -> "ReceivedPhotos": ...

    def __getitem__(self, number: int | slice) -> "ReceivedPhoto | ReceivedPhotos":
        """Return one, or some of them."""
        if isinstance(number, slice):
            return ReceivedPhotos(self._images, self._positions[number], self._directory)
        row = self._images[int(self._positions[number])]
        place: Path | ShardedPhoto = self._directory / row.path
        if row.shard:
            place = ShardedPhoto(self._directory / row.shard, row.path, row.offset, row.bytes)
        return ReceivedPhoto(place, bytes.fromhex(row.sha256))


def check_rows(path: Path, rows: Iterable[object]) -> None:
    """Check that a table of images has any.

    Raises:
        InputError: it has no rows.
    """
    if not any(True for _ in rows):
        raise InputError(f"{path}: no images; run `dvc repro` to make the table anew")


def labels_of(rows: Iterable[Labelled]) -> list[str]:
    """Return the distinct labels, sorted: the order of labels everywhere in the project."""
    return sorted({row.label for row in rows})


def not_in_manifest(table: Path, path: str) -> InputError:
    """Return the error that a table names an image that the manifest has not."""
    return InputError(
        f"{table}: {path} is not in {MANIFEST_FILE}; run `dvc repro` to make the tables anew"
    )


def numbered_labels(of_images: Iterable[str], count: int) -> tuple[list[str], LabelNumbers]:
    """Return the distinct labels, sorted, and the number of each image's among them, `(count,)`.

    Args:
        of_images: the label of each image.
        count: how many images there are.
    """
    number_of: dict[str, int] = {}
    numbers = np.fromiter(
        (number_of.setdefault(label, len(number_of)) for label in of_images), np.int32, count
    )
    labels = sorted(number_of)
    rank = np.empty(len(labels), np.int32)
    rank[[number_of[label] for label in labels]] = np.arange(len(labels))
    return labels, rank[numbers]


def _checked(path: Path) -> list[str]:
    """Check each row of a manifest, and return the path of the first one of each block."""
    first_paths: list[str] = []
    before = ""
    for number, row in enumerate(iterate_table(path, ManifestRow)):
        # What follows goes by row, and names groups by their first image.
        if row.path <= before:
            raise InputError(f"{path}: {row.path} does not follow {before}; {MEND}")
        _check_digits(path, row, "sha256", 2 * SHA256_BYTES)
        _check_digits(path, row, "phash", 2 * PHASH_BYTES)
        if min(row.offset, row.bytes) < 0:
            raise InputError(f"{path}: {row.path}: offset or bytes below 0; {MEND}")
        before = row.path
        if number % BLOCK_ROWS == 0:
            first_paths.append(before)
    check_rows(path, first_paths)
    return first_paths


def _check_digits(path: Path, row: ManifestRow, field: str, count: int) -> None:
    text = getattr(row, field)
    try:
        digits = bytes.fromhex(text)
    except ValueError:
        digits = b""
    if 2 * len(digits) != count or len(text) != count:
        raise InputError(
            f"{path}: {row.path}: {field}: expected {count} hexadecimal digits, got '{text}'; "
            f"{MEND}"
        )
