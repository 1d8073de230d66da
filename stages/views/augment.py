"""Views: a part of an image, turned, in other light and, sometimes, on other ground.

What is drawn is what differs between a laboratory and a sorting line, strongly: the head that
learns from views sees the images as received beside them. The changes are those of Hendrycks and
Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
and random resized crops (Szegedy et al. 2015, "Going Deeper with Convolutions", section 6).
"""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.views.ground import drawn_ground, thing_on_even_ground

Pixels = npt.NDArray[np.uint8]

SMALLEST_PART = 0.25  # of the area of an image
LARGEST_STRETCH = 0.3  # logarithm of the ratio of height to width of a part
SMALLEST_THING = 0.55  # of its width and height, on other ground


def draw_view(image: Pixels, size: int, ground: float, random: np.random.Generator) -> Pixels:
    """Return a view of an image, `(size, size, 3) uint8`, RGB.

    Args:
        image: `(h, w, 3) uint8`, RGB.
        size: of the view, pixels.
        ground: how often the thing is laid on other ground, where it lies on an even one; 0 to 1.
        random: all is drawn from.
    """
    if random.random() < ground:
        image = lay_on_other_ground(image, random)
    part = draw_part(image, random)
    if random.random() < 0.3:
        coarse = round(size * random.uniform(0.3, 0.9))
        part = resized(part, coarse, coarse)
    view = np.rot90(resized(part, size, size), int(random.integers(4)))
    if random.random() < 0.5:
        view = view[:, ::-1]
    view = change_light(view, random)
    return change_camera(view, random)


def lay_on_other_ground(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return an image with its thing on drawn ground, sometimes farther away.

    Where what is thing and what is ground can't be told, it is left as it is.
    """
    mask = thing_on_even_ground(image)
    if mask is None:
        return image
    height, width = mask.shape
    scale = random.uniform(SMALLEST_THING, 1.0) if random.random() < 0.6 else 1.0
    small = (round(height * scale), round(width * scale))
    top, left = (
        int(random.integers(0, whole - part + 1))
        for whole, part in zip(mask.shape, small, strict=True)
    )
    place = (slice(top, top + small[0]), slice(left, left + small[1]))
    laid = drawn_ground(height, width, random)
    share = np.asarray(Image.fromarray(mask).resize(small[::-1], Image.Resampling.BILINEAR))
    share = share[:, :, np.newaxis]
    laid[place] = share * resized(image, *small) + (1 - share) * laid[place]
    return laid.astype(np.uint8)


def draw_part(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return a rectangle of an image."""
    height, width = image.shape[:2]
    area = random.uniform(SMALLEST_PART, 1.0)
    stretch = np.exp(random.uniform(-LARGEST_STRETCH, LARGEST_STRETCH) / 2)
    rows = min(height, round(height * np.sqrt(area) * stretch))
    columns = min(width, round(width * np.sqrt(area) / stretch))
    top = random.integers(0, height - rows + 1)
    left = random.integers(0, width - columns + 1)
    return image[top : top + rows, left : left + columns]


def change_light(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return an image in other light: gamma, white balance, brightness, contrast, saturation."""
    light = (image.astype(np.float32) / 255) ** np.exp(random.normal() * 0.25)
    light *= np.exp(random.normal(size=3) * 0.1) * np.exp(random.normal() * 0.18)
    mean = light.mean()
    light = mean + (light - mean) * np.exp(random.normal() * 0.22)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * np.exp(random.normal() * 0.3)
    changed: Pixels = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    return changed


def change_camera(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return an image as a worse camera has it: blurred, noisy, compressed, or none of these."""
    if random.random() < 0.25:
        radius = random.uniform(0.3, 1.7)
        image = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    if random.random() < 0.2:
        noise = random.normal(size=image.shape) * random.uniform(2, 15)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(random.integers(30, 90)))
        image = np.asarray(Image.open(file))
    return image


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """Return an image of another size."""
    contiguous = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(contiguous.resize((width, height), Image.Resampling.BILINEAR))
