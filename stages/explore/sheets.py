"""Sheets of small images: examples of each label, pairs of similar ones, likely label errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stages.outputs.duplicates import DuplicateRow
from stages.outputs.label_errors import LabelErrorRow
from stages.outputs.split import SplitName
from stages.sheets import Tile, sheet, thumbnails

SIZE = 96  # pixels, width and height of an image
ERROR_SIZE = 144  # of one that is to be looked at closely
PAIR_COLUMNS = 4
ERROR_COLUMNS = 6


def example_sheet(directory: Path, examples: Mapping[str, Sequence[str]]) -> Figure:
    """Draw a row of images for each label, the label above it.

    Args:
        directory: that the paths are relative to.
        examples: paths of images by label.
    """
    tiles = [
        Tile(np.hstack(thumbnails(directory, paths, SIZE)), [label])
        for label, paths in examples.items()
    ]
    return sheet("Examples of each label", tiles, columns=1)


def pair_sheet(
    directory: Path,
    pairs: Sequence[DuplicateRow],
    split_of: Mapping[str, SplitName],
    title: str,
    none: str,
) -> Figure:
    """Draw pairs of images side by side, above them their paths, splits and distance.

    Args:
        directory: that the paths are relative to.
        pairs: those to draw.
        split_of: split of each image by path; an image without one was dropped.
        title: of the sheet.
        none: why there are no pairs, added to the title where so it is.
    """
    left = thumbnails(directory, [pair.path for pair in pairs], SIZE)
    right = thumbnails(directory, [pair.other_path for pair in pairs], SIZE)
    tiles = []
    for pair, *both in zip(pairs, left, right, strict=True):
        paths = (pair.path, pair.other_path)
        lines = [f"{path} ({split_of.get(path, 'dropped')})" for path in paths]
        tiles.append(Tile(np.hstack(both), [*lines, f"distance {pair.distance:g}"]))
    return sheet(title if tiles else f"{title}: {none}", tiles, PAIR_COLUMNS)


def label_error_sheet(directory: Path, errors: Sequence[LabelErrorRow], none: str) -> Figure:
    """Draw images, above each its path and the label that it more likely has.

    Args:
        directory: that the paths are relative to.
        errors: those to draw.
        none: why there are none, added to the title where so it is.
    """
    pixels = thumbnails(directory, [error.path for error in errors], ERROR_SIZE)
    tiles = [
        Tile(each, [error.path, f"rather {error.suggested_label}?"])
        for error, each in zip(errors, pixels, strict=True)
    ]
    title = "Likely label errors, likeliest first"
    return sheet(title if tiles else f"{title}: {none}", tiles, ERROR_COLUMNS)
