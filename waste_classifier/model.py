"""The model as one folder: what training writes, and what says probabilities from it.

- `backbone.keras`: the network from pixels to features, for inference, float32, with each
  BatchNorm folded into the convolution before it; or `classifier.tflite`, the same network for
  LiteRT, which takes no seconds to start.
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
from threading import Lock
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.head import Head
from waste_classifier.images import MAX_PIXELS, Photo, resized_batches
from waste_classifier.orientations import ORIENTATIONS, Orientation

DESCRIPTION_NAME = "classifier.json"
BACKBONE_NAME = "backbone.keras"
LITERT_NAME = "classifier.tflite"
HEAD_NAME = "head.npz"

#: How a photo becomes a square of pixels; another way would lose accuracy unheard.
RESIZING = {"filter": "bilinear", "antialias": True, "keep_aspect_ratio": False}
#: Those whose version may change what the classifier says.
LIBRARIES = ("keras", "numpy", "pillow", "tensorflow")

#: Threads that ask one classifier at once read its network once; it is large.
_loading_network = Lock()


class Contract(NamedTuple):
    """What holds for every photo, whatever the weights."""

    labels: tuple[str, ...]  #: in the order of the probabilities
    orientations: tuple[Orientation, ...]  #: that probabilities are averaged over
    image_size: int  #: pixels, width and height of what the backbone sees


class Network(Protocol):
    """From pixels to features, by whatever runs it."""

    image_size: int  #: pixels, width and height of what it sees
    columns: int  #: features of an image

    def features(
        self, images: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> npt.NDArray[np.float32]:
        """Return features, `(n, orientations, d) float32`, of images `(n, size, size, 3) uint8`."""

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the output of the last stage, `(h, w, c) float32`, of one image as received."""

    def features_and_activations(
        self, image: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return features, `(orientations, d) float32`, and `activations` of one image."""


class Model:
    """Tells the probabilities of a photo."""

    def __init__(self, contract: Contract, head: Head, folder: Path, backbone_sha256: str) -> None:
        """Take what `load` reads."""
        self.labels, self.orientations, self.image_size = contract
        self.backbone_sha256 = backbone_sha256  #: of the Keras file
        self.head = head
        self.folder = folder

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Self:
        """Read a model; its backbone is read when it is first needed.

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
            model = cls(
                contract,
                Head.load(folder / HEAD_NAME),
                folder,
                str(described["backbone_sha256"]),
            )
            resizing = described["resizing"]
        except FileNotFoundError:
            raise InputError(
                f"{file}: no such file; name the folder of a trained classifier, or train one"
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
        if len(model.labels) != model.head.labels:
            raise InputError(
                f"{file}: names {len(model.labels)} labels, but {HEAD_NAME} gives "
                f"{model.head.labels} probabilities; bring the folder back whole"
            )
        return model

    @property
    def backbone(self) -> Network:
        """The network from pixels to features: by LiteRT where the folder has a file for it.

        Raises:
            InputError: its file is missing or damaged, or what runs it is not installed.
        """
        with _loading_network:
            return self._network

    @cached_property
    def _network(self) -> Network:
        file, network = _load_network(self.folder, len(self.orientations))
        wanted = (self.image_size, self.head.features)
        if (network.image_size, network.columns) != wanted:
            raise InputError(
                f"{file}: takes {network.image_size} pixels and gives {network.columns} features, "
                f"but the rest of the classifier expects {wanted[0]} and {wanted[1]}; bring the "
                "folder back whole"
            )
        return network

    def described(self) -> dict[str, Any]:
        """Return what a device must know to ask the network, for the metadata of its file."""
        return {
            "labels": list(self.labels),
            "image_size": self.image_size,
            "orientations": list(self.orientations),
            "resizing": RESIZING,
            "input": "image, (1, size, size, 3) uint8, RGB, upright, transparency on white",
        }

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
            TypeError: a single photo was given, or something else than photos.
            ValueError: `batch_size` is below 1.
        """
        batches = resized_batches(photos, self.image_size, batch_size, max_pixels)
        probabilities = [self.predict_features(self.features(batch)) for batch in batches]
        return np.concatenate([np.empty((0, len(self.labels)), np.float32), *probabilities])

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features of resized images, `(n, orientations, d) float32`.

        Args:
            images: `(n, size, size, 3) uint8`, RGB.
        """
        return self.backbone.features(images, self.orientations)

    def predict_features(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the probabilities of photos whose features are known, `(n, labels) float32`.

        Args:
            features: `(n, orientations, d) float32`, as the backbone gives them for the
                orientations of this classifier.
        """
        count, orientations, columns = features.shape
        if orientations != len(self.orientations) or columns != self.head.features:
            raise ValueError(
                f"expected (n, {len(self.orientations)}, {self.head.features}) features, "
                f"got {features.shape}"
            )
        probabilities = self.head(features.reshape(-1, columns))
        mean: npt.NDArray[np.float32] = probabilities.reshape(count, orientations, -1).mean(axis=1)
        return mean


def write_model(folder: Path, contract: Contract, head: Head, backbone_file: Path) -> None:
    """Write a model into an empty folder; equal inputs give equal bytes.

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


def _load_network(folder: Path, orientations: int) -> tuple[Path, Network]:
    """Return the file of a folder's network, and what was read of it.

    Args:
        folder: of the classifier.
        orientations: how many it sees a photo in, which a file for LiteRT has built in.
    """
    file = folder / LITERT_NAME
    if file.exists():
        from waste_classifier.litert import LiteRTNetwork

        network = LiteRTNetwork.load(file)
        if network.orientations != orientations:
            raise InputError(
                f"{file}: sees a photo in {network.orientations} orientations, but "
                f"{DESCRIPTION_NAME} says {orientations}; bring the folder back whole"
            )
        return file, network
    file = folder / BACKBONE_NAME
    try:
        from waste_classifier.backbone import Backbone
    except ModuleNotFoundError as error:
        raise InputError(
            f"{file}: takes {error.name} to run, which is not installed; install it, or take a "
            f"folder with a {LITERT_NAME} (`dvc repro release/dvc.yaml` makes one)"
        ) from None
    return file, Backbone.load(file)


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
