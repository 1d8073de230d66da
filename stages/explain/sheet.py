"""A sheet of mistakes: what the network saw in each, and which training photos it looks like."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from stages.drawing import VERMILION
from stages.sheets import Tile, sheet
from waste_classifier.explanation import Explanation, overlay

#: Pixels, width and height of an image.
SIDE = 144
#: Training photos beside a mistake.
NEAREST = 4


class Mistake(NamedTuple):
    """A photo that got a wrong label."""

    path: str
    label: str  #: that it has
    predicted: str
    probability: float  #: of the predicted one
    image: npt.NDArray[np.uint8]  #: `(size, size, 3) uint8`, RGB, resized
    explanation: Explanation  #: of the predicted label


def mistake_sheet(mistakes: Sequence[Mistake], images: int) -> Figure:
    """Draw a row for each mistake: the photo, its map, the nearest training photos.

    Args:
        mistakes: in order.
        images: among which they are.
    """
    title = f"Why: the {len(mistakes)} most confident mistakes among {images} test images"
    tiles = [tile for mistake in mistakes for tile in _row(mistake)]
    return sheet(title if mistakes else "Why", tiles, 2 + NEAREST, f"all {images} are right")


def _row(mistake: Mistake) -> list[Tile]:
    photo = Image.fromarray(mistake.image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    said = [mistake.path, f"wrong: {mistake.predicted} ({mistake.probability:.0%})"]
    tiles = [
        Tile(np.asarray(photo), [*said, f"is {mistake.label}"], VERMILION),
        Tile(
            np.asarray(overlay(photo, mistake.explanation.map)),
            ["", f"what speaks for {mistake.predicted}", ""],
        ),
    ]
    for neighbour in mistake.explanation.nearest:
        words = [neighbour.path, f"training photo: {neighbour.label}", ""]
        tiles.append(Tile(_on_white(neighbour.thumbnail), words))
    # Where fewer train, the next mistake still begins its own row.
    empty = [Tile(_on_white(None), [""])] * (2 + NEAREST - len(tiles))
    return [*tiles, *empty]


def _on_white(picture: Image.Image | None) -> npt.NDArray[np.uint8]:
    square = Image.new("RGB", (SIDE, SIDE), "white")
    if picture is not None:
        small = ImageOps.contain(picture, (SIDE, SIDE))
        square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return np.asarray(square)
