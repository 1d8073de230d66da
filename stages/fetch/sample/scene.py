"""The photo: a drawn object on light ground, with pose, light, shadow and noise."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.fetch.sample.texture import Drawing, smooth_noise

# How hard the photos are: more of each makes labels harder to tell apart.
SCALES = (0.95, 1.3)
SHIFT = 0.08
EXPOSURES = (0.86, 1.08)
COLOUR_CAST = 0.03
REPEATED_EXPOSURES = (0.97, 1.03)
SENSOR_NOISE = (0.005, 0.025)
BLUR = (0.0, 0.9)


def photograph(
    drawing: Drawing, image_size: int, random: np.random.Generator, sensor: np.random.Generator
) -> Image.Image:
    """Return a photo of the object: `image_size` pixels square, RGB.

    Args:
        drawing: the object.
        image_size: width and height in pixels.
        random: what pose, ground, light and blur follow from.
        sensor: what differs between two photos of one scene: exposure, a little, and noise.
    """
    canvas = drawing.shape[0]
    placed = _place(drawing, random)
    colour, alpha = placed[..., :3], placed[..., 3:]

    ground = _ground(canvas, random)
    shadow = _shadow(alpha[..., 0], random)[..., None]
    scene = ground * (1 - shadow)
    scene = scene * (1 - alpha) + colour * alpha
    scene *= _light(canvas, random)[..., None]
    scene *= 1 + random.uniform(-COLOUR_CAST, COLOUR_CAST, 3)

    image = Image.fromarray((scene.clip(0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(*BLUR) * canvas / 128))
    image = image.resize((image_size, image_size), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, np.float64) / 255
    pixels = pixels * sensor.uniform(*REPEATED_EXPOSURES)
    pixels = pixels + sensor.normal(0, sensor.uniform(*SENSOR_NOISE), pixels.shape)
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def _place(drawing: Drawing, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Turn, scale and move the object on its canvas."""
    canvas = drawing.shape[0]
    angle, scale = random.uniform(0, 2 * np.pi), random.uniform(*SCALES)
    shift = random.uniform(-SHIFT, SHIFT, 2) * canvas
    # Seen at a slant, one direction shortens.
    slant = random.uniform(0.8, 1.0)
    centre = canvas / 2
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    matrix = np.array([[cos, sin], [-sin / slant, cos / slant]])
    offset = np.array([centre, centre]) - matrix @ (np.array([centre, centre]) + shift)
    layers = [
        Image.fromarray(drawing[..., channel].astype(np.float32)).transform(
            (canvas, canvas),
            Image.Transform.AFFINE,
            (*matrix[0], offset[0], *matrix[1], offset[1]),
            Image.Resampling.BILINEAR,
        )
        for channel in range(4)
    ]
    return np.stack([np.asarray(layer, np.float64) for layer in layers], axis=-1).clip(0, 1)


def _ground(canvas: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    tone = random.uniform(0.78, 0.97) + random.uniform(-0.015, 0.015, 3)
    grain = 0.04 * smooth_noise(canvas, 40, random) + 0.05 * smooth_noise(canvas, 3, random)
    return np.asarray(tone + grain[..., None])


def _shadow(alpha: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.float64]:
    canvas = len(alpha)
    direction, length = random.uniform(0, 2 * np.pi), random.uniform(0.01, 0.06) * canvas
    shift = (round(length * np.sin(direction)), round(length * np.cos(direction)))
    cast = Image.fromarray((np.roll(alpha, shift, (0, 1)) * 255).astype(np.uint8))
    cast = cast.filter(ImageFilter.GaussianBlur(random.uniform(0.015, 0.05) * canvas))
    return np.asarray(np.asarray(cast, np.float64) / 255 * random.uniform(0.25, 0.6))


def _light(canvas: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the exposure of each pixel: brighter towards a lamp at one side."""
    y, x = np.mgrid[-1 : 1 : canvas * 1j, -1 : 1 : canvas * 1j]
    direction = random.uniform(0, 2 * np.pi)
    slope = random.uniform(0, 0.16) * (x * np.cos(direction) + y * np.sin(direction))
    return np.asarray(random.uniform(*EXPOSURES) + slope)
