"""The training photos, as the classifier's folder has them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.outputs.manifest import Manifest
from stages.outputs.split import SPLIT_FILE, SplitRow
from waste_classifier.images import loaded
from waste_classifier.parallel import map_in_threads
from waste_classifier.training_photos import (
    FILE_NAME,
    THUMBNAILS_NAME,
    TrainingPhotos,
    thumbnail,
    write_thumbnails,
)


def write_training_photos(
    folder: Path,
    rows: Sequence[SplitRow],
    coordinates: npt.NDArray[np.float32],
    images: Manifest,
) -> None:
    """Write where the training photos lie, and a thumbnail of each.

    Args:
        folder: where to.
        rows: of the n photos.
        coordinates: `(n, m)`, of each.
        images: of the manifest.

    Raises:
        PhotoError: one can't be decoded, or is another one than the manifest has.
    """
    paths = [row.path for row in rows]
    labels = [row.label for row in rows]
    TrainingPhotos(np.array(paths), np.array(labels), coordinates, None).save(folder / FILE_NAME)
    photos = images.photos(images.positions_of(paths, SPLIT_FILE))
    write_thumbnails(folder / THUMBNAILS_NAME, map_in_threads(_small, photos))


def _small(photo: object) -> Image.Image:
    with loaded(photo, max_pixels=None) as image:  # type: ignore[arg-type]
        return thumbnail(image)
