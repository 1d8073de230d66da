"""data/features/: what the frozen backbone says of each image.

- `00000.npy`, `00001.npy`, …: shards, each of a fixed range of `SHARD_IMAGES` rows of the manifest.
  A row holds the SHA-256 of the image that it was computed from, and its features in each of the
  orientations (`ORIENTATIONS`); their columns are those of `feature_blocks`.
- `SHA256SUMS`: the checksums of the shards, as `sha256sum` writes them; what goes on with an
  interrupted training compares them.
- `features.json`: what they were computed with.
- `backbone.keras`: the network that computed them, float32; not where its weights are random.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args

import numpy as np
import numpy.typing as npt

from stages.outputs.documents import read_document, write_document
from stages.outputs.manifest import SHA256_BYTES, Manifest
from stages.outputs.tables import MEND
from stages.outputs.whole import UNFINISHED, whole_file, whole_text
from stages.resnet50.layout import BackboneStage, columns_of_last_stage
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.orientations import ORIENTATIONS

FEATURES_DIR = Path("data/features")
#: Where shards stand that an interrupted run has finished.
UNFINISHED_DIR = FEATURES_DIR.parent / UNFINISHED / FEATURES_DIR.name
DESCRIPTION_NAME = "features.json"
CHECKSUMS_NAME = "SHA256SUMS"
NETWORK_NAME = "backbone.keras"
SHARD_IMAGES = 256


class Description(NamedTuple):
    """What features were computed with."""

    pretrained: bool  #: False: of random weights, which see colour and layout, not things
    image_size: int  #: pixels, width and height of what the backbone saw
    last_stage: BackboneStage  #: of ResNet50, that the backbone ends with
    precision: str  #: of the computation, as Keras names its dtype policies
    backbone_sha256: str | None  #: of the network's file; None: random weights

    def write(self, directory: Path) -> None:
        """Write it into the folder of the features."""
        write_document(directory / DESCRIPTION_NAME, self._asdict())

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        path = directory / DESCRIPTION_NAME
        try:
            described = cls(**read_document(path))
        except TypeError as error:
            raise InputError(f"{path}: damaged ({error}); {MEND}") from None
        if (
            not isinstance(described.pretrained, bool)
            or type(described.image_size) is not int
            or described.image_size < 1
            or described.last_stage not in get_args(BackboneStage)
            or not isinstance(described.precision, str)
            or not isinstance(described.backbone_sha256, str | None)
        ):
            raise InputError(f"{path}: damaged ({described}); {MEND}")
        return described


@dataclass(frozen=True)
class Shards:
    """The shards of a folder, in order, each mapped read-only when it is asked for.

    Mapped all at once, as many files would be open: a process may have a thousand.
    """

    directory: Path
    count: int
    seen: int  #: how often each image was seen

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def __getitem__(self, number: int) -> npt.NDArray[Any]:
        """Return one, of `shard_type`.

        Raises:
            InputError: it is missing or damaged.
        """
        return _open_shard(shard_file(self.directory, number), self.seen)


class Features(NamedTuple):
    """The features of all images of the manifest, read from their files as they are used."""

    description: Description
    shards: Shards

    @property
    def columns(self) -> int:
        """How many features an image has in each orientation."""
        return int(self.shards[0].dtype["features"].shape[1])

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the features shard by shard, `(up to SHARD_IMAGES, orientations, d) float32`.

        Raises:
            InputError: one is not finite.
        """
        for number in range(len(self.shards)):
            file = shard_file(self.shards.directory, number)
            yield _finite(self.shards[number]["features"], file)

    def of_last_stage(
        self, positions: npt.NDArray[np.intp] | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the columns of the last stage: it sees things, earlier ones texture.

        Args:
            positions: `(n,)`, rows of the manifest; None: all.
        """
        columns = columns_of_last_stage(self.description.last_stage)
        if positions is None:
            for block in self.blocks():
                yield block[:, :, -columns:]
            return
        of_last = np.arange(self.columns) >= self.columns - columns
        for start in range(0, len(positions), SHARD_IMAGES):
            yield self.read(positions[start : start + SHARD_IMAGES], of_last)

    def read(
        self,
        positions: npt.NDArray[np.intp],
        columns: npt.NDArray[np.bool_] | None = None,
        out: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return the features of some images, `(n, orientations, used) float32`.

        Args:
            positions: `(n,)`, rows of the manifest.
            columns: `(d,)`, which of the features; None: all.
            out: filled and returned instead of a new array.

        Raises:
            InputError: one is not finite, or there are not as many as `columns` chooses from.
        """
        return read_shards(self.shards, positions, columns, out)


def read_shards(
    shards: Shards,
    positions: npt.NDArray[np.intp],
    columns: npt.NDArray[np.bool_] | None = None,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the features of some images from their shards; as `Features.read`."""
    seen, of_image = shards[0].dtype["features"].shape
    if columns is not None and len(columns) != of_image:
        raise InputError(
            f"{shards.directory}: {of_image} features of each image, but the network has "
            f"{len(columns)}; {MEND}"
        )
    used = of_image if columns is None else np.count_nonzero(columns)
    if out is None:
        out = np.empty((len(positions), seen, used), np.float32)
    shard_of = positions // SHARD_IMAGES
    for number in np.unique(shard_of).tolist():
        wanted = np.flatnonzero(shard_of == number)
        block = shards[number]["features"][positions[wanted] - number * SHARD_IMAGES]
        out[wanted] = _finite(
            block if columns is None else block[:, :, columns],
            shard_file(shards.directory, number),
        )
    return out


def shard_type(columns: int, seen: int = len(ORIENTATIONS)) -> np.dtype[Any]:
    """Return the type of a row of a shard.

    Args:
        columns: features of an image.
        seen: how often it was seen.
    """
    return np.dtype(
        [("sha256", np.uint8, (SHA256_BYTES,)), ("features", np.float32, (seen, columns))]
    )


def shard_ranges(images: int) -> list[range]:
    """Return the rows of the manifest that each shard is of."""
    return [
        range(start, min(start + SHARD_IMAGES, images)) for start in range(0, images, SHARD_IMAGES)
    ]


def shard_file(directory: Path, number: int) -> Path:
    """Return the file of one shard."""
    return directory / f"{number:05}.npy"


def write_shard(file: Path, shard: npt.NDArray[Any]) -> None:
    """Write one shard; it appears whole or not at all.

    Raises:
        InputError: the disk is full or refuses to be written.
    """
    with whole_file(file) as unfinished, unfinished.open("wb") as opened:
        np.save(opened, shard)


def write_checksums(directory: Path) -> None:
    """Write the checksums of all shards of a folder.

    Raises:
        InputError: the disk is full or refuses to be written.
    """
    with whole_text(directory / CHECKSUMS_NAME) as opened:
        for file in sorted(directory.glob("*.npy")):
            opened.write(f"{sha256_of(file)}  {file.name}\n")


def holds_shard(
    file: Path, checksums: npt.NDArray[np.uint8], columns: int, seen: int = len(ORIENTATIONS)
) -> bool:
    """Return whether a file is a whole shard of the images with these checksums."""
    try:
        shard = np.load(file, mmap_mode="r", allow_pickle=False)
    # Damaged headers make NumPy raise anything: TokenError, SyntaxError, MemoryError.
    except Exception:
        return False
    return (
        shard.dtype == shard_type(columns, seen)
        and shard.shape == (len(checksums),)
        and np.array_equal(shard["sha256"], checksums)
    )


def open_features(images: Manifest, directory: Path = FEATURES_DIR) -> Features:
    """Open the features of all images of the manifest.

    Raises:
        InputError: they are missing, damaged, or of other images than the manifest names; the
            message names the first of these.
    """
    return Features(Description.read(directory), open_shards(images, directory))


def open_shards(images: Manifest, directory: Path, seen: int = len(ORIENTATIONS)) -> Shards:
    """Open the shards of all images of the manifest; errors are those of `open_features`.

    Args:
        images: of the manifest.
        directory: that they stand in.
        seen: how often each image was seen.
    """
    types = set()
    ranges = shard_ranges(len(images))
    for number, rows in enumerate(ranges):
        file = shard_file(directory, number)
        shard = _open_shard(file, seen)
        known = shard["sha256"][: len(rows)]
        wanted = images.checksums(rows)[: len(known)]
        different = np.flatnonzero((known != wanted).any(axis=1)).tolist()
        if different or len(shard) != len(rows):
            first = different[0] if different else min(len(shard), len(rows) - 1)
            raise InputError(
                f"{file}: row {first} is not of {images[rows.start + first].path} as the manifest "
                "has it; run `dvc repro` to compute the features anew"
            )
        types.add(shard.dtype)
    if len(types) != 1:
        raise InputError(f"{directory}: shards of different width; {MEND}")
    if shard_file(directory, len(ranges)).exists():
        raise InputError(
            f"{directory}: has features of more images than the {len(images)} of the "
            "manifest; run `dvc repro` to compute them anew"
        )
    return Shards(directory, len(ranges), seen)


def _finite(block: npt.NDArray[np.float32], file: Path) -> npt.NDArray[np.float32]:
    # No stage writes others: what is computed from them would be no number either.
    if not np.isfinite(block).all():
        raise InputError(f"{file}: holds a feature that is not finite; {MEND}")
    return block


def _open_shard(file: Path, seen: int) -> npt.NDArray[Any]:
    try:
        shard: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    # As in `holds_shard`.
    except Exception as error:
        raise InputError(f"{file}: damaged or missing ({error}); {MEND}") from None
    # Of what a shard has, the number of columns alone may differ.
    named = shard.dtype.names == shard_type(1).names
    columns = shard.dtype["features"].shape[-1:] if named else ()
    if shard.ndim != 1 or not columns or shard.dtype != shard_type(columns[0], seen):
        raise InputError(f"{file}: not a shard of features; {MEND}")
    return shard
