"""Photos made worse in a dozen ways, each at one strength.

After Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations" (about their severity 3), with other ground and another scale beside them. They
judge and nothing trains on them; `stages/views` draws others, at random strengths.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.views.ground import thing_on_even_ground

Pixels = npt.NDArray[np.uint8]

STRIPE = 24  # of other ground, in pixels of a 384th of the width
STRIPES = np.array([[60, 90, 150], [190, 170, 60]])  # its two colours
MOTION = 15  # pixels of a 384th of the width


def on_stripes(image: Pixels) -> Pixels:
    """Lay the thing on striped ground, where it lies on an even one."""
    mask = thing_on_even_ground(image)
    if mask is None:
        return image
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    width = max(1, round(STRIPE * image.shape[1] / 384))
    ground = STRIPES[(rows + columns) // width % 2]
    share = mask[:, :, np.newaxis]
    return _pixels(share * image + (1 - share) * ground)


def far_away(image: Pixels) -> Pixels:
    """Halve the width and height of the photo, and fill its border with the colour of its own."""
    height, width = image.shape[:2]
    ground = np.median(image[:8].reshape(-1, 3), axis=0)
    whole = np.broadcast_to(ground, image.shape).astype(np.uint8)
    half = _resized(image, width // 2, height // 2)
    top, left = height // 4, width // 4
    whole[top : top + half.shape[0], left : left + half.shape[1]] = half
    return whole


def close_up(image: Pixels) -> Pixels:
    """Leave out a fifth of width and height on each side."""
    height, width = image.shape[:2]
    return image[height // 5 : height - height // 5, width // 5 : width - width // 5]


def noisy(image: Pixels) -> Pixels:
    """Add normal noise, the same for every photo."""
    return _pixels(image + 25 * np.random.default_rng(0).normal(size=image.shape))


def blurred(image: Pixels) -> Pixels:
    """Put it out of focus."""
    radius = 3 * image.shape[1] / 384
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def moving(image: Pixels) -> Pixels:
    """Move the camera to the side while it takes the photo."""
    steps = max(2, round(MOTION * image.shape[1] / 384))
    seen = [np.roll(image, step - steps // 2, axis=1).astype(np.float32) for step in range(steps)]
    return _pixels(np.mean(seen, axis=0))


def compressed(image: Pixels) -> Pixels:
    """Save it as a JPEG of quality 12."""
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=12)
    return np.asarray(Image.open(file))


def dark(image: Pixels) -> Pixels:
    """Take more than half of the light away."""
    return _pixels(0.45 * image)


def bright(image: Pixels) -> Pixels:
    """Expose it too long."""
    return _pixels(1.5 * image + 20.0)


def pale(image: Pixels) -> Pixels:
    """Take contrast away."""
    mean = image.mean()
    return _pixels(mean + 0.4 * (image - mean))


def warm(image: Pixels) -> Pixels:
    """Light it with a bulb."""
    return _pixels(image * np.array([1.2, 1.0, 0.75]))


def coarse(image: Pixels) -> Pixels:
    """Leave a fifth of the pixels of its width and height."""
    side = max(1, round(80 * image.shape[1] / 384))
    return _resized(_resized(image, side, side), image.shape[1], image.shape[0])


CORRUPTIONS: dict[str, Callable[[Pixels], Pixels]] = {
    corruption.__name__.replace("_", " "): corruption
    for corruption in (
        *(on_stripes, far_away, close_up, noisy, blurred, moving),
        *(compressed, dark, bright, pale, warm, coarse),
    )
}


def _pixels(values: npt.NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return pixels


def _resized(image: Pixels, width: int, height: int) -> Pixels:
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)
