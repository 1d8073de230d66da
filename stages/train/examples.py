"""The images of one split: their photos, targets and cached features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.features import Description, Features
from stages.outputs.manifest import ManifestColumns
from stages.outputs.split import SPLIT_FILE, SplitName, SplitRow
from stages.train.memory import allocate
from waste_classifier.classifier import Contract
from waste_classifier.images import Photo
from waste_classifier.orientations import ORIENTATIONS


@dataclass(frozen=True)
class Examples:
    """The images of one split."""

    photos: Sequence[Photo]
    targets: npt.NDArray[np.float32]  #: `(n, labels)`, one-hot
    features: npt.NDArray[np.float32]  #: `(n, orientations, used)`, those that the head sees

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.photos)

    @property
    def as_received(self) -> npt.NDArray[np.float32]:
        """Features in the orientation as received, `(n, used)`."""
        return self.features[:, ORIENTATIONS.index("received")]


class TrainingData(NamedTuple):
    """All that a training learns from."""

    contract: Contract  #: of the classifier: its labels, and how it sees photos
    columns: npt.NDArray[np.bool_]  #: `(d,)`, which of the backbone's features the head sees
    train: Examples  #: images that the network learns from
    val: Examples  #: images that the best epoch is chosen by
    class_weights: npt.NDArray[np.float32]  #: `(labels,)`, weight in the loss
    backbone: Description  #: of the cached features


def examples_of(
    split: SplitName,
    rows: Sequence[SplitRow],
    labels: Sequence[str],
    images: ManifestColumns,
    features: Features,
    columns: npt.NDArray[np.bool_],
    memory_mib: int,
) -> Examples:
    """Return the images of one split, in the order of `rows`.

    Args:
        split: train, val or test.
        rows: the table of splits.
        labels: in the order of the classifier.
        images: of the manifest.
        features: of these.
        columns: `(d,)`, which of the features the head sees.
        memory_mib: features above this size wait in a file.

    Raises:
        InputError: the manifest has not all images.
    """
    chosen = [row for row in rows if row.split == split]
    number_of = {label: number for number, label in enumerate(labels)}
    positions = images.positions_of([row.path for row in chosen], SPLIT_FILE)
    shape = (len(chosen), len(ORIENTATIONS), int(np.count_nonzero(columns)))
    return Examples(
        photos=images.photos(positions.tolist()),
        targets=np.eye(len(labels), dtype=np.float32)[[number_of[row.label] for row in chosen]],
        features=features.read(positions, columns, allocate(shape, np.float32, memory_mib)),
    )
