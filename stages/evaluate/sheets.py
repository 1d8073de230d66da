"""Sheets of test images with their labels."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import ImageOps

from stages.outputs.predictions import Predictions
from waste_classifier.images import decode

TILE = 160  # pixels, width and height of the largest image on a sheet
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
    directory: Path, predictions: Predictions, positions: Sequence[int], title: str
) -> Figure:
    """Draw images, above each its actual label, and predicted label and confidence.

    Green where the two agree, red where not.

    Args:
        directory: that the paths are relative to.
        predictions: of all test images.
        positions: of the images to draw; without any, the figure shows the title alone.
        title: of the sheet.
    """
    columns = min(COLUMNS, max(len(positions), 3))
    lines = ceil(len(positions) / columns)
    figure = Figure(figsize=(1.9 * columns, 2.2 * lines + 0.6), layout="constrained")
    figure.suptitle(title)
    if not positions:
        return figure
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, position in zip(grid, positions, strict=False):
        actual = predictions.labels[predictions.actual[position]]
        predicted = predictions.labels[predictions.predicted[position]]
        confidence = predictions.confidences[position]
        axes.imshow(_thumbnail(directory / predictions.paths[position]))
        axes.set_title(
            f"{actual}\npredicted: {predicted} ({confidence:.0%})",
            fontsize=9,
            color="green" if predicted == actual else "red",
        )
    return figure


def _thumbnail(path: Path) -> npt.NDArray[np.uint8]:
    """Return an image with its aspect ratio: `(h, w, 3) uint8`, RGB, the longer side `TILE`."""
    return np.asarray(ImageOps.contain(decode(path, max_pixels=None), (TILE, TILE)))
