"""What materials are drawn with: outlines, noise, folds, highlights, print.

All of it works on a square canvas whose coordinates run from -1 to 1, x to the right, y down.
A `Drawing` is `(CANVAS, CANVAS, 4) float64`, red, green, blue, opacity, 0 to 1.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

CANVAS = 224

Field = npt.NDArray[np.float64]
Drawing = npt.NDArray[np.float64]
Colour = Sequence[float] | Field


def coordinates() -> tuple[Field, Field]:
    """Return x and y of each pixel."""
    y, x = np.mgrid[-1 : 1 : CANVAS * 1j, -1 : 1 : CANVAS * 1j]
    return x, y


def smooth_noise(size: int, cells: int, random: np.random.Generator) -> Field:
    """Return noise in [-1, 1] with about `cells` bumps along each side."""
    coarse = random.uniform(-1, 1, (cells + 3, cells + 3)).astype(np.float32)
    image = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float64).clip(-1, 1)


def drawing(colour: Field, opacity: Field) -> Drawing:
    """Put colour and opacity together."""
    return np.dstack([colour.clip(0, 1), opacity.clip(0, 1)])


def paint(shade: Field, colour: Colour) -> Field:
    """Return an image of one colour, lighter and darker by `shade` (1: the colour itself)."""
    return shade[..., None] * np.asarray(colour, np.float64)


def blend(image: Field, colour: Colour, weight: Field) -> Field:
    """Lay a colour over an image where `weight` is above 0."""
    return image * (1 - weight[..., None]) + np.asarray(colour) * weight[..., None]


def bump(values: Field, centre: float, width: float) -> Field:
    """Return a bell of height 1 about `centre`: a highlight across a curved surface."""
    return np.exp(-(((values - centre) / width) ** 2))


def edge(distance: Field, softness: float = 0.02) -> Field:
    """Return 1 where `distance` is negative (inside), 0 outside, smooth between."""
    return (0.5 - distance / softness).clip(0, 1)


def turned(profile: Sequence[tuple[float, float]]) -> tuple[Field, Field]:
    """Return a solid of revolution seen from the side.

    Args:
        profile: (y, half width) from top to bottom.

    Returns:
        How far across it each pixel lies (-1 left edge, 0 axis, 1 right edge), and its outline.
    """
    x, y = coordinates()
    heights, widths = zip(*profile, strict=True)
    half_width = np.interp(y, heights, widths)
    outline = edge(np.abs(x) - half_width) * edge(heights[0] - y) * edge(y - heights[-1])
    return (x / half_width).clip(-1, 1), outline


def blob(radius: float, roughness: float, random: np.random.Generator) -> tuple[Field, Field]:
    """Return an irregular round shape: distance from its rim (negative inside) and outline."""
    x, y = coordinates()
    angle = np.arctan2(y, x)
    rim = np.full_like(x, radius)
    for waves in range(2, 9):
        phase = random.uniform(0, 2 * np.pi)
        rim += roughness * radius * random.uniform(-1, 1) / waves * np.cos(waves * angle + phase)
    distance = np.hypot(x, y * random.uniform(1.0, 1.4)) - rim
    return distance, edge(distance)


def polygon(corners: Sequence[tuple[float, float]]) -> Field:
    """Return the outline of a polygon."""
    image = Image.new("L", (2 * CANVAS, 2 * CANVAS))
    points = [((x + 1) * CANVAS, (y + 1) * CANVAS) for x, y in corners]
    ImageDraw.Draw(image).polygon(points, fill=255)
    return np.asarray(image.resize((CANVAS, CANVAS), Image.Resampling.BOX), np.float64) / 255


def sheet_corners(
    width: float, height: float, random: np.random.Generator, slack: float = 0.06
) -> list[tuple[float, float]]:
    """Return the corners of a flat rectangle, a little out of true."""
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [
        (sx * width + random.uniform(-slack, slack), sy * height + random.uniform(-slack, slack))
        for sx, sy in signs
    ]


def facets(count: int, random: np.random.Generator) -> tuple[Field, Field]:
    """Return the faces of something crumpled: brightness of each in [-1, 1], and its creases."""
    x, y = coordinates()
    centres = random.uniform(-1, 1, (count, 2))
    distances = np.hypot(x[..., None] - centres[:, 0], y[..., None] - centres[:, 1])
    nearest = distances.argmin(axis=-1)
    slopes = random.uniform(-1.5, 1.5, (count, 2))
    face = random.uniform(-0.7, 0.7, count)[nearest]
    face = face + slopes[nearest, 0] * (x - centres[nearest, 0])
    face = face + slopes[nearest, 1] * (y - centres[nearest, 1])
    two = np.partition(distances, 1, axis=-1)[..., :2]
    creases = edge(two[..., 1] - two[..., 0] - 0.02, 0.03)
    return face.clip(-1, 1), creases


def text_lines(
    left: float, right: float, top: float, bottom: float, pitch: float, random: np.random.Generator
) -> Field:
    """Return rows of words between the given bounds, as weight of ink."""
    image = Image.new("L", (2 * CANVAS, 2 * CANVAS))
    pen = ImageDraw.Draw(image)
    row = top
    while row < bottom:
        column = left
        end = right - (random.uniform(0, 0.6) * (right - left) if random.random() < 0.2 else 0)
        while column < end:
            word = min(random.uniform(0.04, 0.16), end - column)
            box = (column, row, column + word, row + 0.4 * pitch)
            pen.rectangle([(value + 1) * CANVAS for value in box], fill=230)
            column += word + 0.025
        row += pitch
    return np.asarray(image.resize((CANVAS, CANVAS), Image.Resampling.BOX), np.float64) / 255


def pick(random: np.random.Generator, colours: Sequence[Sequence[float]]) -> Field:
    """Return one of the colours, a little varied."""
    chosen = np.asarray(colours[int(random.integers(len(colours)))])
    return (chosen + random.uniform(-0.06, 0.06, 3)).clip(0.02, 0.98)
