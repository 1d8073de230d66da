"""What does a device's own way of resizing cost?

The classifier is asked about val photos that were resized as it learned to see them, and about the
same photos resized as other libraries do by default. Photos of a camera are larger than those of
many collections: `--enlarged` makes them larger by a factor first, so that more pixels shrink into
one.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.outputs.manifest import Manifest
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.progress import counted
from stages.stage import exit_code
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.images import load, load_resized
from waste_classifier.model import Model

Pixels = npt.NDArray[np.uint8]
#: Of a whole photo and a size, pixels: `(size, size, 3)`.
Resize = Callable[[Image.Image, int], Pixels]


class Cost(NamedTuple):
    """How another way of resizing changes what is said."""

    name: str
    accuracy: float
    same: float  #: share of the photos that keep their label
    largest: float  #: difference of a probability

    def line(self, width: int) -> str:
        """Return it as a line."""
        return (
            f"{self.name:{width}}  accuracy {self.accuracy:.4f}  same label {self.same:.4f}  "
            f"largest difference {self.largest:.3f}"
        )


def by_pillow(resampling: Image.Resampling) -> Resize:
    """Return a filter of Pillow, which averages over all pixels that shrink into one."""
    return lambda photo, size: np.asarray(photo.resize((size, size), resampling))


def by_four_neighbours(photo: Image.Image, size: int) -> Pixels:
    """Return what bilinear interpolation without an average makes of a photo.

    So do `tf.image.resize`, OpenCV's `INTER_LINEAR` and `F.interpolate` of PyTorch by default:
    each pixel is made of the four next to its place, however many lie between two of them.
    """
    pixels = np.asarray(photo, np.float32)
    for axis in (0, 1):
        length = pixels.shape[axis]
        places = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        before = np.floor(places).astype(np.intp)
        after = np.minimum(before + 1, length - 1)
        part = (places - before).astype(np.float32)
        part = part[:, None, None] if axis == 0 else part[None, :, None]
        pixels = pixels.take(before, axis) * (1 - part) + pixels.take(after, axis) * part
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


RESIZES: Mapping[str, Resize] = {
    "bilinear of four neighbours (tf.image, OpenCV, PyTorch)": by_four_neighbours,
    "nearest": by_pillow(Image.Resampling.NEAREST),
    "Pillow, bicubic": by_pillow(Image.Resampling.BICUBIC),
    "Pillow, Lanczos": by_pillow(Image.Resampling.LANCZOS),
    "Pillow, box": by_pillow(Image.Resampling.BOX),
}
CONTRACT = "as the classifier learned (Pillow, bilinear)"


def costs(said: Mapping[str, npt.NDArray[np.float32]], actual: npt.NDArray[np.intp]) -> list[Cost]:
    """Return what each way of resizing costs, beside that of the contract.

    Args:
        said: by name, probabilities of the n photos, `(n, k)`; the first is that of the contract.
        actual: `(n,)`, positions of labels.
    """
    own = next(iter(said.values()))
    return [
        Cost(
            name,
            float((each.argmax(axis=1) == actual).mean()),
            float((each.argmax(axis=1) == own.argmax(axis=1)).mean()),
            float(np.abs(each - own).max()),
        )
        for name, each in said.items()
    ]


def main() -> None:
    """Read the command line, ask, print a line for each way of resizing."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.resizing", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--images", type=int, default=252, help="of val (default 252)")
    parser.add_argument(
        "--enlarged", type=float, default=1, help="photos are larger by this first (default 1)"
    )
    arguments = parser.parse_args()
    if arguments.images < 1 or not 1 <= arguments.enlarged <= 16:
        parser.error("--images takes whole numbers from 1, --enlarged numbers from 1 to 16")
    model = Model.load(MODEL_DIR)
    predictions = read_predictions(PREDICTIONS_FILE, "val")
    if predictions.labels != model.labels:
        raise InputError(f"{PREDICTIONS_FILE}: of other labels than the classifier's")
    photos = Manifest().photos_by_path(predictions.paths, PREDICTIONS_FILE)
    chosen = evenly(len(predictions.paths), arguments.images)
    seen: dict[str, list[Pixels]] = {name: [] for name in (CONTRACT, *RESIZES)}
    for position in counted(chosen.tolist(), "resizing", len(chosen), "images"):
        photo = load(photos[predictions.paths[position]], max_pixels=None)
        width, height = (round(side * arguments.enlarged) for side in photo.size)
        photo = photo.resize((width, height), Image.Resampling.BICUBIC)
        seen[CONTRACT].append(load_resized(photo, model.image_size, max_pixels=None))
        for name, resize in RESIZES.items():
            seen[name].append(resize(photo, model.image_size))
    said = {
        name: model.predict(images)
        for name, images in counted(seen.items(), "answers", len(seen), "ways")
    }
    found = costs(said, predictions.actual[chosen])
    width = max(len(each.name) for each in found)
    for each in found:
        print(each.line(width))


if __name__ == "__main__":
    sys.exit(exit_code(main))
