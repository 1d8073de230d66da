"""The training photos as the classifier's folder has them: where each lies, and a thumbnail.

- `training_photos.npz`: path, label and coordinates (`Novelty.coordinates`) of each.
- `training_photos.zip`: a small JPEG of each, named by its number.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from waste_classifier.arrays import load_arrays, save_arrays, unreadable
from waste_classifier.errors import InputError

FILE_NAME = "training_photos.npz"
THUMBNAILS_NAME = "training_photos.zip"
THUMBNAIL_SIDE = 96
#: What the .npz holds.
COLUMNS = ("paths", "labels", "coordinates")
# The earliest time a zip archive can hold: equal photos, equal bytes.
_EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)


class Neighbour(NamedTuple):
    """A training photo beside another one."""

    path: str
    label: str
    distance: float  #: between coordinates
    thumbnail: Image.Image | None  #: None where the folder has none


class TrainingPhotos(NamedTuple):
    """Where the training photos lie."""

    paths: npt.NDArray[np.str_]  #: `(n,)`
    labels: npt.NDArray[np.str_]  #: `(n,)`
    coordinates: npt.NDArray[np.float32]  #: `(n, m)`
    thumbnails: Path | None  #: archive

    def nearest(self, place: npt.NDArray[np.float32], count: int) -> list[Neighbour]:
        """Return the training photos that lie nearest to a place, nearest first.

        Args:
            place: `(m,)`, coordinates.
            count: how many, at most.
        """
        distances = np.sqrt(((self.coordinates - place) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")[:count].tolist()
        pictures = self._thumbnails(order)
        return [
            Neighbour(str(self.paths[i]), str(self.labels[i]), float(distances[i]), picture)
            for i, picture in zip(order, pictures, strict=True)
        ]

    def _thumbnails(self, numbers: Sequence[int]) -> list[Image.Image | None]:
        if self.thumbnails is None:
            return [None for _ in numbers]
        try:
            with zipfile.ZipFile(self.thumbnails) as archive:
                contents = [archive.read(f"{number}.jpg") for number in numbers]
            return [Image.open(io.BytesIO(content)).convert("RGB") for content in contents]
        # Damaged archives make zipfile and Pillow raise anything.
        except Exception as error:
            raise InputError(
                f"{self.thumbnails}: can't be read ({error}); bring the folder back whole"
            ) from None

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        paths, labels, coordinates = load_arrays(file, COLUMNS).values()
        if not len(paths) == len(labels) == len(coordinates) or coordinates.ndim != 2:
            raise unreadable(file, ValueError("columns of different lengths"))
        thumbnails = file.with_name(THUMBNAILS_NAME)
        if not thumbnails.exists():
            return cls(paths, labels, coordinates, None)
        try:
            with zipfile.ZipFile(thumbnails) as archive:
                count = len(archive.namelist())
        # Damaged archives make zipfile raise anything.
        except Exception as error:
            raise unreadable(thumbnails, error) from None
        if count != len(paths):
            raise unreadable(thumbnails, ValueError(f"{count} pictures of {len(paths)} photos"))
        return cls(paths, labels, coordinates, thumbnails)

    def save(self, file: Path) -> None:
        """Write the .npz; equal arrays give equal bytes."""
        save_arrays(file, {name: getattr(self, name) for name in COLUMNS})


def thumbnail(photo: Image.Image) -> Image.Image:
    """Return a photo made small, its aspect ratio kept."""
    small = photo.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
    return small


def write_thumbnails(file: Path, photos: Iterable[Image.Image]) -> None:
    """Write an archive of thumbnails, numbered as they come; equal ones give equal bytes.

    Args:
        file: .zip.
        photos: RGB, small.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for number, photo in enumerate(photos):
            content = io.BytesIO()
            photo.save(content, "JPEG", quality=80)
            archive.writestr(zipfile.ZipInfo(f"{number}.jpg", _EARLIEST_TIME), content.getvalue())
