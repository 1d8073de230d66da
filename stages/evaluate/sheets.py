"""Sheets of test images with their labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.outputs.predictions import Predictions
from stages.sheets import Tile, sheet, thumbnails
from waste_classifier.images import Photo

SIZE = 160  # pixels, width and height of an image on a sheet
COLUMNS = 6


def choose_examples(images: int, count: int, seed: int) -> list[int]:
    """Return positions of up to `count` of the images, drawn at random, in rising order."""
    generator = np.random.default_rng(seed)
    return sorted(generator.permutation(images)[:count].tolist())


def choose_mistakes(predictions: Predictions, count: int) -> list[int]:
    """Return positions of up to `count` images with a wrong label, most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.actual)
    order = np.argsort(-predictions.confidences[wrong], kind="stable")
    return [int(position) for position in wrong[order][:count]]


def prediction_sheet(
    photos: Mapping[str, Photo],
    predictions: Predictions,
    positions: Sequence[int],
    title: str,
    when_empty: str = "none",
) -> Figure:
    """Draw images, above each its path, its actual label, and the predicted one and how sure.

    Green where the two agree, red where not.

    Args:
        photos: by path.
        predictions: of all test images.
        positions: of the images to draw.
        title: of the sheet.
        when_empty: why there are none, where there are none.
    """
    paths = [predictions.paths[position] for position in positions]
    tiles = []
    seen = thumbnails([photos[path] for path in paths], SIZE)
    for position, pixels in zip(positions, seen, strict=True):
        actual = predictions.labels[predictions.actual[position]]
        predicted = predictions.labels[predictions.predicted[position]]
        said = f"{predicted} ({predictions.confidences[position]:.0%})"
        right = predicted == actual
        lines = [predictions.paths[position], f"right: {said}" if right else f"not {said}"]
        tiles.append(Tile(pixels, lines, "green" if right else "red"))
    return sheet(title, tiles, COLUMNS, when_empty)
