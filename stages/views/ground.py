"""Ground: which part of an image it is, and other ground that is drawn."""

import colorsys

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Mask = npt.NDArray[np.float32]

#: Things are told from ground in an image of this size.
SEEN_SIZE = 112
BORDER = 6  # pixels of it, which most of the ground lies in
#: Of 255: how far the ground's own colour goes, how far a thing's must be from it.
EVEN, DIFFERENT = 40, 28
#: Ground is light and nearly grey, as paper, a table, a belt in the light are.
DARKEST, MOST_SATURATED = 100, 0.2
#: Share of an image that is a thing; what is outside is more likely a mistake.
SMALLEST, LARGEST = 0.04, 0.85


def thing_on_even_ground(image: npt.NDArray[np.uint8]) -> Mask | None:
    """Return where an image shows a thing, `(h, w) float32`, 0 to 1; None where it can't be told.

    The colour of the ground is a plane fitted to the border of the image; what differs from it is a
    thing, with what it encloses.

    Args:
        image: `(h, w, 3) uint8`, RGB.
    """
    seen = Image.fromarray(image).resize((SEEN_SIZE, SEEN_SIZE), Image.Resampling.BILINEAR)
    small = ndimage.gaussian_filter(np.asarray(seen, np.float32), (1, 1, 0))
    border = np.ones((SEEN_SIZE, SEEN_SIZE), np.bool_)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    colour = np.median(small[border], axis=0)
    if colour.max() < DARKEST or np.ptp(colour) > MOST_SATURATED * colour.max():
        return None
    even = border & (np.abs(small - colour).max(axis=2) < EVEN)
    if even.sum() < border.sum() / 2:
        return None
    rows, columns = np.mgrid[:SEEN_SIZE, :SEEN_SIZE] / SEEN_SIZE
    places = np.stack([np.ones_like(rows), rows, columns], axis=2)
    plane, *_ = np.linalg.lstsq(places[even], small[even].astype(np.float64))
    thing = np.linalg.norm(small - places @ plane, axis=2) > DIFFERENT
    thing = ndimage.binary_fill_holes(ndimage.binary_closing(thing, iterations=3))
    thing = ndimage.binary_opening(thing)
    parts, count = ndimage.label(thing)
    if count == 0:
        return None
    sizes = ndimage.sum_labels(thing, parts, np.arange(1, count + 1))
    thing = np.isin(parts, 1 + np.flatnonzero(sizes >= sizes.max() / 10))
    if not SMALLEST < thing.mean() < LARGEST:
        return None
    soft = Image.fromarray(ndimage.gaussian_filter(thing.astype(np.float32), 0.8))
    return np.asarray(soft.resize(image.shape[1::-1], Image.Resampling.BILINEAR))


def drawn_ground(height: int, width: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return ground of two colours that blend as a slope or a texture, `(height, width, 3)`.

    Values are those of pixels, 0 to 255.
    """
    first = drawn_colour(random)
    second = first + random.normal(size=3) * random.uniform(5, 60)
    if random.random() < 0.25:
        second = drawn_colour(random)
    if random.random() < 0.25:
        rows, columns = np.mgrid[:height, :width]
        blend = random.random() * rows / height + random.random() * columns / width
    else:
        blend = drawn_texture(height, width, random)
    ground = first + (second - first) * blend[:, :, np.newaxis]
    ground += random.normal(size=(height, width, 1)) * random.uniform(0, 10)
    return np.asarray(np.clip(ground, 0, 255))


def drawn_colour(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a colour, pale more often than strong: `(3,)`, 0 to 255."""
    hue, saturation, value = random.random(), 0.9 * random.random() ** 1.5, random.uniform(0.05, 1)
    return 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def drawn_texture(height: int, width: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return noise of several scales, sometimes as stripes: `(height, width)`, 0 to 1."""
    texture = np.zeros((height, width), np.float32)
    for octave in range(1, random.integers(3, 7)):
        grid = random.normal(size=(2**octave + 1, 2**octave + 1)).astype(np.float32)
        scaled = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        texture += np.asarray(scaled) * random.uniform(0.2, 1) / octave ** random.uniform(0, 1)
    if random.random() < 0.3:
        texture = np.sin(
            texture * random.uniform(1, 8) + np.linspace(0, random.uniform(0, 60), width)
        )
    return np.asarray((texture - texture.min()) / max(np.ptp(texture), 1e-6), np.float32)
