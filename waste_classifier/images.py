"""Photo -> RGB pixels: the only place where pixels are made of a photo, or a photo is resized."""

import stat
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from waste_classifier.batched import batched
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.parallel import map_in_threads, prefetched

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
#: Width x height of the largest photo that is decoded unless the caller says otherwise.
MAX_PIXELS = 50_000_000
#: Width and height that no photo exceeds: a JPEG can't. Pillow takes memory for each line.
MAX_SIDE = 65_535


@runtime_checkable
class Readable(Protocol):
    """What gives the content of an image file; its string is the name of the photo."""

    def read_bytes(self) -> bytes:
        """Return the content of the file; a `PhotoError` or OSError says why it can't."""


#: A file, or what Pillow or NumPy `(h, w, 3) uint8, RGB` holds of one.
Photo = str | PathLike[str] | Readable | Image.Image | npt.NDArray[np.uint8]

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
#: Modes of Pillow with 8 bits per channel or fewer, that it turns into RGB as they are meant.
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"}
#: Of 65535: a photo without a brighter value was written with fewer bits than its file says.
_BRIGHT_OF_16_BITS = 4096

#: Bytes of a file by which Pillow tells its format.
_START = 16

#: An image is converted in bands of about so many pixels, so that it is in memory once.
_BAND_PIXELS = 2**20
#: Threads that decode large photos wait for each other: two copies of 128 million pixels, the
#: most that all of them hold at once, take a GiB.
_SHARE_PIXELS = 4_000_000
_SHARES = 32
_free_shares = threading.Semaphore(_SHARES)
_next_to_take_shares = threading.Lock()

#: Of the images of callers one at a time is decoded: a list may hold one twice, two threads may ask
#: about it at once, and Pillow reads it from one file.
_decoding_of_callers = threading.Lock()


class ImageError(Exception):
    """Something is not an image that the project accepts; its text says why, without a name."""


class LargeImageError(ImageError):
    """An image has more pixels than its caller accepts."""


class LargePhotoError(PhotoError):
    """A photo has more pixels than the caller accepts, who may accept more."""


@contextmanager
def decoded(photo: Photo, max_pixels: int | None = MAX_PIXELS) -> Iterator[Image.Image]:
    """Give a whole photo as RGB, upright (EXIF), transparency laid on white, for a `with` block.

    Files may be JPEG, PNG, WebP, BMP and GIF of one frame, in any mode; the content decides, not
    the extension. While threads hold many pixels in such blocks, others wait. Several may ask for
    one image of Pillow; of one whose pixels are loaded already, the file's bits per channel are not
    known, and taken for 8.

    Args:
        photo: a file, what reads one, an image of Pillow, or `(h, w, 3) uint8`, RGB.
        max_pixels: width x height of the largest one accepted; None: no limit. It is in place of
            Pillow's `MAX_IMAGE_PIXELS`, which is neither asked nor changed.

    Raises:
        ImageError: not an image of these formats, truncated or corrupt, animated, of more than
            `max_pixels` pixels or longer than `MAX_SIDE` (checked before its pixels are decoded),
            of 16 bits per channel and nearly black, of a mode without a known range, or an array
            of another shape or type.
        PhotoError: `photo` reads a file, and says so.
        MemoryError: there is no memory for it.
        TypeError: `photo` is something else, such as the bytes of a file.
    """
    _check_kind(photo, "the photo")
    with _reasons_given(photo):
        opened = _open(photo)
    # An image of the caller's stays open.
    with nullcontext(opened) if opened is photo else opened:
        with _reasons_given(photo):
            _check_size(opened.width, opened.height, max_pixels)
        # Pillow's decoder of WebP holds two more copies.
        copies = 2 if opened.format == "WEBP" else 1
        with _memory_shared(copies * opened.width * opened.height):
            alone = _decoding_of_callers if opened is photo else nullcontext()
            with alone, _reasons_given(photo):
                image = _decode_opened(opened)
            yield image


def decode(photo: Photo, max_pixels: int | None = MAX_PIXELS) -> Image.Image:
    """Return what `decoded` gives; errors are the same."""
    with decoded(photo, max_pixels) as image:
        return image


@contextmanager
def loaded(
    photo: Photo, max_pixels: int | None = MAX_PIXELS, name: str | None = None
) -> Iterator[Image.Image]:
    """Decode a photo as `decoded` does; an error says which photo it is of.

    Args:
        photo: as of `decoded`.
        max_pixels: as of `decoded`.
        name: what an error calls the photo; None: its path, where it has one.

    Raises:
        PhotoError: it can't be decoded; a `LargePhotoError` where it exceeds `max_pixels`.
        InputError: there is no memory for it.
        TypeError: it is no photo of the kinds of `decoded`.
    """
    nameless = isinstance(photo, Image.Image | np.ndarray)
    name = name or ("the photo" if nameless else str(photo))
    try:
        with decoded(photo, max_pixels) as image:
            yield image
    except LargeImageError as error:
        raise LargePhotoError(f"{name}: {error}") from None
    except ImageError as error:
        raise PhotoError(f"{name}: {error}") from None
    except MemoryError:
        raise InputError(
            f"{name}: no memory for its pixels; free some, or leave the photo out"
        ) from None


def load(photo: Photo, max_pixels: int | None = MAX_PIXELS, name: str | None = None) -> Image.Image:
    """Return what `loaded` gives; errors are the same."""
    with loaded(photo, max_pixels, name) as image:
        return image


def load_resized(
    photo: Photo, size: int, max_pixels: int | None = MAX_PIXELS, name: str | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a photo and resize it to a square, as the classifier sees it.

    Its aspect ratio is not kept, as in `keras.utils.image_dataset_from_directory`; the filter is
    Pillow's bilinear one, which averages over all pixels that shrink into one (`RESIZING` of
    `waste_classifier.model`).

    Args:
        photo: as of `decoded`.
        size: pixels, width and height.
        max_pixels: as of `decoded`.
        name: as of `loaded`.

    Returns:
        `(size, size, 3) uint8`, RGB.

    Raises:
        PhotoError: it can't be decoded.
        InputError: there is no memory for it.
        TypeError: it is no photo of the kinds of `decoded`.
    """
    with loaded(photo, max_pixels, name) as image:
        # No `reducing_gap`: what a side of six times the size and more became by it, no other
        # library would make of it.
        square = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(square)


def resized_batches(
    photos: Sequence[Photo], size: int, batch_size: int, max_pixels: int | None = MAX_PIXELS
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield photos in order, `(up to batch_size, size, size, 3) uint8`, RGB.

    The next batch is decoded while one is used; memory does not grow with the number of photos.

    Raises:
        PhotoError: a photo is missing or can't be decoded.
        TypeError: `photos` is a single photo, whose letters or rows are none, or holds something
            else than photos.
        ValueError: `batch_size` is below 1.
    """
    _check_several(photos)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected 1 and more")
    return prefetched(_batches(photos, size, batch_size, max_pixels))


def _check_several(photos: Any) -> None:
    lone = isinstance(photos, str | PathLike | Readable | Image.Image)
    if lone or (isinstance(photos, np.ndarray) and photos.ndim == 3):
        raise TypeError("expected a list of photos, got one photo; give [photo]")


def _batches(
    photos: Sequence[Photo], size: int, batch_size: int, max_pixels: int | None
) -> Iterator[npt.NDArray[np.uint8]]:
    load = partial(_load_numbered, size=size, max_pixels=max_pixels)
    images = map_in_threads(load, enumerate(photos))
    return map(np.stack, batched(images, batch_size))


def _load_numbered(
    numbered: tuple[int, Photo], size: int, max_pixels: int | None
) -> npt.NDArray[np.uint8]:
    number, photo = numbered
    _check_kind(photo, f"photo {number}")
    name = f"photo {number}" if isinstance(photo, Image.Image | np.ndarray) else None
    return load_resized(photo, size, max_pixels, name)


def _check_kind(photo: Any, name: str) -> None:
    if not isinstance(photo, str | PathLike | Readable | Image.Image | np.ndarray):
        raise TypeError(
            f"{name}: expected a path, an image of Pillow or an array, got {type(photo).__name__}; "
            "wrap bytes by `Image.open(io.BytesIO(…))`"
        )


@contextmanager
def _reasons_given(photo: Photo) -> Iterator[None]:
    """Turn what Pillow raises of a damaged image into an `ImageError`."""
    try:
        yield
    except (ImageError, InputError, MemoryError):
        raise
    except UnidentifiedImageError:
        kinds = "JPEG, PNG, WebP, BMP or GIF"
        raise ImageError("empty file" if _is_empty(photo) else f"not an image of {kinds}") from None
    except OSError as error:
        if error.errno is not None:
            raise ImageError(f"cannot be read ({error.strerror})") from None
        raise ImageError(f"truncated or corrupt ({error})") from None
    # A GIF whose picture is larger than it says.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"more pixels than Pillow decodes ({error})") from None
    # Damaged files make Pillow raise anything: SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise ImageError(f"truncated or corrupt ({error})") from None


def _open(photo: Photo) -> Image.Image:
    if isinstance(photo, np.ndarray):
        _check_array(photo)
        _check_size(photo.shape[1], photo.shape[0], None)
        return Image.fromarray(photo)
    if isinstance(photo, Image.Image):
        return photo
    if not isinstance(photo, str | PathLike):
        return open_file(BytesIO(photo.read_bytes()))
    if not stat.S_ISFIFO(Path(photo).stat().st_mode):
        return open_file(photo)
    # A pipe gives its content once, and `open_file` reads the start of a file twice.
    content = Path(photo).read_bytes()
    if not content:
        raise ImageError("empty file")
    return open_file(BytesIO(content))


def open_file(file: str | PathLike[str] | BytesIO) -> Image.Image:
    """Open an image file of `FORMATS`, however large; its pixels are not decoded yet.

    `Image.open` does the same, but warns of many pixels and refuses more. Its limit is one for the
    whole process, and so for whoever imports this to change; nor can a thread lift it for itself.

    Raises:
        UnidentifiedImageError: it is of none of these formats.
        OSError: it can't be read. Damaged headers make Pillow raise anything.
    """
    if isinstance(file, BytesIO):
        start = file.read(_START)
    else:
        with Path(file).open("rb") as opened:
            start = opened.read(_START)
    Image.preinit()
    for name in FORMATS:
        if name not in Image.OPEN:
            Image.init()
        make, accepts = Image.OPEN[name]
        # What a build of Pillow can't read, it answers with a string.
        if accepts is None or accepts(start) is not True:
            continue
        if isinstance(file, BytesIO):
            file.seek(0)
        # As in `Image.open`: the file of another format, or no image.
        with suppress(SyntaxError, IndexError, TypeError, struct.error):
            return make(file, "")  # type: ignore[arg-type]
    raise UnidentifiedImageError("none of " + ", ".join(FORMATS))


def _is_empty(photo: Photo) -> bool:
    if isinstance(photo, str | PathLike):
        status = Path(photo).stat()
        # Of a pipe the size says nothing.
        return status.st_size == 0 and not stat.S_ISFIFO(status.st_mode)
    return isinstance(photo, Readable) and not photo.read_bytes()


@contextmanager
def _memory_shared(pixels: int) -> Iterator[None]:
    """Wait until so many pixels may be in memory, and hold their place for a `with` block."""
    shares = min(pixels // _SHARE_PIXELS, _SHARES)
    # One at a time, so that no two wait for each other with half of what they need; small photos
    # pass by.
    with _next_to_take_shares if shares else nullcontext():
        for _ in range(shares):
            _free_shares.acquire()
    try:
        yield
    finally:
        for _ in range(shares):
            _free_shares.release()


def _decode_opened(image: Image.Image) -> Image.Image:
    frames = getattr(image, "n_frames", 1)
    # Phones put previews and depth maps after a JPEG (MPO): the photo is the first frame.
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"animated ({frames} frames)")
    bits = _bits_per_channel(image)
    image.load()
    return _to_rgb(_upright(_of_8_bits(image, bits)))


def _check_array(photo: npt.NDArray[np.uint8]) -> None:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ImageError(
            f"expected an array (height, width, 3) of uint8, got {photo.shape} of {photo.dtype}"
        )


def _check_size(width: int, height: int, max_pixels: int | None) -> None:
    if width * height == 0:
        raise ImageError(f"{width} x {height} pixels")
    if max_pixels is not None and width * height > max_pixels:
        raise LargeImageError(f"{width} x {height} pixels, more than the limit of {max_pixels}")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"{width} x {height} pixels, but no side may be longer than {MAX_SIDE}")


def _bits_per_channel(image: Image.Image) -> int:
    """Return how many bits a channel of an image that is not loaded yet has in its file."""
    if image.mode.startswith("I;16"):
        return 16
    if image.mode == "1":
        return 1
    if image.format != "PNG" or not getattr(image, "tile", None):
        return 8
    # As Pillow names how pixels are packed: L;4, RGB;16B, P.
    _, _, packing = str(image.tile[0].args).partition(";")  # type: ignore[attr-defined]
    return int(packing.rstrip("B") or 8)


def _of_8_bits(image: Image.Image, bits: int) -> Image.Image:
    """Return an image with 8 bits per channel or fewer, and its transparent colour in these."""
    if image.mode.startswith("I;16"):
        return _grey_of_8_bits(image)
    if image.mode not in _MODES:
        raise ImageError(f"mode {image.mode}, whose range is not known; convert it to RGB first")
    if bits == 16:
        channels = image.split()[: 1 if image.mode == "LA" else 3]
        _check_brightness(max(cast(int, channel.getextrema()[1]) for channel in channels) << 8)
    # Pillow has scaled the pixels, but not the colour that stands for transparency.
    colour = image.info.get("transparency")
    if bits == 8 or colour is None or image.mode not in ("1", "L", "RGB"):
        return image
    image = image.convert("L") if image.mode == "1" else image.copy()
    image.info["transparency"] = _scaled(colour, bits)
    return image


def _grey_of_8_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit grey with 8 bits: Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(image)
    _check_brightness(int(values.max()))
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    colour = image.info.get("transparency")
    if colour is not None:
        grey.putalpha(Image.fromarray(np.where(values == colour, 0, 255).astype(np.uint8)))
    # EXIF goes on.
    grey.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return grey


def _check_brightness(brightest: int) -> None:
    if brightest < _BRIGHT_OF_16_BITS:
        raise ImageError(
            f"16 bits per channel, but no value of {_BRIGHT_OF_16_BITS} or more, so nearly black; "
            "save it with 8 bits per channel"
        )


def _scaled(colour: Any, bits: int) -> Any:
    """Return a value, or values, of so many bits in 8 bits, as Pillow scales pixels."""
    if isinstance(colour, tuple):
        return tuple(_scaled(value, bits) for value in colour)
    return colour >> 8 if bits == 16 else colour * 255 // (2**bits - 1)


def _upright(image: Image.Image) -> Image.Image:
    # ImageOps.exif_transpose also rewrites the EXIF data, and fails where these are damaged.
    try:
        method = _TRANSPOSITIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    # Damaged EXIF makes Pillow raise anything; the pixels are whole, and shown as they are stored.
    except Exception:
        return image
    if method is None:
        return image
    turned = image.transpose(method)
    # Whoever decodes it again must not turn it again: EXIF and XMP both say how it lay.
    turned.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return turned


def _to_rgb(image: Image.Image) -> Image.Image:
    transparent = image.has_transparency_data
    if image.mode == "RGB" and not transparent:
        return image
    rgb = Image.new("RGB", image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        if transparent:
            white = Image.new("RGBA", band.size, "white")
            band = Image.alpha_composite(white, band.convert("RGBA"))
        rgb.paste(band.convert("RGB"), (0, top))
    return rgb
