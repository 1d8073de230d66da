"""data/views/: what the frozen backbone says of augmented views of each image.

- `00000.npy`, `00001.npy`, …: shards as those of data/features, a row of which holds the features
  of each view of an image; none where there are no views.
- `SHA256SUMS`: their checksums, as in data/features.
- `views.json`: how many views of each image there are.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.documents import read_document, write_document
from stages.outputs.features import Shards, open_shards, read_shards
from stages.outputs.manifest import Manifest
from stages.outputs.tables import MEND
from stages.outputs.whole import UNFINISHED
from waste_classifier.errors import InputError

VIEWS_DIR = Path("data/views")
#: Where shards stand that an interrupted run has finished.
UNFINISHED_VIEWS_DIR = VIEWS_DIR.parent / UNFINISHED / VIEWS_DIR.name
DESCRIPTION_NAME = "views.json"


class Views(NamedTuple):
    """The features of all views, read from their files as they are used."""

    per_image: int
    shards: Shards | None  #: None where there are no views

    def read(
        self,
        positions: npt.NDArray[np.intp],
        columns: npt.NDArray[np.bool_],
        out: npt.NDArray[np.float32],
    ) -> None:
        """Fill in the features of the views of some images.

        Args:
            positions: `(n,)`, rows of the manifest.
            columns: `(d,)`, which of the features.
            out: `(n, views, used)`.

        Raises:
            InputError: one is not finite, or there are not as many as `columns` chooses from.
        """
        if self.shards:
            read_shards(self.shards, positions, columns, out)


def write_description(directory: Path, count: int) -> None:
    """Say how many views of each image a folder has."""
    write_document(directory / DESCRIPTION_NAME, {"views": count})


def open_views(images: Manifest, directory: Path = VIEWS_DIR) -> Views:
    """Open the views of all images of the manifest.

    Raises:
        InputError: they are missing, damaged, or of other images than the manifest names.
    """
    path = directory / DESCRIPTION_NAME
    count = read_document(path).get("views")
    if type(count) is not int or count < 0:
        raise InputError(f"{path}: damaged (views: {count!r}); {MEND}")
    return Views(count, open_shards(images, directory, count) if count else None)
