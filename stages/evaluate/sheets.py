"""Sheets of images with their labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.drawing import BLUE, VERMILION
from stages.outputs.predictions import Predictions
from stages.sheets import Tile, sheet, thumbnails
from waste_classifier.images import Photo

SIZE = 160  # pixels, width and height of an image on a sheet
COLUMNS = 6


def choose_examples(images: int, count: int, seed: int) -> list[int]:
    """Return positions of up to `count` of the images, drawn at random, in rising order."""
    generator = np.random.default_rng(seed)
    return sorted(generator.permutation(images)[:count].tolist())


def example_sheet(
    photos: Mapping[str, Photo], predictions: Predictions, positions: Sequence[int]
) -> Figure:
    """Draw some of the images, right and wrong, as `_tiles` says."""
    title = f"{len(positions)} of {len(predictions.paths)} {_unit(predictions)}, drawn at random"
    return sheet(title, _tiles(photos, predictions, positions), COLUMNS)


def mistake_sheet(
    photos: Mapping[str, Photo], predictions: Predictions, positions: Sequence[int]
) -> Figure:
    """Draw some of the images with a wrong label, as `_tiles` says; without any, say so."""
    all_of_them = f"{len(predictions.paths)} {_unit(predictions)}"
    wrong = np.count_nonzero(predictions.predicted != predictions.actual)
    title = f"Mistakes: the most confident {len(positions)} of {wrong}, among {all_of_them}"
    if not positions:
        title = "Mistakes"
    tiles = _tiles(photos, predictions, positions)
    return sheet(title, tiles, COLUMNS, f"none, all {all_of_them} are right")


def _unit(predictions: Predictions) -> str:
    return "images" if predictions.repeats == 1 else "answers"


def _tiles(
    photos: Mapping[str, Photo], predictions: Predictions, positions: Sequence[int]
) -> list[Tile]:
    """Return images, above each its path, the predicted label and how sure, and the actual one.

    Args:
        photos: by path.
        predictions: of all images.
        positions: of the images to draw.
    """
    paths = [predictions.paths[position] for position in positions]
    tiles = []
    for position, pixels in zip(
        positions, thumbnails([photos[path] for path in paths], SIZE), strict=True
    ):
        actual = predictions.labels[predictions.actual[position]]
        predicted = predictions.labels[predictions.predicted[position]]
        said = f"{predicted} ({predictions.confidences[position]:.0%})"
        right = predicted == actual
        words = [f"right: {said}", ""] if right else [f"wrong: {said}", f"is {actual}"]
        tiles.append(
            Tile(pixels, [predictions.paths[position], *words], BLUE if right else VERMILION)
        )
    return tiles
