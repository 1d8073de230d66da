"""Sheets: many small photos in one picture, each with its words above it."""

import unicodedata
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from waste_classifier.images import Photo, loaded
from waste_classifier.parallel import map_in_threads

DPI = 100
MARGIN = 8  # pixels between two tiles
LINE_HEIGHT = 12  # pixels of a line of words
FONT_SIZE = 7.5  # points
CHARACTER_WIDTH = 5.2  # pixels, of most characters at that size
TITLE_HEIGHT = 36  # pixels

Pixels = npt.NDArray[np.uint8]


class Tile(NamedTuple):
    """One place on a sheet."""

    pixels: Pixels  #: `(h, w, 3) uint8`, RGB
    lines: Sequence[str]  #: above it
    colour: str = "black"  #: of the lines


def sheet(title: str, tiles: Sequence[Tile], columns: int, when_empty: str = "none") -> Figure:
    """Draw tiles line by line below a title.

    All is one image and words upon it: a figure of an axes per tile takes a hundred times as long.

    Args:
        title: of the sheet.
        tiles: in order.
        columns: at most so many.
        when_empty: why there are no tiles, where there are none.
    """
    whole_title = title if tiles else f"{title}: {when_empty}"
    columns = max(1, min(columns, len(tiles)))
    rows = ceil(len(tiles) / columns)
    lines = max((len(tile.lines) for tile in tiles), default=0)
    height = max((tile.pixels.shape[0] for tile in tiles), default=0)
    width = max((tile.pixels.shape[1] for tile in tiles), default=0)
    cell_height = lines * LINE_HEIGHT + height + 2 * MARGIN
    cell_width = width + 2 * MARGIN
    wide_enough = ceil(places(whole_title) * 1.8 * CHARACTER_WIDTH)
    canvas = np.full(
        (TITLE_HEIGHT + rows * cell_height, max(columns * cell_width, wide_enough), 3),
        255,
        np.uint8,
    )
    figure = Figure(figsize=(canvas.shape[1] / DPI, canvas.shape[0] / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    middle = canvas.shape[1] / 2
    axes.text(middle, TITLE_HEIGHT / 2, whole_title, ha="center", va="center", fontsize=12)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top = TITLE_HEIGHT + row * cell_height + MARGIN
        left = column * cell_width + MARGIN
        for line, text in enumerate(tile.lines):
            axes.text(
                left,
                top + line * LINE_HEIGHT,
                shortened(text, width),
                va="top",
                fontsize=FONT_SIZE,
                color=tile.colour,
            )
        top += lines * LINE_HEIGHT
        tile_height, tile_width, _ = tile.pixels.shape
        canvas[top : top + tile_height, left : left + tile_width] = tile.pixels
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    return figure


def thumbnails(photos: Sequence[Photo], size: int) -> list[Pixels]:
    """Return photos, their aspect ratio kept, each on a white square: `(size, size, 3) uint8`.

    Raises:
        PhotoError: one is missing or can't be decoded.
    """
    return list(map_in_threads(lambda photo: _thumbnail(photo, size), photos))


def shortened(text: str, width: float) -> str:
    """Return the end of a text, as much of it as `width` pixels hold: there differ two paths."""
    most = max(2, int(width / CHARACTER_WIDTH))
    if places(text) <= most:
        return text
    start = next(start for start in range(len(text)) if places(text[start:]) < most)
    return f"…{text[start:]}"


def places(text: str) -> int:
    """Return how many characters' width a text takes: a Chinese one is as wide as two Latin."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _thumbnail(photo: Photo, size: int) -> Pixels:
    # Stage fetch has checked how large it is.
    with loaded(photo, max_pixels=None) as whole:
        longest = max(whole.size)
        # Of a strip, at least a line is seen.
        sides = [max(1, round(side / longest * size)) for side in whole.size]
        image = whole.resize((sides[0], sides[1]), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return np.asarray(square)
