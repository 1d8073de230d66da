"""Images to learn from or to judge by: their photos, targets and cached features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.features import Description
from waste_classifier.images import Photo
from waste_classifier.model import Contract
from waste_classifier.orientations import ORIENTATIONS


@dataclass(frozen=True)
class Examples:
    """Some images."""

    photos: Sequence[Photo]
    targets: npt.NDArray[np.float32]  #: `(n, labels)`, one-hot
    features: npt.NDArray[np.float32]  #: `(n, orientations [+ views], used)`: what the head sees

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.photos)

    @property
    def as_received(self) -> npt.NDArray[np.float32]:
        """Features in the orientation as received, `(n, used)`."""
        return self.features[:, ORIENTATIONS.index("received")]

    def some(self, positions: npt.NDArray[np.intp]) -> "Examples":
        """Return those at some positions, in their order."""
        photos = [self.photos[position] for position in positions.tolist()]
        return Examples(photos, self.targets[positions], self.features[positions])


class TrainingData(NamedTuple):
    """All that a training learns from."""

    contract: Contract  #: of the classifier: its labels, and how it sees photos
    columns: npt.NDArray[np.bool_]  #: `(d,)`, which of the backbone's features the head sees
    train: Examples  #: images that the network learns from
    val: Examples  #: images that the best epoch is chosen by; of none, the last one is kept
    class_weights: npt.NDArray[np.float32]  #: `(labels,)`, weight in the loss
    backbone: Description  #: of the cached features
    weights_file: Path | None  #: pretrained weights of the backbone; None: random ones
