"""Image file -> RGB pixels: the only place where an image file is decoded."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

Item = TypeVar("Item")
Result = TypeVar("Result")


class ImageError(Exception):
    """A file is not an image that the project accepts; its text says why, without the path."""


def decode(path: Path, max_pixels: int | None = None) -> Image.Image:
    """Decode a whole image file to RGB, upright (EXIF), transparency laid on white.

    Accepts JPEG, PNG, WebP, BMP and GIF of one frame, in any mode; the content decides, not the
    extension.

    Raises:
        ImageError: not an image of these formats, truncated or corrupt, animated, or of more
            than `max_pixels` pixels (checked before its pixels are decoded).
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise ImageError(
                    f"{image.width} x {image.height} pixels, more than the limit of {max_pixels}"
                )
            if getattr(image, "n_frames", 1) > 1:
                raise ImageError(f"animated ({image.n_frames} frames)")  # type: ignore[attr-defined]
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        size = path.stat().st_size
        raise ImageError("empty file" if size == 0 else "not an image") from None
    except Image.DecompressionBombError as error:
        raise ImageError(str(error)) from None
    # Pillow's decoders report damage by any of these.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise ImageError(f"truncated or corrupt ({error})") from None


def load_resized(path: Path, size: int) -> npt.NDArray[np.uint8]:
    """Decode an image and resize it to a square (its aspect ratio is not kept, as in Keras).

    Returns:
        `(size, size, 3) uint8`, RGB.
    """
    image = decode(path).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(image)


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply `function` to items on all cores, yielding in order, few results in memory at once.

    Pillow decodes and resizes outside the interpreter's lock, so threads are enough.
    """
    workers = available_cores()
    iterator = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(function, item) for item in islice(iterator, 4 * workers)]
        while pending:
            yield pending.pop(0).result()
            pending.extend(pool.submit(function, item) for item in islice(iterator, 1))


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        values = np.asarray(image, dtype=np.float64)
        scale = 255.0 / 65535.0 if values.max(initial=0) > 255 else 1.0
        return Image.fromarray((values * scale).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
