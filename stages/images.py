"""Image file -> RGB pixels: the only place where an image file is decoded."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from stages.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

#: What makes an image upright, by its EXIF orientation (Exif 2.32, tag 0x0112).
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own limit on pixels would warn at 89 million; the one of `decode` takes its place.
Image.MAX_IMAGE_PIXELS = None

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
            frames = getattr(image, "n_frames", 1)
            # Phones put previews and depth maps after a JPEG (MPO): the photo is the first frame.
            if frames > 1 and image.format != "MPO":
                raise ImageError(f"animated ({frames} frames)")
            image.load()
            return _to_rgb(_upright(image))
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError:
        size = path.stat().st_size
        kinds = "JPEG, PNG, WebP, BMP or GIF"
        raise ImageError("empty file" if size == 0 else f"not an image of {kinds}") from None
    except OSError as error:
        if error.errno is not None:
            raise ImageError(f"cannot be read ({error.strerror})") from None
        raise ImageError(f"truncated or corrupt ({error})") from None
    # Damaged files make Pillow raise anything: SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise ImageError(f"truncated or corrupt ({error})") from None


def load_resized(path: Path, size: int) -> npt.NDArray[np.uint8]:
    """Decode an image that fetch accepted and resize it to a square.

    Its aspect ratio is not kept, as in `keras.utils.image_dataset_from_directory`.

    Returns:
        `(size, size, 3) uint8`, RGB.

    Raises:
        InputError: the file is gone or was damaged since.
    """
    try:
        image = decode(path)
    except ImageError as error:
        raise InputError(f"{path}: {error}; run `dvc checkout` to bring the image back") from None
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0))


def resized_batches(
    paths: Sequence[Path], size: int, batch_size: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield images in order, `(up to batch_size, size, size, 3) uint8`, RGB.

    The next batch is decoded while one is used; memory does not grow with the number of images.

    Raises:
        InputError: an image is missing or can't be decoded.
    """

    def batches() -> Iterator[npt.NDArray[np.uint8]]:
        images = map_in_threads(partial(load_resized, size=size), paths)
        while batch := list(islice(images, batch_size)):
            yield np.stack(batch)

    remaining = batches()
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, remaining, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, remaining, None)
            yield batch


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply `function` to items on all cores, yielding in order, few results in memory at once.

    Pillow decodes and resizes outside the interpreter's lock, so threads are enough.
    """
    workers = available_cores()
    iterator = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(function, item) for item in islice(iterator, 4 * workers)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending.extend(pool.submit(function, item) for item in islice(iterator, 1))
        finally:
            for future in pending:
                future.cancel()


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _upright(image: Image.Image) -> Image.Image:
    # ImageOps.exif_transpose also rewrites the EXIF data, and fails where these are damaged.
    try:
        method = _TRANSPOSITIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    # Damaged EXIF makes Pillow raise anything; the pixels are whole, and shown as they are stored.
    except Exception:
        return image
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        # Pillow's own conversion of 16-bit grey clips at 255 instead of scaling.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
