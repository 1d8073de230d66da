"""The classifier as one folder: what training writes, and what predicts from it.

- `backbone.keras`: the network from pixels to features, for inference, float32, with each
  BatchNorm folded into the convolution before it.
- `head.npz`: the dense layers from features to probabilities, the first with the standardisation
  of its inputs folded in.
- `classifier.json`: labels, image size, orientations, resizing, and the versions of the libraries
  that made it.

Photos are resized as `waste_classifier.images.load_resized` does it; the probabilities of a photo
are the mean over its orientations (test-time augmentation: Krizhevsky et al. 2012, "ImageNet
Classification with Deep Convolutional Neural Networks", section 4.1).
"""

import importlib.metadata
import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.head import Head
from waste_classifier.images import MAX_PIXELS, Photo, resized_batches
from waste_classifier.orientations import ORIENTATIONS, Orientation

if TYPE_CHECKING:
    from waste_classifier.backbone import Backbone

DESCRIPTION_NAME = "classifier.json"
BACKBONE_NAME = "backbone.keras"
HEAD_NAME = "head.npz"

#: How a photo becomes a square of pixels; another way would lose accuracy unheard.
RESIZING = {"filter": "bilinear", "antialias": True, "keep_aspect_ratio": False}
#: Those whose version may change what the classifier says.
LIBRARIES = ("keras", "numpy", "pillow", "tensorflow")


class Contract(NamedTuple):
    """What holds for every photo, whatever the weights."""

    labels: tuple[str, ...]  #: in the order of the probabilities
    orientations: tuple[Orientation, ...]  #: that probabilities are averaged over
    image_size: int  #: pixels, width and height of what the backbone sees


class Classifier:
    """Tells the label of a photo."""

    def __init__(
        self, contract: Contract, head: Head, backbone_file: Path, backbone_sha256: str
    ) -> None:
        """Take what `load` reads."""
        self.labels, self.orientations, self.image_size = contract
        self.backbone_sha256 = backbone_sha256  #: of its file
        self._head = head
        self._backbone_file = backbone_file

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Self:
        """Read a classifier; its backbone is read when it is first needed.

        Raises:
            InputError: a file is missing or damaged, or was made for another resizing.
        """
        folder = Path(folder)
        file = folder / DESCRIPTION_NAME
        try:
            described = json.loads(file.read_text(encoding="utf-8"))
            contract = Contract(
                tuple(_strings(described["labels"])),
                tuple(_orientations(described["orientations"])),
                _size(described["image_size"]),
            )
            classifier = cls(
                contract,
                Head.load(folder / HEAD_NAME),
                folder / BACKBONE_NAME,
                str(described["backbone_sha256"]),
            )
            resizing = described["resizing"]
        except FileNotFoundError:
            raise InputError(
                f"{file}: no such file; give the folder of a trained classifier"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{file}: not the description of a classifier ({error!r}); bring the folder back "
                "whole"
            ) from None
        if resizing != RESIZING:
            raise InputError(
                f"{file}: made for photos resized by {resizing}, but this version does {RESIZING}"
            )
        if len(classifier.labels) != classifier._head.labels:
            raise InputError(
                f"{file}: names {len(classifier.labels)} labels, but {HEAD_NAME} gives "
                f"{classifier._head.labels} probabilities; bring the folder back whole"
            )
        return classifier

    @cached_property
    def backbone(self) -> "Backbone":
        """The network from pixels to features.

        Raises:
            InputError: its file is missing or damaged.
        """
        from waste_classifier.backbone import Backbone

        backbone = Backbone.load(self._backbone_file)
        wanted = (self.image_size, self._head.features)
        if (backbone.image_size, backbone.columns) != wanted:
            raise InputError(
                f"{self._backbone_file}: takes {backbone.image_size} pixels and gives "
                f"{backbone.columns} features, but the rest of the classifier expects {wanted[0]} "
                f"and {wanted[1]}; bring the folder back whole"
            )
        return backbone

    def predict(
        self,
        photos: Sequence[Photo],
        batch_size: int = 32,
        max_pixels: int | None = MAX_PIXELS,
    ) -> npt.NDArray[np.float32]:
        """Return the probabilities of photos, `(n, labels) float32`, in the order of `labels`.

        Memory does not grow with the number of photos.

        Args:
            photos: paths, images of Pillow, or arrays `(h, w, 3) uint8`, RGB, of any size.
            batch_size: photos per forward pass.
            max_pixels: width x height of the largest photo accepted; None: no limit.

        Raises:
            InputError: a photo can't be read (`PhotoError`), or the backbone's file can't.
        """
        batches = resized_batches(photos, self.image_size, batch_size, max_pixels)
        probabilities = [
            self.predict_features(self.backbone.features(batch, self.orientations))
            for batch in batches
        ]
        return np.concatenate([np.empty((0, len(self.labels)), np.float32), *probabilities])

    def predict_features(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the probabilities of photos whose features are known, `(n, labels) float32`.

        Args:
            features: `(n, orientations, d) float32`, as the backbone gives them for the
                orientations of this classifier.
        """
        count, orientations, columns = features.shape
        if orientations != len(self.orientations) or columns != self._head.features:
            raise ValueError(
                f"expected (n, {len(self.orientations)}, {self._head.features}) features, "
                f"got {features.shape}"
            )
        probabilities = self._head(features.reshape(-1, columns))
        mean: npt.NDArray[np.float32] = probabilities.reshape(count, orientations, -1).mean(axis=1)
        return mean


def write_classifier(folder: Path, contract: Contract, head: Head, backbone_file: Path) -> None:
    """Write a classifier into an empty folder; equal inputs give equal bytes.

    Args:
        folder: where to.
        contract: labels in the order of the head's probabilities, and how photos are seen.
        head: from its features to probabilities.
        backbone_file: `.keras`, copied unless it stands in `folder` already.
    """
    target = folder / BACKBONE_NAME
    if backbone_file != target:
        shutil.copyfile(backbone_file, target)
    head.save(folder / HEAD_NAME)
    described = {
        "labels": list(contract.labels),
        "image_size": contract.image_size,
        "orientations": list(contract.orientations),
        "resizing": RESIZING,
        "backbone_sha256": sha256_of(target),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    (folder / DESCRIPTION_NAME).write_text(
        json.dumps(described, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"expected a list of strings, got {values!r}")
    return values


def _size(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"expected pixels as image_size, got {value!r}")
    return value


def _orientations(values: Any) -> list[Orientation]:
    known = [each for each in ORIENTATIONS if each in _strings(values)]
    if not known or known != values:
        raise ValueError(f"expected some of {', '.join(ORIENTATIONS)} as orientations")
    return known
