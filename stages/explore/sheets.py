"""Sheets of small images: examples of each label, and pairs of near-duplicates."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from stages.outputs.duplicates import DuplicateRow
from stages.outputs.label_errors import LabelErrorRow
from stages.outputs.split import SplitName
from waste_classifier.images import decode
from waste_classifier.parallel import map_in_threads

TILE = 96  # pixels, width and height of one image on a sheet
SQUARE = TILE + 4  # with a margin between two images
PAIR_COLUMNS = 4
ERROR_COLUMNS = 6
DPI = 100


def example_sheet(directory: Path, examples: Mapping[str, Sequence[str]]) -> Figure:
    """Draw a row of images for each label, the label at its left.

    Args:
        directory: that the paths are relative to.
        examples: paths of images by label.
    """
    columns = max(map(len, examples.values()))
    sheet = np.full((len(examples) * SQUARE, columns * SQUARE, 3), 255, dtype=np.uint8)
    for row, paths in enumerate(examples.values()):
        tiles = np.hstack(list(map_in_threads(tile, [directory / path for path in paths])))
        sheet[row * SQUARE : (row + 1) * SQUARE, : tiles.shape[1]] = tiles
    height, width, _ = sheet.shape
    figure = Figure(figsize=(width / DPI + 1.2, height / DPI + 0.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.imshow(sheet)
    axes.set_yticks([(row + 0.5) * SQUARE for row in range(len(examples))], list(examples))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Examples of each label")
    return figure


def pair_sheet(
    directory: Path,
    pairs: Sequence[DuplicateRow],
    split_of: Mapping[str, SplitName],
    title: str,
) -> Figure:
    """Draw pairs of images side by side, above them their paths, splits and distance.

    Args:
        directory: that the paths are relative to.
        pairs: those to draw; without any, the figure says so.
        split_of: split of each image by path; an image without one was dropped.
        title: of the sheet.
    """
    columns = max(min(PAIR_COLUMNS, len(pairs)), 2)
    figure, grid = _grid(len(pairs), columns, 2.5, title)
    for axes, pair in zip(grid, pairs, strict=False):
        paths = (pair.path, pair.other_path)
        axes.imshow(np.hstack([tile(directory / path) for path in paths]))
        captions = [f"{path} ({split_of.get(path, 'dropped')})" for path in paths]
        axes.set_title("\n".join([*captions, f"distance {pair.distance:g}"]), fontsize=7)
    return figure


def label_error_sheet(directory: Path, errors: Sequence[LabelErrorRow]) -> Figure:
    """Draw images, above each its path and the label that it more likely has.

    Args:
        directory: that the paths are relative to.
        errors: those to draw; without any, the figure says so.
    """
    columns = max(min(ERROR_COLUMNS, len(errors)), 3)
    figure, grid = _grid(len(errors), columns, 1.6, "Likely label errors, likeliest first")
    for axes, error in zip(grid, errors, strict=False):
        axes.imshow(tile(directory / error.path))
        axes.set_title(f"{error.path}\nrather {error.suggested_label}?", fontsize=7)
    return figure


def _grid(count: int, columns: int, width: float, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure and its `count` places and more, line by line, each `width` inches wide.

    Without anything to draw there is no place, and the title says so.
    """
    lines = ceil(count / columns)
    figure = Figure(figsize=(width * columns, 1.7 * lines + 0.7), dpi=DPI, layout="constrained")
    figure.suptitle(title if count else f"{title}: none")
    if count == 0:
        return figure, []
    grid = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    for axes in grid:
        axes.axis("off")
    return figure, grid


def tile(path: Path) -> npt.NDArray[np.uint8]:
    """Return an image, its aspect ratio kept, on a white square with a margin.

    Returns:
        `(SQUARE, SQUARE, 3) uint8`, RGB.
    """
    image = ImageOps.contain(decode(path, max_pixels=None), (TILE, TILE))
    square = Image.new("RGB", (SQUARE, SQUARE), "white")
    square.paste(image, ((square.width - image.width) // 2, (square.height - image.height) // 2))
    return np.asarray(square)
