"""data/manifest.csv: one row per image received; the images themselves stand in data/raw.

Paths are relative to `data/raw`: `<label>/<file name>`. With `fetch.shard_images` an image is a
member of that name in a tar file there, of which the manifest says where its bytes begin.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from stages.outputs.tables import MEND, iterate_table
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.shards import ShardedPhoto

RAW_DIR = Path("data/raw")
MANIFEST_FILE = Path("data/manifest.csv")

SHA256_BYTES = 32
PHASH_BYTES = 8


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


class ManifestColumns(NamedTuple):
    """Columns of the manifest: position i of each is of the same image."""

    paths: list[str]  #: sorted
    labels: list[str]
    checksums: npt.NDArray[np.uint8]  #: `(n, 32)`, SHA-256 of the files
    hashes: npt.NDArray[np.uint64]  #: `(n,)`, perceptual hashes
    shards: list[str]  #: as in a row
    offsets: npt.NDArray[np.int64]  #: `(n,)`, as in a row
    sizes: npt.NDArray[np.int64]  #: `(n,)`, bytes

    def photos(self, positions: Sequence[int], directory: Path = RAW_DIR) -> "ReceivedPhotos":
        """Return some images, in the order of `positions`."""
        return ReceivedPhotos(self, positions, directory)

    def photos_by_path(self, paths: Sequence[str], table: Path) -> dict[str, ReceivedPhoto]:
        """Return the images of another table, by path.

        Args:
            paths: of the images.
            table: that names them, for the message.

        Raises:
            InputError: the manifest has no such image.
        """
        positions = self.positions_of(paths, table)
        return dict(zip(paths, self.photos(positions.tolist()), strict=True))

    def positions_of(self, paths: Sequence[str], table: Path) -> npt.NDArray[np.intp]:
        """Return where the images of another table stand in the manifest, `(len(paths),)`.

        Args:
            paths: of the images.
            table: that names them, for the message.

        Raises:
            InputError: the manifest has no such image.
        """

        def position(path: str) -> int:
            number = bisect_left(self.paths, path)
            if number == len(self.paths) or self.paths[number] != path:
                raise InputError(
                    f"{table}: {path} is not in {MANIFEST_FILE}; run `dvc repro` to make the "
                    "tables anew"
                )
            return number

        return np.fromiter(map(position, paths), np.intp, len(paths))


class ReceivedPhotos(Sequence[ReceivedPhoto]):
    """Some images of the manifest, each made when it is asked for: few of a million are at once."""

    def __init__(self, images: ManifestColumns, positions: Sequence[int], directory: Path) -> None:
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
        images, position = self._images, self._positions[number]
        path, shard = images.paths[position], images.shards[position]
        place: Path | ShardedPhoto = self._directory / path
        if shard:
            offset, size = int(images.offsets[position]), int(images.sizes[position])
            place = ShardedPhoto(self._directory / shard, path, offset, size)
        return ReceivedPhoto(place, images.checksums[position].tobytes())


def read_columns(path: Path = MANIFEST_FILE) -> ManifestColumns:
    """Read what stages need to know of every image.

    Raises:
        InputError: the table is missing, damaged, not sorted by path, or has no rows.
    """
    paths: list[str] = []
    labels: list[str] = []
    checksums = bytearray()
    hashes = array("Q")
    shards: list[str] = []
    offsets = array("q")
    sizes = array("q")
    for row in iterate_table(path, ManifestRow):
        # What follows goes by row, and names groups by their first image.
        if paths and row.path <= paths[-1]:
            raise InputError(f"{path}: {row.path} does not follow {paths[-1]}; {MEND}")
        paths.append(row.path)
        labels.append(row.label)
        checksums += _digits(path, row, "sha256", SHA256_BYTES)
        hashes.append(int.from_bytes(_digits(path, row, "phash", PHASH_BYTES)))
        if min(row.offset, row.bytes) < 0:
            raise InputError(f"{path}: {row.path}: offset or bytes below 0; {MEND}")
        shards.append(row.shard)
        offsets.append(row.offset)
        sizes.append(row.bytes)
    check_rows(path, paths)
    return ManifestColumns(
        paths,
        labels,
        np.frombuffer(checksums, np.uint8).reshape(-1, SHA256_BYTES),
        np.frombuffer(hashes, np.uint64),
        shards,
        np.frombuffer(offsets, np.int64),
        np.frombuffer(sizes, np.int64),
    )


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


def _digits(path: Path, row: ManifestRow, field: str, count: int) -> bytes:
    text = getattr(row, field)
    try:
        digits = bytes.fromhex(text)
    except ValueError:
        digits = b""
    if len(digits) != count or len(text) != 2 * count:
        raise InputError(
            f"{path}: {row.path}: {field}: expected {2 * count} hexadecimal digits, got '{text}'; "
            f"{MEND}"
        )
    return digits
