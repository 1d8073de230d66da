"""A sheet of likely label errors."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from stages.outputs.label_errors import LabelErrorRow
from stages.sheets import Tile, sheet, thumbnails
from waste_classifier.images import Photo

SIZE = 144  # pixels, width and height of an image
COLUMNS = 6


def label_error_sheet(photos: Mapping[str, Photo], errors: Sequence[LabelErrorRow]) -> Figure:
    """Draw images, above each its path and the label that it more likely has.

    Args:
        photos: by path.
        errors: those to draw.
    """
    pixels = thumbnails([photos[error.path] for error in errors], SIZE)
    tiles = [
        Tile(each, [error.path, f"rather {error.suggested_label}?"])
        for error, each in zip(errors, pixels, strict=True)
    ]
    return sheet("Likely label errors, likeliest first", tiles, COLUMNS, "none found")
