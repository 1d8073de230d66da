"""Sheets of small images: examples of each label, pairs of similar ones, damaged files."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.outputs.duplicates import DuplicateRow
from stages.outputs.split import SplitName
from stages.outputs.suspects import SuspectRow
from stages.sheets import Tile, sheet, thumbnails
from waste_classifier.images import Photo

SIZE = 96  # pixels, width and height of an image
SUSPECT_SIZE = 144  # of one that is to be looked at closely
PAIR_COLUMNS = 4
SUSPECT_COLUMNS = 6
MOST_SUSPECTS = 24


def example_sheet(photos: Mapping[str, Photo], examples: Mapping[str, Sequence[str]]) -> Figure:
    """Draw a row of images for each label, the label above it.

    Args:
        photos: by path.
        examples: paths of images by label.
    """
    tiles = [
        Tile(np.hstack(thumbnails([photos[path] for path in paths], SIZE)), [label])
        for label, paths in examples.items()
    ]
    return sheet("Examples of each label", tiles, columns=1)


def pair_sheet(
    photos: Mapping[str, Photo],
    pairs: Sequence[DuplicateRow],
    split_of: Mapping[str, SplitName],
    title: str,
    when_empty: str = "none",
) -> Figure:
    """Draw pairs of images side by side, above them their paths, splits and distance.

    Args:
        photos: by path.
        pairs: those to draw.
        split_of: split of each image by path; an image without one was dropped.
        title: of the sheet.
        when_empty: why there are none, where there are none.
    """
    left = thumbnails([photos[pair.path] for pair in pairs], SIZE)
    right = thumbnails([photos[pair.other_path] for pair in pairs], SIZE)
    tiles = []
    for pair, *both in zip(pairs, left, right, strict=True):
        paths = (pair.path, pair.other_path)
        lines = [f"{path} ({split_of.get(path, 'dropped')})" for path in paths]
        tiles.append(Tile(np.hstack(both), [*lines, f"distance {pair.distance:g}"]))
    return sheet(title, tiles, PAIR_COLUMNS, when_empty)


def suspect_sheet(photos: Mapping[str, Photo], suspects: Sequence[SuspectRow]) -> Figure:
    """Draw images whose files are likely damaged, above each its path and what says so.

    Args:
        photos: by path.
        suspects: all of them; the first are drawn.
    """
    drawn = suspects[:MOST_SUSPECTS]
    pixels = thumbnails([photos[suspect.path] for suspect in drawn], SUSPECT_SIZE)
    tiles = [
        Tile(each, [suspect.path, suspect.reason])
        for suspect, each in zip(drawn, pixels, strict=True)
    ]
    title = f"{len(drawn)} of {len(suspects)} files that are likely damaged"
    return sheet(title, tiles, SUSPECT_COLUMNS, "no decoder warned of any")
