"""Every kind of photo becomes upright RGB, or is refused with a reason."""

import io
import re
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.waste_classifier.pipes import piped
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import (
    MAX_PIXELS,
    ImageError,
    Photo,
    decode,
    decoded,
    load,
    load_resized,
    open_file,
    resized_batches,
)

ROOT = Path(__file__).parents[2]
RED = (255, 0, 0)


def test_pixels_of_a_lossless_file_are_unchanged(tmp_path: Path) -> None:
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    image = decode(tmp_path / "1.png")
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("L", "JPEG"),
        ("RGB", "JPEG"),
        ("CMYK", "JPEG"),
        ("YCbCr", "JPEG"),
        ("1", "BMP"),
        ("L", "BMP"),
        ("P", "BMP"),
        ("RGB", "BMP"),
        ("RGBA", "WEBP"),
        ("RGB", "WEBP"),
        ("1", "GIF"),
        ("L", "GIF"),
        ("P", "GIF"),
    ],
)
def test_white_is_white_in_any_mode(tmp_path: Path, mode: str, kind: str) -> None:
    file = tmp_path / "image"
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 65535, np.uint16)).save(file, kind)
    else:
        Image.new("RGB", (8, 8), "white").convert(mode).save(file, kind)
    image = decode(file)
    assert image.mode == "RGB"
    assert np.asarray(image).min() >= 250


def test_grey_of_16_bits_is_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], np.uint16)).save(tmp_path / "1.png")
    assert np.asarray(decode(tmp_path / "1.png"))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_transparent_is_white(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 0))
    image.putpixel((1, 0), (*RED, 255))
    image.save(tmp_path / "image", kind, lossless=True)
    decoded = decode(tmp_path / "image")
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 0)) == RED


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 51)).save(tmp_path / "1.png")
    assert decode(tmp_path / "1.png").getpixel((0, 0)) == (204, 204, 204)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    # Where the red pixel, stored at the top left, is when the image is upright: (x, y).
    [
        (1, (0, 0)),
        (2, (2, 0)),
        (3, (2, 1)),
        (4, (0, 1)),
        (5, (0, 0)),
        (6, (1, 0)),
        (7, (1, 2)),
        (8, (0, 2)),
    ],
)
def test_the_image_is_upright(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (3, 2), "white")
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "1.png", exif=exif)
    upright = decode(tmp_path / "1.png")
    assert upright.size == ((3, 2) if orientation < 5 else (2, 3))
    assert upright.getpixel(corner) == RED
    again = decode(upright)
    assert again.getpixel(corner) == RED, "it is turned once"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_no_harm(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 2), "white")
    image.save(tmp_path / "1.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert decode(tmp_path / "1.jpg").size == (3, 2)


def test_a_photo_with_previews_is_its_first_frame(tmp_path: Path) -> None:
    preview = Image.new("RGB", (8, 8), "blue")
    Image.new("RGB", (16, 16), "white").save(
        tmp_path / "1.jpg", "MPO", save_all=True, append_images=[preview]
    )
    image = decode(tmp_path / "1.jpg")
    assert image.size == (16, 16)
    assert image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_are_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    frames[0].save(tmp_path / "image", kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"^animated \(2 frames\)$"):
        decode(tmp_path / "image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = tmp_path / "image"
    Image.fromarray(pixels).save(file, kind)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError, match=r"^truncated or corrupt"):
        decode(file)


def test_damaged_files_raise_nothing_but_image_errors(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = tmp_path / "image"
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        Image.fromarray(pixels).save(file, kind, exif=exif)
        content = np.frombuffer(file.read_bytes(), np.uint8)
        for _ in range(200):
            damaged = content.copy()
            damaged[random.integers(0, len(content), 4)] = random.integers(0, 256, 4)
            file.write_bytes(damaged.tobytes())
            try:
                with warnings.catch_warnings(action="ignore"):
                    assert decode(file, max_pixels=10_000).mode == "RGB"
            except ImageError:
                pass


def test_too_many_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (10, 11)).save(tmp_path / "1.png")
    assert decode(tmp_path / "1.png", max_pixels=110).size == (10, 11)
    with pytest.raises(ImageError, match=r"^10 x 11 pixels, more than the limit of 109$"):
        decode(tmp_path / "1.png", max_pixels=109)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "^empty file$"),
        (b"text", "^not an image of JPEG, PNG, WebP, BMP or GIF$"),
        (b"II*\0 a TIFF", "^not an image"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "1.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "1.jpg")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty file"), (b"text", "not an image of JPEG, PNG, WebP")]
)
def test_what_a_pipe_gives_is_read_once(content: bytes, message: str, tmp_path: Path) -> None:
    file = as_file(red_with_white_right(), tmp_path)

    with piped(file.read_bytes()) as path:
        np.testing.assert_array_equal(np.asarray(decode(path)), red_with_white_right())
    with piped(content) as path, pytest.raises(ImageError, match=f"^{message}"):
        decode(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^cannot be read \(No such file or directory\)$"):
        decode(tmp_path / "1.jpg")


def red_with_white_right() -> npt.NDArray[np.uint8]:
    pixels = np.full((20, 40, 3), 255, np.uint8)
    pixels[:, :20] = RED
    return pixels


def as_file(pixels: npt.NDArray[np.uint8], folder: Path) -> Path:
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder / "photo.png"


def as_name(pixels: npt.NDArray[np.uint8], folder: Path) -> Photo:
    return str(as_file(pixels, folder))


def as_opened(pixels: npt.NDArray[np.uint8], folder: Path) -> Photo:
    return Image.open(as_file(pixels, folder))


def as_image(pixels: npt.NDArray[np.uint8], _folder: Path) -> Photo:
    return Image.fromarray(pixels)


def as_array(pixels: npt.NDArray[np.uint8], _folder: Path) -> Photo:
    return pixels


class Content:
    """What reads a file, as a stage may have it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __str__(self) -> str:
        return "a photo of mine"

    def read_bytes(self) -> bytes:
        return self.file.read_bytes()


def as_content(pixels: npt.NDArray[np.uint8], folder: Path) -> Photo:
    return Content(as_file(pixels, folder))


KINDS = [as_file, as_name, as_content, as_opened, as_image, as_array]


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_may_be_a_file_an_image_or_an_array(
    kind: Callable[[npt.NDArray[np.uint8], Path], Photo], tmp_path: Path
) -> None:
    pixels = red_with_white_right()
    image = decode(kind(pixels, tmp_path))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_images_of_pillow_are_made_upright_and_opaque_too(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 2), (*RED, 0))
    image.putpixel((0, 0), (*RED, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "1.png", exif=exif)
    with Image.open(tmp_path / "1.png") as opened:
        upright = decode(opened)
    assert upright.size == (2, 3)
    assert upright.getpixel((1, 0)) == RED
    assert upright.getpixel((0, 0)) == (255, 255, 255)


def test_a_truncated_image_of_pillow_is_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "1.jpg")
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "1.jpg") as opened,
        pytest.raises(ImageError, match=r"^truncated or corrupt"),
    ):
        decode(opened)


def test_a_closed_image_of_pillow_is_refused(tmp_path: Path) -> None:
    opened = Image.open(as_file(red_with_white_right(), tmp_path))
    opened.close()
    with pytest.raises(ImageError, match=r"^truncated or corrupt"):
        decode(opened)


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((4, 5), np.uint8), r"\(4, 5\) of uint8"),
        (np.zeros((4, 5, 4), np.uint8), r"\(4, 5, 4\) of uint8"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"\(1, 4, 5, 3\) of uint8"),
        (np.zeros((4, 5, 3), np.float32), r"\(4, 5, 3\) of float32"),
        (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\) of uint8"),
    ],
)
def test_other_arrays(array: npt.NDArray[np.uint8], got: str) -> None:
    with pytest.raises(
        ImageError, match=rf"^expected an array \(height, width, 3\) of uint8, got {got}$"
    ):
        decode(array)


def test_an_image_of_pillow_without_pixels() -> None:
    with pytest.raises(ImageError, match=r"^0 x 5 pixels$"):
        decode(Image.new("RGB", (0, 5)))


def png(
    size: tuple[int, int], bits: int, colour_type: int, rows: bytes = b"", chunks: bytes = b""
) -> bytes:
    """Return a PNG of raw rows, each of which begins with its filter (PNG specification, 11.2)."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows) if rows else b"")
    return b"\x89PNG\r\n\x1a\n" + header + chunks + data + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of PNG


@pytest.mark.parametrize(
    ("bits", "colour_type", "row", "transparent", "expected"),
    [
        # Of two and more pixels, the second is of the transparent colour.
        (1, GREY, [0b01000000], [1], [0, 255]),
        (2, GREY, [0b00011011], [1], [0, 255, 170, 255]),
        (4, GREY, [0x5A], [10], [85, 255]),
        (8, GREY, [5, 6], [6], [5, 255]),
        (16, GREY, [40000 >> 8, 64, 40001 >> 8, 65], [40001], [156, 255]),
        (8, RGB, [9, 9, 9, 4, 5, 6], [4, 5, 6], [9, 255]),
        (16, RGB, [128, 1, 128, 1, 128, 1, 64, 1, 64, 2, 64, 3], [16385, 16386, 16387], [128, 255]),
    ],
)
def test_a_transparent_colour_is_white_at_any_depth(
    bits: int,
    colour_type: int,
    row: list[int],
    transparent: list[int],
    expected: list[int],
    tmp_path: Path,
) -> None:
    colour = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    (tmp_path / "1.png").write_bytes(
        png((len(expected), 1), bits, colour_type, bytes([0, *row]), colour)
    )

    pixels = np.asarray(decode(tmp_path / "1.png"))

    assert pixels[0].tolist() == [[value] * 3 for value in expected]


def test_a_palette_may_be_transparent_in_parts(tmp_path: Path) -> None:
    colours = chunk(b"PLTE", bytes([0, 0, 0, *RED])) + chunk(b"tRNS", bytes([51]))
    (tmp_path / "1.png").write_bytes(png((2, 1), 8, PALETTE, bytes([0, 0, 1]), colours))

    assert np.asarray(decode(tmp_path / "1.png"))[0].tolist() == [[204, 204, 204], [*RED]]


@pytest.mark.parametrize(
    ("colour_type", "channels"), [(GREY, 1), (RGB, 3), (GREY_ALPHA, 2), (RGBA, 4)]
)
def test_16_bits_that_hold_fewer_are_refused(
    colour_type: int, channels: int, tmp_path: Path
) -> None:
    for brightest, accepted in ((255, False), (4095, False), (4096, True)):
        alpha = [65535] * (channels in (2, 4))
        values = [brightest] * (channels - len(alpha)) + alpha
        row = b"\0" + struct.pack(f">{channels}H", *values)
        (tmp_path / "1.png").write_bytes(png((1, 1), 16, colour_type, row))
        if accepted:
            assert decode(tmp_path / "1.png").getpixel((0, 0)) == (16, 16, 16)
        else:
            with pytest.raises(ImageError, match="16 bits per channel, but no value of 4096"):
                decode(tmp_path / "1.png")


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_images_of_pillow_without_a_known_range_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match=rf"^mode {mode}, whose range is not known"):
        decode(Image.new(mode, (2, 2)))


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_no_side_is_longer_than_a_jpeg_can_be(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    (tmp_path / "1.png").write_bytes(png(size, 8, GREY, (b"\0" + bytes(width)) * height))

    with pytest.raises(ImageError, match=rf"^{width} x {height} pixels, but no side may be longer"):
        decode(tmp_path / "1.png", max_pixels=None)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone says it so")
def test_many_pixels_are_in_memory_once(tmp_path: Path) -> None:
    # Of a palette with transparency: 16 million pixels are 64 MB as Pillow holds RGB.
    colours = chunk(b"PLTE", bytes(range(256)) * 3) + chunk(b"tRNS", bytes([0, 128]))
    rows = (b"\0" + bytes(range(250)) * 16) * 4000
    (tmp_path / "1.png").write_bytes(png((4000, 4000), 8, PALETTE, rows, colours))
    measured = r"""
import re, sys
from waste_classifier.images import load_resized
def peak(): return int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
before = peak()
load_resized(sys.argv[1], 224)
print((peak() - before) // 1024)
"""
    command = [sys.executable, "-c", measured, str(tmp_path / "1.png")]

    mib = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    # Palette and RGB are 76 MiB; a copy of it all as RGBA would be 61 more.
    assert 76 <= mib < 110


def test_a_photo_too_large_for_the_memory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(_image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", without_memory)
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")

    with pytest.raises(InputError, match=rf"^{tmp_path}/1\.png: no memory for its pixels"):
        load_resized(tmp_path / "1.png", 8)


def test_threads_wait_for_each_other_where_photos_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three shares of a hundred pixels each, instead of 32 of four million.
    for name, value in (
        ("SHARES", 3),
        ("SHARE_PIXELS", 100),
        ("free_shares", threading.Semaphore(3)),
    ):
        monkeypatch.setattr(f"waste_classifier.images._{name}", value)
    Image.new("L", (10, 20)).save(tmp_path / "1.png")
    inside = threading.Semaphore(0)
    go_on = threading.Event()

    def hold() -> None:
        with decoded(tmp_path / "1.png"):
            inside.release()
            assert go_on.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=60)
    assert not inside.acquire(timeout=1), "the second waits"
    # Small photos neither count nor wait.
    Image.new("L", (9, 9)).save(tmp_path / "2.png")
    decode(tmp_path / "2.png")
    assert not inside.acquire(blocking=False)
    go_on.set()
    assert inside.acquire(timeout=60)
    for thread in threads:
        thread.join()


def declared_png(file: Path, width: int, height: int) -> Path:
    """Write a PNG that says how large it is, and holds no pixels."""
    file.write_bytes(png((width, height), 8, RGB))
    return file


@pytest.mark.parametrize(
    "load_one",
    [
        decode,
        load,
        lambda photo: load_resized(photo, 32),
        lambda photo: next(resized_batches([photo], 32, 1)),
    ],
    ids=["decode", "load", "load_resized", "resized_batches"],
)
@pytest.mark.parametrize("kind", ["file", "image", "array"])
def test_every_way_in_has_a_limit_of_pixels(
    kind: str, load_one: Callable[[Photo], object], tmp_path: Path
) -> None:
    width, height = 10_000, MAX_PIXELS // 10_000 + 1
    # That is checked first: of these, only the last has pixels, one and the same everywhere.
    file = declared_png(tmp_path / "large.png", width, height)
    pixel = np.zeros((1, 1, 3), np.uint8)
    with Image.open(file) as opened:
        photos: dict[str, Photo] = {
            "file": file,
            "image": opened,
            "array": np.broadcast_to(pixel, (height, width, 3)),
        }
        with pytest.raises(
            (ImageError, InputError), match="10000 x 5001 pixels, more than the limit of 50000000"
        ):
            load_one(photos[kind])


def test_errors_name_the_photo(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match=r"/empty\.jpg: empty file$"):
        load(tmp_path / "empty.jpg")
    with pytest.raises(PhotoError, match=r"/empty\.jpg: empty file$"):
        load_resized(tmp_path / "empty.jpg", 8)
    with pytest.raises(PhotoError, match=r"^the second: empty file$"):
        load_resized(tmp_path / "empty.jpg", 8, name="the second")
    with pytest.raises(PhotoError, match=r"^a photo of mine: empty file$"):
        next(resized_batches([Content(tmp_path / "empty.jpg")], 8, 1))
    with pytest.raises(PhotoError, match=r"^a photo of mine: cannot be read \(No such file or"):
        load(Content(tmp_path / "gone.jpg"))
    # An image or array has no name but its place among the others.
    good, bad = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    with pytest.raises(PhotoError, match=r"^photo 1: expected an array"):
        list(resized_batches([good, bad], 8, batch_size=4))


def test_resized_to_a_square() -> None:
    pixels = load_resized(red_with_white_right(), 10)
    assert pixels.shape == (10, 10, 3)
    assert pixels.dtype == np.uint8
    assert pixels[5, 2].tolist() == [255, 0, 0]
    assert pixels[5, 7].tolist() == [255, 255, 255]


def test_all_pixels_that_shrink_into_one_count() -> None:
    # A chessboard, of which every eighth pixel alone would be of one colour.
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = load_resized(np.repeat(board[..., np.newaxis], 3, axis=2).astype(np.uint8), 8)
    assert np.abs(pixels - 127.5).max() < 8


def test_a_photo_ten_times_as_large_is_resized_as_the_document_says(tmp_path: Path) -> None:
    document = (ROOT / "docs/how-to/devices.md").read_text()
    (code,) = [each for each in re.findall("```python\n(.*?)```", document, re.S) if "def " in each]
    written: dict[str, Any] = {"np": np}
    exec(code, written)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    # A smaller JPEG could be made while it is decoded, of other pixels.
    Image.fromarray(pixels).save(tmp_path / "1.jpg")
    whole = decode(tmp_path / "1.jpg")

    resized = load_resized(tmp_path / "1.jpg", 48)

    plain = whole.resize((48, 48), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resized, np.asarray(plain))
    # Pillow rounds after each direction.
    by_hand = written["resized"](np.asarray(whole), 48)
    assert np.abs(by_hand.astype(int) - resized).max() <= 1


def test_one_opened_image_may_be_asked_about_many_times_at_once(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        Image.fromarray(pixels).save(tmp_path / "photo", kind, exif=exif)
        expected = load_resized(tmp_path / "photo", 8)
        # Pillow reads the pixels when they are first asked for.
        for _ in range(5):
            with Image.open(tmp_path / "photo") as opened:
                (batch,) = resized_batches([opened] * 8, 8, 8)
            assert (batch == expected).all()
            with Image.open(tmp_path / "photo") as opened, ThreadPoolExecutor(4) as threads:
                asked = [threads.submit(load_resized, opened, 8) for _ in range(4)]
            for each in asked:
                np.testing.assert_array_equal(each.result(), expected)


@pytest.mark.parametrize(
    ("photo", "kind"),
    [(b"\xff\xd8\xff", "bytes"), (io.BytesIO(b"\xff\xd8\xff"), "BytesIO"), (None, "NoneType")],
)
def test_what_is_no_kind_of_photo_is_a_mistake_of_the_caller(photo: Any, kind: str) -> None:
    wanted = (
        rf"expected a path, an image of Pillow or an array, got {kind}; "
        r"wrap bytes by `Image\.open\(io\.BytesIO\(…\)\)`$"
    )
    for load_one in (decode, load, lambda each: load_resized(each, 8)):
        with pytest.raises(TypeError, match="^the photo: " + wanted):
            load_one(photo)
    with pytest.raises(TypeError, match="^photo 1: " + wanted):
        list(resized_batches([np.zeros((2, 2, 3), np.uint8), photo], 8, 2))


def test_bytes_wrapped_as_the_error_says_are_a_photo(tmp_path: Path) -> None:
    content = as_file(red_with_white_right(), tmp_path).read_bytes()

    with Image.open(io.BytesIO(content)) as photo:
        np.testing.assert_array_equal(np.asarray(decode(photo)), red_with_white_right())


def test_the_limit_of_pillow_is_neither_changed_nor_asked(tmp_path: Path) -> None:
    # Whoever imports this has photos of others, and limits of its own.
    own = "import waste_classifier.images; from PIL import Image; print(Image.MAX_IMAGE_PIXELS)"
    alone = "from PIL import Image; print(Image.MAX_IMAGE_PIXELS)"
    limits = [
        subprocess.run([sys.executable, "-c", each], check=True, capture_output=True).stdout
        for each in (own, alone)
    ]
    assert limits[0] == limits[1] != b"None\n"
    # More than Pillow warns of, and more than twice as many, which it refuses.
    for width, height in ((10_000, 9_000), (10_000, 18_000)):
        file = declared_png(tmp_path / "large.png", width, height)
        with warnings.catch_warnings(action="error"):
            for photo in (file, Content(file)):
                with pytest.raises(
                    ImageError,
                    match=rf"^{width} x {height} pixels, more than the limit of 50000000$",
                ):
                    decode(photo)
            with open_file(file) as opened:
                assert opened.size == (width, height)


def test_a_picture_larger_than_its_gif_says_is_refused(tmp_path: Path) -> None:
    Image.new("P", (4, 4)).save(tmp_path / "1.gif")
    content = bytearray((tmp_path / "1.gif").read_bytes())
    picture = content.index(b",\0\0\0\0\4\0\4\0")
    content[picture + 5 : picture + 9] = b"\xff" * 4
    (tmp_path / "1.gif").write_bytes(content)

    with pytest.raises(ImageError, match=r"^more pixels than Pillow decodes \(Image size"):
        decode(tmp_path / "1.gif", max_pixels=None)


@pytest.mark.parametrize(("batch_size", "lengths"), [(2, [2, 2, 1]), (5, [5]), (64, [5])])
def test_batches_hold_photos_in_order(batch_size: int, lengths: list[int]) -> None:
    photos = [np.full((3, 4, 3), 10 * number, np.uint8) for number in range(5)]
    batches = list(resized_batches(photos, 8, batch_size))
    assert [batch.shape for batch in batches] == [(length, 8, 8, 3) for length in lengths]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(
    "photo",
    ["photo.jpg", Path("photo.jpg"), Image.new("RGB", (2, 2)), np.zeros((2, 2, 3), np.uint8)],
)
def test_a_single_photo_is_no_list_of_photos(photo: Any) -> None:
    with pytest.raises(TypeError, match=r"got one photo; give \[photo\]"):
        resized_batches(photo, 8, 1)


def test_batches_of_no_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size is 0; expected 1 and more"):
        resized_batches([], 8, 0)


def test_no_photos_make_no_batch() -> None:
    assert list(resized_batches([], 8, 2)) == []
