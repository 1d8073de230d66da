"""Photo -> RGB pixels: the only place where an image file is decoded or a photo resized."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from waste_classifier.errors import PhotoError
from waste_classifier.parallel import map_in_threads, prefetched

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
#: Width x height of the largest photo that is decoded unless the caller says otherwise.
MAX_PIXELS = 50_000_000

#: A file, or what Pillow or NumPy `(h, w, 3) uint8, RGB` holds of one.
Photo = str | PathLike[str] | Image.Image | npt.NDArray[np.uint8]

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


class ImageError(Exception):
    """Something is not an image that the project accepts; its text says why, without a name."""


def decode(photo: Photo, max_pixels: int | None = MAX_PIXELS) -> Image.Image:
    """Return a whole photo as RGB, upright (EXIF), transparency laid on white.

    Files may be JPEG, PNG, WebP, BMP and GIF of one frame, in any mode; the content decides, not
    the extension.

    Args:
        photo: a file, an image of Pillow, or `(h, w, 3) uint8`, RGB.
        max_pixels: width x height of the largest one accepted; None: no limit.

    Raises:
        ImageError: not an image of these formats, truncated or corrupt, animated, of more than
            `max_pixels` pixels (checked before its pixels are decoded), or an array of another
            shape or type.
    """
    try:
        if isinstance(photo, np.ndarray):
            _check_array(photo)
            _check_pixels(photo.shape[1], photo.shape[0], max_pixels)
            return Image.fromarray(photo)
        if isinstance(photo, Image.Image):
            return _decode_opened(photo, max_pixels)
        with Image.open(photo, formats=FORMATS) as image:
            return _decode_opened(image, max_pixels)
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError:
        size = Path(photo).stat().st_size  # type: ignore[arg-type]
        kinds = "JPEG, PNG, WebP, BMP or GIF"
        raise ImageError("empty file" if size == 0 else f"not an image of {kinds}") from None
    except OSError as error:
        if error.errno is not None:
            raise ImageError(f"cannot be read ({error.strerror})") from None
        raise ImageError(f"truncated or corrupt ({error})") from None
    # Damaged files make Pillow raise anything: SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise ImageError(f"truncated or corrupt ({error})") from None


def load(photo: Photo, max_pixels: int | None = MAX_PIXELS, name: str | None = None) -> Image.Image:
    """Decode a photo as `decode` does; an error says which photo it is of.

    Args:
        photo: as of `decode`.
        max_pixels: as of `decode`.
        name: what an error calls the photo; None: its path.

    Raises:
        PhotoError: it can't be decoded.
    """
    try:
        return decode(photo, max_pixels)
    except ImageError as error:
        raise PhotoError(f"{photo if name is None else name}: {error}") from None


def load_resized(
    photo: Photo, size: int, max_pixels: int | None = MAX_PIXELS, name: str | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a photo and resize it to a square, as the classifier sees it.

    Its aspect ratio is not kept, as in `keras.utils.image_dataset_from_directory`; the filter is
    Pillow's bilinear one, which averages over all pixels that shrink into one (`RESIZING` of
    `waste_classifier.classifier`).

    Args:
        photo: as of `decode`.
        size: pixels, width and height.
        max_pixels: as of `decode`.
        name: as of `load`.

    Returns:
        `(size, size, 3) uint8`, RGB.

    Raises:
        PhotoError: it can't be decoded.
    """
    image = load(photo, max_pixels, name)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0))


def resized_batches(
    photos: Sequence[Photo], size: int, batch_size: int, max_pixels: int | None = MAX_PIXELS
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield photos in order, `(up to batch_size, size, size, 3) uint8`, RGB.

    The next batch is decoded while one is used; memory does not grow with the number of photos.

    Raises:
        PhotoError: a photo is missing or can't be decoded.
    """
    return prefetched(_batches(photos, size, batch_size, max_pixels))


def _batches(
    photos: Sequence[Photo], size: int, batch_size: int, max_pixels: int | None
) -> Iterator[npt.NDArray[np.uint8]]:
    load = partial(_load_numbered, size=size, max_pixels=max_pixels)
    images = map_in_threads(load, enumerate(photos))
    while batch := list(islice(images, batch_size)):
        yield np.stack(batch)


def _load_numbered(
    numbered: tuple[int, Photo], size: int, max_pixels: int | None
) -> npt.NDArray[np.uint8]:
    number, photo = numbered
    name = str(photo) if isinstance(photo, str | PathLike) else f"photo {number}"
    return load_resized(photo, size, max_pixels, name)


def _decode_opened(image: Image.Image, max_pixels: int | None) -> Image.Image:
    _check_pixels(image.width, image.height, max_pixels)
    frames = getattr(image, "n_frames", 1)
    # Phones put previews and depth maps after a JPEG (MPO): the photo is the first frame.
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"animated ({frames} frames)")
    image.load()
    return _to_rgb(_upright(image))


def _check_array(photo: npt.NDArray[np.uint8]) -> None:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ImageError(
            f"expected an array (height, width, 3) of uint8, got {photo.shape} of {photo.dtype}"
        )


def _check_pixels(width: int, height: int, max_pixels: int | None) -> None:
    if width * height == 0:
        raise ImageError(f"{width} x {height} pixels")
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels, more than the limit of {max_pixels}")


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
